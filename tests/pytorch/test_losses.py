from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from nets import chain, with_side_exit
from striate.engine import lower
from striate.graph import Graph, Operator
from striate.notation import parse
from striate.ops import (
    Dense,
    Input,
    Softmax,
    SquaredError,
)
from striate.passes.attach_loss import with_loss
from striate.pytorch import loss_function
from striate.reference import run

SCORES = np.random.default_rng(0).standard_normal((6, 4))
CLASSES = np.array([3, 0, 2, 2, 1, 3])


def classifier(*end: Operator) -> Graph:
    return chain(Input((5,)), Dense(4), *end)


def test_without_a_loss_scores_get_cross_entropy() -> None:
    z, t = torch.from_numpy(SCORES), torch.from_numpy(CLASSES)
    torch.testing.assert_close(loss_function(classifier())(z, t), F.cross_entropy(z, t))


def test_targets_may_be_any_whole_numbers() -> None:
    z, t = torch.from_numpy(SCORES), torch.from_numpy(CLASSES)
    loss = loss_function(classifier())
    assert loss(z, t.to(torch.uint8)) == loss(z, t.int()) == loss(z, t)


def test_a_softmax_trains_soundly_on_hopeless_pictures() -> None:
    """The right class has a probability that float32 rounds to 0."""
    graph = classifier(Softmax())
    module = lower(graph)
    with torch.no_grad():
        module.fc1.weight.zero_()
        module.fc1.bias.copy_(torch.tensor([0.0, 200.0, 0.0, -100.0]))
    x, target = torch.zeros(2, 5), torch.tensor([0, 3])
    loss = loss_function(graph)(module(x), target)
    loss.backward()
    assert loss.item() == pytest.approx(250.0)
    torch.testing.assert_close(module.fc1.bias.grad, torch.tensor([-0.5, 1.0, 0.0, -0.5]))


def test_the_loss_of_a_softmax_is_right_in_either_mode() -> None:
    graph = classifier(Softmax())
    module, loss = lower(graph), loss_function(graph)
    x, target = torch.randn(6, 5), torch.from_numpy(CLASSES)
    logarithms = module.train()(x)
    probabilities = module.eval()(x)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(6))
    torch.testing.assert_close(logarithms.exp(), probabilities)
    torch.testing.assert_close(loss(logarithms, target), loss(probabilities, target))
    torch.testing.assert_close(loss(logarithms, target), F.nll_loss(logarithms, target))


def test_logarithms_leave_only_for_the_log_loss() -> None:
    squared = with_loss(classifier(Softmax()), SquaredError())
    x = torch.randn(6, 5)
    torch.testing.assert_close(lower(squared).train()(x).sum(1), torch.ones(6))


@pytest.mark.parametrize("softmax", [False, True])
def test_side_exits_are_weighted(softmax: bool) -> None:
    graph = with_side_exit(softmax=softmax)
    module, loss = lower(graph), loss_function(graph)
    x, target = torch.randn(6, 2, 7, 6), torch.from_numpy(CLASSES)
    scores, side = module(x)
    if softmax:
        one, two = F.nll_loss(scores, target), F.nll_loss(side, target)
    else:
        one, two = F.cross_entropy(scores, target), F.cross_entropy(side, target)
    torch.testing.assert_close(loss((scores, side), target), one + 0.3 * two)
    torch.testing.assert_close(loss(module.eval()(x), target), one)


@pytest.mark.parametrize("whole", [True, False], ids=["classes", "shares"])
def test_gradients_by_picture_with_vmap(whole: bool) -> None:
    graph = classifier()
    module, loss = lower(graph), loss_function(graph)
    x, target = torch.randn(6, 5), torch.from_numpy(CLASSES)
    target = target if whole else F.one_hot(target, 4).float()
    weights = {name: each.detach() for name, each in module.named_parameters()}

    def of_one(weights: dict[str, Tensor], x: Tensor, target: Tensor) -> Tensor:
        scores = torch.func.functional_call(module, weights, (x[None],))
        return loss(scores, target[None])

    found = torch.func.vmap(torch.func.grad(of_one), in_dims=(None, 0, 0))(weights, x, target)
    loss(module(x), target).backward()
    for name, each in module.named_parameters():
        torch.testing.assert_close(found[name].mean(0), each.grad)


def test_probabilities_that_no_softmax_made_are_never_taken_for_logarithms() -> None:
    """Numbers below 0 count as the smallest positive one, as the judge takes them."""
    graph, x, target = parse("INPUT 3 -> LOGLOSS"), np.array([[-1.0, -2, -3]]), np.array([1])
    judged = run(graph, {}, x, target=target)
    leaf = torch.tensor(x, requires_grad=True)
    loss = loss_function(graph)(leaf, torch.from_numpy(target))
    loss.backward()
    assert loss.item() == pytest.approx(judged.loss) == pytest.approx(-np.log(2.0**-1022))
    assert leaf.grad.tolist() == judged.backward().nodes["input"].tolist() == [[0, 0, 0]]
