from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from nets import chain, with_side_exit
from striate.engine import lower
from striate.graph import Call, Graph, Node, Operator
from striate.ops import (
    CrossEntropy,
    Dense,
    Hinge,
    Input,
    LogLoss,
    MapLoss,
    SigmoidCrossEntropy,
    Softmax,
    SquaredError,
)
from striate.passes.attach_loss import with_loss
from striate.pytorch import loss_function

SCORES = np.random.default_rng(0).standard_normal((6, 4))
CLASSES = np.array([3, 0, 2, 2, 1, 3])
SHARES = np.random.default_rng(1).dirichlet(np.ones(4), 6)


@pytest.mark.parametrize("target", [CLASSES, SHARES], ids=["classes", "shares"])
@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(),
        CrossEntropy(0.2),
        LogLoss(),
        SquaredError(),
        SigmoidCrossEntropy(),
        MapLoss(0.5),
        Hinge(2.0),
    ],
    ids=str,
)
def test_losses_are_those_of_the_formulas(loss: Operator, target: np.ndarray) -> None:
    if isinstance(loss, Hinge) and target is SHARES:
        pytest.skip("a hinge takes class numbers only")
    graph = Graph((Node("x", Input((4,))), Node("loss", loss, ("x",))))
    values = np.abs(SCORES) / 9 if isinstance(loss, LogLoss) else SCORES
    call = Call((values,), target=target)
    picture = loss.forward(call)
    wanted = loss.backward(call.with_output(picture), np.full(6, 1 / 6)).inputs[0]
    leaf = torch.tensor(values, requires_grad=True)
    found = loss_function(graph)(leaf, torch.from_numpy(target))
    found.backward()
    assert found.item() == pytest.approx(picture.mean(), rel=1e-12)
    np.testing.assert_allclose(leaf.grad, wanted, rtol=1e-12, atol=1e-15)


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
