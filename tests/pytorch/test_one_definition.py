"""The judge, the training loss and PyTorch's own functions agree on every kind of target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import loss_settings
from striate import ops, reference
from striate.analysis.verify import verify
from striate.analysis.why.inquiry import Inquiry, why
from striate.engine import LossGradients
from striate.errors import SettingError
from striate.graph import Auxiliary, Graph, Node, Operator
from striate.notation import parse, text
from striate.ops.loss.row_loss import RowLoss
from striate.pytorch import load_weights, loss_function
from striate.pytorch.evaluate import values_and_gradients

quickly = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

NETS = {
    "vector": "INPUT 3 -> FC 4",
    "sequence": "INPUT 3x7 -> CONV 4 1",
    "map": "INPUT 3x2x5 -> CONV 4 1",
    "one place": "INPUT 3x1x1 -> CONV 4 1",
}

WAYS: dict[type[Operator], Any] = {
    ops.CrossEntropy: lambda specs: loss_settings.class_loss(ops.CrossEntropy, specs),
    ops.LogLoss: lambda specs: loss_settings.class_loss(ops.LogLoss, specs),
    ops.SigmoidCrossEntropy: loss_settings.sigmoid_cross_entropy,
    ops.Hinge: loss_settings.hinge,
    ops.SquaredError: lambda specs: st.tuples(st.just(ops.SquaredError()), st.tuples(specs)),
    ops.MapLoss: lambda specs: st.tuples(
        st.builds(ops.MapLoss, st.floats(-3, 3), loss_settings.SMOOTHING), st.tuples(specs)
    ),
}


def test_every_loss_is_tried() -> None:
    assert set(WAYS) == {kind for kind in ops.OPERATORS if issubclass(kind, RowLoss)}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("kind", WAYS, ids=lambda kind: kind.__name__)
@given(st.data())
@quickly
def test_the_judge_the_training_loss_and_pytorch(
    kind: type[Operator], net: str, data: st.DataObject
) -> None:
    bare = parse(NETS[net])
    scores = bare.specs[bare.scores.name]
    loss, _ = data.draw(WAYS[kind](st.just(scores)))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    plain = kind is ops.Hinge or data.draw(st.booleans())
    target = loss_settings.target(loss, scores, 3, plain, rng)
    graph = ended(bare, loss, side=data.draw(st.booleans()))
    assert parse(text(graph)) == graph
    weights, x = drawn(graph, rng), rng.standard_normal((3, *graph.specs["input"].shape))

    trace = reference.run(graph, weights, x, target=target)
    found = trace.backward()
    module = graph.module(seed=0).double().train()
    load_weights(module, weights)
    trained = loss_function(graph)(module(torch.from_numpy(x)), torch.from_numpy(target))
    trained.backward()
    second = values_and_gradients(graph, weights, x, target)

    z = torch.tensor(trace.values[bare.scores.name])
    assert trace.loss == pytest.approx(1.5 ** (len(graph.auxiliary)) * wanted(loss, z, target))
    assert trained.item() == pytest.approx(trace.loss, rel=1e-12)
    for name, parameter in module.named_parameters():
        node, _, key = name.rpartition(".")
        near(parameter.grad, found.weights[node][key])
        near(second.weight_gradients[node][key], found.weights[node][key])
    near(second.values["loss"], trace.values["loss"])


def ended(bare: Graph, loss: Operator, *, side: bool) -> Graph:
    """The network with the loss; a side exit of the same scores counts half as much."""
    last, nodes = bare.scores.name, list(bare.nodes)
    if isinstance(loss, ops.LogLoss):
        nodes.append(Node("softmax", ops.Softmax(), (last,)))
    nodes.append(Node("loss", loss, (nodes[-1].name,)))
    return Graph(tuple(nodes), (Auxiliary(last, 0.5),) if side else ())


def drawn(graph: Graph, rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    return {
        node.name: {key: rng.standard_normal(w.shape) for key, w in own.items()}
        for node in graph
        if (own := graph.weights(node))
    }


def wanted(loss: Any, z: Tensor, given_target: np.ndarray) -> float:
    """PyTorch's function with its reduction "mean", from the scores that no softmax has seen."""
    t, classes = torch.from_numpy(given_target), z.shape[1]
    places = (-1, *[1] * (z.ndim - 2))
    hot = t if t.is_floating_point() else F.one_hot(t % classes, classes).movedim(-1, 1).double()

    def numbers(setting: tuple[float, ...] | None, shape: Any = (-1,)) -> Tensor | None:
        return None if setting is None else torch.tensor(setting).double().reshape(shape)

    if isinstance(loss, ops.CrossEntropy | ops.LogLoss):
        none = loss.ignore_index is None or t.is_floating_point()
        ignored = -100 if none else loss.ignore_index
        more = {"ignore_index": ignored, "label_smoothing": loss.smoothing}
        return F.cross_entropy(z, t, numbers(loss.class_weights), **more).item()
    if isinstance(loss, ops.SquaredError):
        return F.mse_loss(z, hot).item() * classes / 2
    if isinstance(loss, ops.SigmoidCrossEntropy):
        q = hot * (1 - loss.smoothing) + loss.smoothing / 2
        own = numbers(loss.class_weights, places), numbers(loss.pos_weight, places)
        mean = F.binary_cross_entropy_with_logits(z, q, own[0], pos_weight=own[1])
        return mean.item() * classes
    if isinstance(loss, ops.Hinge):
        rows, own = z.movedim(1, -1).reshape(-1, classes), numbers(loss.class_weights)
        mean = F.multi_margin_loss(rows, t.flatten(), loss.p, loss.margin, own)
        return mean.item() * classes
    rubbish = torch.full_like(z[:, :1], -loss.j)
    q = hot * (1 - loss.smoothing) + loss.smoothing / classes
    shares = torch.cat([q, 0 * rubbish], dim=1)
    return F.cross_entropy(torch.cat([-z, rubbish], dim=1), shares).item()


def near(found: Any, right: Any) -> None:
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-12)


def test_shares_that_do_not_sum_to_one() -> None:
    """Two pictures, shares (1, 1, 0) and none: the mean of two surprises and nothing."""
    graph = parse("INPUT 3 -> FC 3 -> CROSSENTROPY")
    weights = {"fc1": {"weight": np.eye(3), "bias": np.zeros(3)}}
    x, shares = np.log([[1.0, 2, 5], [1, 1, 1]]), np.array([[1.0, 1, 0], [0, 0, 0]])
    right = (np.log(8) + np.log(4)) / 2
    trace = reference.run(graph, weights, x, target=shares)
    assert trace.loss == pytest.approx(right, rel=1e-14)
    near(trace.backward().nodes["fc1"], [[2 / 8 - 1, 4 / 8 - 1, 10 / 8], [0, 0, 0]] / np.float64(2))
    module = graph.module()
    load_weights(module, weights)
    pictures, given_shares = torch.tensor(x).float(), torch.tensor(shares)
    assert loss_function(graph)(module(pictures), given_shares).item() == pytest.approx(right)
    assert LossGradients(graph, module)(pictures, given_shares)[1].item() == pytest.approx(right)
    near(module.fc1.bias.grad, [-0.375, -0.25, 0.625])
    asked = why((graph, weights), x[0], "loss", target=[1, 1, 0])
    assert asked.formula == "Σ q[k] · (log Σ exp(fc1[m]) - fc1[k])"
    assert asked.reference == pytest.approx(np.log(8) + np.log(4))
    assert asked.reference_residual < 1e-14
    slope = why((graph, weights), x[0], "fc1[2].grad", target=[1, 1, 0])
    assert slope.reference == pytest.approx(10 / 8)
    assert slope.reference_residual < 1e-14


def test_a_batch_weighs_its_pictures() -> None:
    """Weights 1 and 3, scores (0, log 3): surprises log 4 and log 4/3; class 7 is ignored."""
    graph = parse("INPUT 2 -> CROSSENTROPY weights=1+3 ignore_index=7")
    x, target = np.log([[1.0, 3], [1, 3], [1, 9]]), np.array([0, 1, 7])
    right = (1 * np.log(4) + 3 * np.log(4 / 3)) / (1 + 3)
    trace = reference.run(graph, {}, x, target=target)
    assert trace.loss == pytest.approx(right, rel=1e-14)
    near(trace.values["loss"], [np.log(4), np.log(4 / 3), 0])
    near(trace.backward().nodes["input"], np.array([[-3, 3], [3, -3], [0, 0]]) / 16)
    found = loss_function(graph)(torch.tensor(x), torch.tensor(target))
    assert found.item() == pytest.approx(right, rel=1e-14)


ENDS = ("SOFTMAX", "HINGE", "BCE", "MSE", "MAPLOSS")
NAN, INF = float("nan"), float("inf")
WRONG: list[tuple[Any, str]] = [
    ([0, 3], "the target [0, 3] names no class\n  It is 3 at [1].\n  Classes are whole numbers "),
    ([-1, 0], "It is -1 at [0]."),
    ([-100, 0], "It is -100 at [0]."),
    ([0], "It is 1 of type int64, the scores are 2x3 (pictures first)."),
    ([0, 1, 2], "It is 3 of type int64, the scores are 2x3"),
    ([[0, 1]], "It is 1x2 of type int64"),
    ([0.5, 1.0], "It is 2 of type float64"),
    ([1.0, 2.0], "It is 2 of type float64"),
    ([[1, 0, 0, 0], [0, 1, 0, 0]], "It is 2x4 of type int64"),
    ([[NAN, 0, 1], [0, 1, 0]], "the target is nan at [0, 0]"),
    ([[0, 0, 1], [0, INF, 0]], "the target is inf at [1, 1]"),
    ([[1j, 0, 0], [0, 1, 0]], "of type complex128"),
]


@pytest.mark.parametrize(("target", "what"), WRONG, ids=[str(target) for target, _ in WRONG])
@pytest.mark.parametrize("end", ["", *(f" -> {word}" for word in ENDS)])
def test_both_engines_refuse_in_the_same_words(end: str, target: Any, what: str) -> None:
    graph, given_target = parse(f"INPUT 5 -> FC 3{end}"), np.array(target)
    weights = drawn(graph, np.random.default_rng(0))
    with pytest.raises(SettingError) as judged:
        reference.run(graph, weights, np.ones((2, 5)), target=given_target)
    outputs = graph.module()(torch.ones(2, 5))
    with pytest.raises(SettingError) as trained:
        loss_function(graph)(outputs, torch.from_numpy(given_target))
    assert str(trained.value) == str(judged.value)
    if "HINGE" not in end:
        assert what in str(judged.value)


def test_a_target_of_which_nothing_counts() -> None:
    for end in ("ignore_index=255", "weights=1+0+2"):
        graph = parse(f"INPUT 3 -> CROSSENTROPY {end}")
        target = np.full(2, 255 if "255" in end else 1)
        with pytest.raises(SettingError, match="there is no mean"):
            _ = reference.run(graph, {}, np.ones((2, 3)), target=target).loss
        with pytest.raises(SettingError, match="there is no mean"):
            loss_function(graph)(torch.ones(2, 3), torch.from_numpy(target))


def test_one_picture_may_lack_its_batch_axis() -> None:
    for net, target in (("vector", 2), ("map", np.arange(10).reshape(2, 5) % 4)):
        graph, rng = parse(NETS[net]), np.random.default_rng(4)
        weights, x = drawn(graph, rng), rng.standard_normal(graph.specs["input"].shape)
        alone = reference.run(graph, weights, x, target=np.array(target))
        assert alone.loss == reference.run(graph, weights, x[None], target=np.array([target])).loss


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.int64])
def test_classes_may_be_of_any_whole_type(kind: torch.dtype) -> None:
    loss = loss_function(parse("INPUT 3 -> CROSSENTROPY"))
    z = torch.tensor([[0.0, 1, 2], [3, 1, 0]])
    assert loss(z, torch.tensor([0, 2]).to(kind)) == F.cross_entropy(z, torch.tensor([0, 2]))


def test_ctc_in_every_engine() -> None:
    graph, rng = parse("INPUT 3x7 -> CONV 5 3 same -> CTC blank=2"), np.random.default_rng(5)
    weights, x = drawn(graph, rng), rng.standard_normal((3, 3, 7))
    target = np.array([[0, 1, 1, 4], [3, 3, -1, -1], [-1, -1, -1, -1]])
    trace = reference.run(graph, weights, x, target=target)
    module = graph.module().double()
    load_weights(module, weights)
    scores = module(torch.from_numpy(x))
    trained = loss_function(graph)(scores, torch.from_numpy(target))
    log_p = scores.movedim(2, 0).log_softmax(2)
    lengths = torch.tensor([4, 2, 0])
    right = F.ctc_loss(log_p, torch.from_numpy(target), torch.full((3,), 7), lengths, blank=2)
    assert trace.loss == pytest.approx(right.item(), rel=1e-12)
    assert trained.item() == pytest.approx(right.item(), rel=1e-12)
    trained.backward()
    near(module.conv1.weight.grad, trace.backward().weights["conv1"]["weight"])
    assert verify(graph).ok
    asked = Inquiry((graph, weights), x[0], target=[0, 1, 1, 4])
    for what in ("loss", "conv1[0,3].grad"):
        assert asked.why(what).reference_residual < 1e-13
    assert Inquiry((graph, weights), x[0]).why("loss").reference > 0


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ([[1, 2]], "the target [[1, 2]] is no labels"),
        ([[1, 3]], "the target [[1, 3]] is no labels"),
        ([[-1, 1]], "the target [[-1, 1]] is no labels"),
        ([1, 0], "the target [1, 0] is no labels"),
        ([[1.0, 0.0]], "the target [[1.0, 0.0]] is no labels"),
        ([[1, 1, 0]], "the 3 labels of picture 0 need 4 steps, but there are 3"),
    ],
)
def test_labels_that_mean_nothing(target: Any, what: str) -> None:
    graph = parse("INPUT 3x3 -> CTC blank=2")
    with pytest.raises(SettingError) as judged:
        reference.run(graph, {}, np.zeros((1, 3, 3)), target=np.array(target))
    with pytest.raises(SettingError) as trained:
        loss_function(graph)(torch.zeros(1, 3, 3), torch.tensor(target))
    assert str(judged.value) == str(trained.value)
    assert judged.value.what == what
