from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_verify import chain

from promises import SETTINGS
from striate.analysis.explanation import Explanation
from striate.analysis.why import Inquiry, why
from striate.data.preprocess import Preprocessing
from striate.errors import DataError, ExplanationError, StriateError, UnknownNameError
from striate.graph import Assembly, Graph, Operator
from striate.ops import (
    OPERATORS,
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Input,
    LogLoss,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    SquaredError,
    Tanh,
)

Array = NDArray[Any]
CLASSES = ("crow", "jay", "magpie", "rook", "raven")


@dataclass(frozen=True)
class Model:
    """What `striate.Model` gives to a question."""

    graph: Graph
    weights: dict[str, dict[str, Array]]
    classes: tuple[str, ...] = CLASSES
    preprocessing: Preprocessing | None = None


def weights_of(graph: Graph, seed: int = 0) -> dict[str, dict[str, Array]]:
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, Array]] = {}
    for node in graph:
        for name, weight in graph.weights(node).items():
            positive = weight.role in ("gain", "statistic_one")
            drawn = rng.standard_normal(weight.shape) / np.sqrt(max(weight.fan_in, 1))
            value = rng.uniform(0.5, 1.5, weight.shape) if positive else drawn
            found.setdefault(node.name, {})[name] = value.astype(np.float32)
    return found


LENET = chain(
    Input((2, 13, 11)), Conv(3, 3, padding=1), BatchNorm(), ReLU(), MaxPool(2), Conv(4, 3),
    Tanh(), AveragePool(2), Dense(7), Sigmoid(), Dropout(0.4), Dense(5),
)  # fmt: skip


def residual() -> Graph:
    made = Assembly()
    stem = made.add(Conv(3, 3, padding=1), [made.add(Input((2, 13, 11)))], "stem.conv")
    inner = made.add(ReLU(), [made.add(Conv(3, 3, padding=1), [stem])])
    summed = made.add(Add(), [inner, stem, stem], "block.sum")
    made.exit(made.add(Dense(5), [summed], "aux"), 0.3)
    made.add(Softmax(), [made.add(Dense(5), [made.add(MaxPool(4), [summed])])])
    return made.graph()


MODELS = {
    "scores": Model(LENET, weights_of(LENET)),
    "probabilities": Model(residual(), weights_of(residual())),
    "squared": Model(
        squared := chain(Input((2, 13, 11)), Conv(2, 4), ReLU(), Dense(5), SquaredError()),
        weights_of(squared),
    ),
}
PICTURE = np.random.default_rng(5).standard_normal((2, 13, 11)).astype(np.float32)


def addresses(model: Model, rng: np.random.Generator) -> list[str]:
    """A random number of every node and weight, and the gradient of each."""
    inquiry = Inquiry(model, PICTURE)
    found = []
    for node in inquiry.graph:
        shape = inquiry.graph.specs[node.name].shape
        place = f"[{','.join(str(rng.integers(n)) for n in shape)}]" if shape else ""
        found.append(f"{node.name}{place}")
        if (
            node.name not in ("aux", "flatten1", "probability")
            or model is not MODELS["probabilities"]
        ):
            found.append(f"{node.name}{place}.grad")
        for name, weight in inquiry.graph.weights(node).items():
            place = f"[{','.join(str(rng.integers(n)) for n in weight.shape)}]"
            found.append(f"{node.name}.{name}{place}")
            if weight.trainable and node.name != "aux":
                found.append(f"{node.name}.{name}{place}.grad")
    return [each for each in found if not each.startswith("probability") or "grad" not in each]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_number_adds_up(model: Model) -> None:
    rng = np.random.default_rng(6)
    inquiry = Inquiry(model, PICTURE, target=3)
    asked = [what for _ in range(3) for what in addresses(model, rng)]
    assert len(asked) > 50
    rounding = []
    for what in asked:
        found = inquiry.why(what)
        assert found.what == what
        assert found.reference_residual < 1e-13, what
        assert found.relative_residual is not None
        rounding.append(found.relative_residual)
        assert len(found.terms) > 0 or found.value == 0
        assert not set("{}") & set(found.formula)
    # A number whose inputs nearly cancel keeps their rounding, which is large beside it.
    assert np.quantile(rounding, 0.9) < 1e-5
    assert max(rounding) < 1e-2


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_stored_is_what_an_ordinary_module_computes(model: Model) -> None:
    from striate.pytorch import loss_function, lower

    module = lower(model.graph, model.weights).eval()
    scores = module(torch.from_numpy(PICTURE[None]))
    loss_function(model.graph)(scores, torch.tensor([2])).backward()
    inquiry = Inquiry(model, PICTURE, target="magpie")
    name = model.graph.scores.name
    for unit in range(5):
        assert inquiry.why(f"{name}[{unit}]").stored == pytest.approx(scores[0, unit].item())
    for key, parameter in module.named_parameters():
        if not key.startswith("aux"):
            place = tuple(n - 1 for n in parameter.shape)
            what = f"{key}[{','.join(map(str, place))}].grad"
            gradient = parameter.grad
            assert gradient is not None
            assert inquiry.why(what).stored == pytest.approx(gradient[place].item(), 1e-4, 1e-9)


Pairs = set[tuple[str, str]]


def letters(what: str) -> str:
    """input[0,1,2] as A23, conv1.weight[0,0,1,2] as K23, conv1[0,1,2].grad as B23."""
    letter = "K" if "weight" in what else "A" if what.startswith("input") else "B"
    *_, row, column = (int(n) for n in what.partition("[")[2].partition("]")[0].split(","))
    return f"{letter}{row + 1}{column + 1}"


@pytest.mark.parametrize(("size", "kernel"), [(3, 2), (5, 3)])
def test_the_textbook_convolution_is_enumerated(size: int, kernel: int) -> None:
    """B[i,j] = Σ A[i+u-1, j+v-1] · K[u,v]: who meets whom, forward and backward."""
    graph = chain(Input((1, size, size)), Conv(1, kernel, bias=False), Dense(2))
    x = np.random.default_rng(1).standard_normal((1, size, size))
    inquiry = Inquiry((graph, weights_of(graph)), x, target=1)
    places = range(1, size - kernel + 2)
    met = {
        (f"A{i + u - 1}{j + v - 1}", f"K{u}{v}", f"B{i}{j}")
        for i, j in product(places, places)
        for u, v in product(range(1, kernel + 1), repeat=2)
    }

    def asked(what: str) -> tuple[str, set[tuple[str, ...]]]:
        found = inquiry.why(what)
        assert found.value == pytest.approx(found.reference, rel=1e-12)
        named = {tuple(sorted(letters(f.what) for f in term.factors)) for term in found.terms}
        assert len(named) == len(found.terms)
        return letters(what), named

    for i, j in product(range(size), repeat=2):
        name, named = asked(f"input[0,{i},{j}].grad")
        assert named == {(b, k) for a, k, b in met if a == name}
    for i, j in product(range(size - kernel + 1), repeat=2):
        name, named = asked(f"conv1[0,{i},{j}]")
        assert named == {(a, k) for a, k, b in met if b == name}
    for i, j in product(range(kernel), repeat=2):
        name, named = asked(f"conv1.weight[0,0,{i},{j}].grad")
        assert named == {(a, b) for a, k, b in met if k == name}
    if (size, kernel) == (5, 3):
        a24 = asked("input[0,1,3].grad")[1]
        assert a24 == {("B12", "K23"), ("B13", "K22"), ("B22", "K13"), ("B23", "K12")}
        assert asked("input[0,0,0].grad")[1] == {("B11", "K11")}
        assert asked("input[0,4,1].grad")[1] == {("B31", "K32"), ("B32", "K31")}
        assert len(asked("input[0,2,2].grad")[1]) == 9


def test_the_formula_has_the_networks_names() -> None:
    inquiry = Inquiry(MODELS["scores"], PICTURE, target=0)
    formulas = {
        "conv2[3,1,2]": "Σ pool1[c, 1+u, 2+v] · conv2.weight[3,c,u,v] + conv2.bias[3]",
        "relu1[1,2,3]": "relu(bn1[1,2,3])",
        "fc2[4]": "Σ dropout1[i] · fc2.weight[4,i] + fc2.bias[4]",
        "loss": "-fc2[0] + log Σ exp(fc2[k])",
        "relu1[1,2,3].grad": "Σ pool1[1,i,j].grad · [relu1[1,2,3] is the largest]",
        "fc2.weight[1,2].grad": "fc2[1].grad · dropout1[2]",
        "tanh1[0,1,1].grad": "Σ pool2[0,i,j].grad · 1/4",
        "conv1.weight[0,0,0,0]": "learned",
        "bn1.running_mean[0]": "counted while training",
        "loss.grad": "1",
    }
    assert {what: inquiry.why(what).formula for what in formulas} == formulas


def test_what_a_unit_sees_is_what_moves_it() -> None:
    inquiry = Inquiry(MODELS["scores"], PICTURE)
    for what in ("conv1[0,0,5]", "conv2[1,2,0]", "pool2[3,1,0]", "flatten1[7]", "fc1[2]"):
        found = inquiry.why(what)
        rows, columns = found.sees
        assert (rows.axis, columns.axis) == ("row", "column")
        moved = np.array(PICTURE)
        moved[:, rows.first : rows.last + 1, columns.first : columns.last + 1] = 0
        inside = why(MODELS["scores"], moved, what).value
        outside = np.where(moved == 0, PICTURE, 7)
        assert inside != found.value
        assert why(MODELS["scores"], outside, what).value == found.value


def test_padding_that_is_left_out_is_told() -> None:
    found = why(MODELS["scores"], PICTURE, "conv1[0,0,5]")
    assert len(found.terms) == 2 * 6 + 1
    assert found.notes == ("3 of the window's 9 taps lie on the padding and are left out",)


def walk(first: Explanation, choose: Callable[[Explanation], str | None]) -> list[Explanation]:
    steps = [first]
    while (chosen := choose(steps[-1])) is not None:
        steps.append(steps[-1].ask(chosen))
    return steps


PREPROCESSING = Preprocessing(1, 9, 12, mean=(0.25,), std=(0.5,))
PIXELS = np.random.default_rng(9).integers(1, 256, (9, 12), dtype=np.uint8)


@pytest.fixture(scope="module")
def photographed() -> Model:
    graph = chain(
        Input((1, 9, 12)), Conv(3, 3, padding=1), ReLU(), MaxPool(2), Conv(4, 2), Tanh(), Dense(5)
    )
    return Model(graph, weights_of(graph, 3), CLASSES, PREPROCESSING)


def test_a_person_can_walk_from_the_loss_to_a_pixel(photographed: Model) -> None:
    def deeper(found: Explanation) -> str | None:
        """Through the largest factor that is a value or a function of values."""
        if found.arguments:
            return found.arguments[0].what
        for term in found.largest(len(found.terms)):
            for factor in term.factors:
                if factor.refs and factor.what != found.what and ".weight" not in factor.what:
                    return factor.what
        return None

    steps = walk(why(photographed, PIXELS, "loss", target="rook"), deeper)
    names = [step.what.partition("[")[0] for step in steps]
    assert [n for n in names if "(" not in n] == [
        "loss", "fc1", "flatten1", "tanh1", "conv2", "pool1", "relu1", "conv1", "input", "pixel",
    ]  # fmt: skip
    last = steps[-1]
    row, column = (int(n) for n in last.what.strip("pixel[]").split(",")[1:])
    assert last.value == PIXELS[row, column]
    assert steps[-2].value == pytest.approx((last.value / 255 - 0.25) / 0.5, rel=1e-12)


def test_a_person_can_walk_back_along_a_gradient(photographed: Model) -> None:
    def upstream(found: Explanation) -> str | None:
        largest = found.largest(1)[0] if found.terms else None
        factors = [f.what for f in largest.factors] if largest else []
        return next((f for f in factors if f.endswith(".grad")), None)

    first = why(photographed, PIXELS, "input[0,4,5].grad", target=2)
    steps = walk(first, upstream)
    assert [step.what.partition("[")[0] for step in steps] == [
        "input", "conv1", "relu1", "pool1", "conv2", "tanh1", "flatten1", "fc1", "loss.grad",
    ]  # fmt: skip
    assert steps[-1].value == 1


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_factor_answers_with_its_own_value(model: Model) -> None:
    rng = np.random.default_rng(10)
    inquiry = Inquiry(model, PICTURE, target=1)
    for what in addresses(model, rng):
        found = inquiry.why(what)
        for term in found.terms[:2] + found.terms[-2:]:
            for factor in term.factors:
                again = inquiry.why(factor.what)
                assert again.value == pytest.approx(factor.value, rel=1e-12, abs=1e-300), what
                assert again.stored == pytest.approx(factor.value, rel=1e-3, abs=1e-5)
        for each in found.askable[:3]:
            assert found.ask(each).value == inquiry.why(each).value


@pytest.mark.parametrize("kind", [k for k in OPERATORS if not k.is_loss and k is not Input])
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_factors_of_every_operator_can_be_asked(kind: type[Operator], data: st.DataObject) -> None:
    operator, specs = data.draw(SETTINGS[kind])
    if any(spec != specs[0] for spec in specs):
        return
    made = Assembly()
    source = made.add(Input(specs[0].shape))
    it = made.add(operator, [source, *(made.add(Tanh(), [source]) for _ in specs[1:])], "it")
    made.add(Dense(3), [it])
    graph = made.graph()
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal(specs[0].shape)
    inquiry = Inquiry((graph, weights_of(graph)), x, target=1)

    def some(name: str, shape: tuple[int, ...]) -> str:
        return f"{name}[{','.join(str(data.draw(st.integers(0, n - 1))) for n in shape)}]"

    asked = [some("it", graph.specs["it"].shape), f"{some('input', specs[0].shape)}.grad"]
    for name, weight in graph.weights(graph["it"]).items():
        gradient = ".grad" if weight.trainable else ""
        asked.append(some(f"it.{name}", weight.shape) + gradient)
    for what in asked:
        found = inquiry.why(what)
        assert found.reference_residual < 1e-12
        for term in found.terms[:2] + found.terms[-1:]:
            for factor in term.factors:
                value = inquiry.why(factor.what).value
                assert value == pytest.approx(factor.value, rel=1e-9, abs=1e-12), factor.what


def test_the_answer_as_json_has_the_promised_form() -> None:
    found = why(MODELS["scores"], PICTURE, "conv2[3,1,2]")
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    promised = {"schema_version", "what", "formula", "value", "stored", "residual", "terms"}
    assert promised <= set(answer)
    assert answer["schema_version"] == 1
    assert answer["value"] == pytest.approx(sum(term["value"] for term in answer["terms"]))
    assert answer["residual"] == answer["stored"] - answer["value"]
    assert all(set(term) == {"value", "factors"} for term in answer["terms"])
    assert answer["terms"][0]["factors"][1]["what"] == "conv2.weight[3,0,0,0]"
    assert answer["terms"][0]["value"] == pytest.approx(
        np.prod([factor["value"] for factor in answer["terms"][0]["factors"]])
    )
    assert answer["products"] == 3 * 9 + 1


def test_largest_and_cancellation() -> None:
    found = why(MODELS["scores"], PICTURE, "conv2[3,1,2]")
    sizes = [abs(term.value) for term in found.largest(8)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(abs(term.value) for term in found.terms)
    assert found.magnitude >= abs(found.value)


def test_the_target_is_given_or_predicted_and_told() -> None:
    model = MODELS["scores"]
    said = Inquiry(model, PICTURE)
    scores = [said.why(f"fc2[{k}]").value for k in range(5)]
    best = int(np.argmax(scores))
    predicted = said.why("loss")
    assert predicted.target == CLASSES[best]
    assert "predicted class" in predicted.notes[0]
    for target in ("jay", "1", 1, np.int64(1), [0, 1, 0, 0, 0]):
        found = why(model, PICTURE, "loss", target=target)
        assert found.notes == ()
        assert found.value == pytest.approx(np.log(np.exp(scores).sum()) - scores[1])
    numbered = replace(model, classes=("4", "3", "2", "1", "0"))
    assert why(numbered, PICTURE, "loss", target="1").target == "1"
    assert why(numbered, PICTURE, "loss", target="1").formula.startswith("-fc2[3]")


def test_probabilities_and_class_names() -> None:
    inquiry = Inquiry(MODELS["scores"], PICTURE)
    shares = [inquiry.why(f"probability[{name}]") for name in CLASSES]
    assert sum(each.value for each in shares) == pytest.approx(1)
    assert shares[2].what == "probability[2]"
    assert inquiry.why("logit[jay]").what == inquiry.why("fc2[jay]").what == "fc2[1]"
    ended = Inquiry(MODELS["probabilities"], PICTURE)
    assert ended.why("probability[crow]").what == "softmax1[0]"
    assert ended.why("logit[0]").what == "fc1[0]"


def test_pictures_come_as_files_bytes_arrays_and_tensors(
    photographed: Model, tmp_path: Any
) -> None:
    from PIL import Image

    image = Image.fromarray(PIXELS)
    image.save(tmp_path / "bird.png")
    exact = PREPROCESSING.normalize_array(PIXELS[None])
    forms = [
        tmp_path / "bird.png", str(tmp_path / "bird.png"), image, PIXELS, PIXELS[None],
        PIXELS[None, None], exact, exact[None], exact[0], torch.from_numpy(exact),
        torch.from_numpy(PIXELS[None]),
    ]  # fmt: skip
    values = [why(photographed, form, "fc1[2]").value for form in forms]
    assert values == pytest.approx([values[0]] * len(forms), rel=1e-12)
    given_ = why(photographed, exact, "input[0,1,1]")
    assert given_.formula == "given"
    assert why(photographed, PIXELS, "input[0,1,1]").value == pytest.approx(given_.value)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("conv3[0,0,0]", "nothing is called conv3\n  Did you mean conv"),
        ("conv1", r"conv1 is 3x13x11 (channel, row, column): which number of it?"),
        ("conv1[0,1]", "but conv1[0,1] has 2 indices\n  Write conv1[1,6,5]"),
        ("conv1[3,0,0]", "so it has no [3,0,0]\n  Write conv1[1,6,5]: indices run from 0 to 2 and"),
        ("conv1[-1,0,0]", "so it has no [-1,0,0]"),
        ("conv1.wieght[0]", "conv1 has no wieght\n  Did you mean weight"),
        ("relu1.weight[0]", "relu1 has no weight\n  It has no weights"),
        ("loss[1]", "loss is one number, but loss[1] has 1 index\n  Write loss"),
        ("bn1.running_var[0].grad", "counted, not learned"),
        ("probability[1].grad", "probability does not lead to the loss"),
        ("fc2[eagle]", "so it has no [eagle]"),
        ("relu(conv2[0,0,0])", "names no number\n  Ask for node[channel,row,column]"),
        ("", "names no number"),
        ("conv1[0,0,0", "names no number"),
        ("pixel[0,0,0]", "nothing is called pixel"),
    ],
)
def test_a_wrong_question_is_told_what_would_fit(what: str, message: str) -> None:
    with pytest.raises(ExplanationError) as error:
        why(MODELS["scores"], PICTURE, what)
    assert message in str(error.value)


def test_what_has_no_loss_or_no_class_is_told() -> None:
    maps = chain(Input((1, 6, 7)), Conv(2, 3))
    inquiry = Inquiry((maps, weights_of(maps)), np.ones((1, 6, 7)))
    assert inquiry.why("conv1[1,2,3]").reference_residual < 1e-14
    with pytest.raises(ExplanationError, match="no loss, so no number has a gradient"):
        inquiry.why("conv1[1,2,3].grad")
    with pytest.raises(ExplanationError, match="nothing is called loss"):
        inquiry.why("loss")
    with pytest.raises(ExplanationError, match="no probabilities"):
        inquiry.why("probability[0]")
    with pytest.raises(UnknownNameError, match="Did you mean raven"):
        why(MODELS["scores"], PICTURE, "loss", target="ravens")
    for target in (5, -1, 1.5, [1, 2], "12345678901"):
        with pytest.raises(StriateError, match="class"):
            why(MODELS["scores"], PICTURE, "loss", target=target)
    ended = Inquiry(MODELS["probabilities"], PICTURE)
    with pytest.raises(ExplanationError, match="aux does not lead to the loss"):
        ended.why("aux[1].grad")


def test_a_picture_that_does_not_fit_is_told(photographed: Model, tmp_path: Any) -> None:
    with pytest.raises(ExplanationError, match="takes 2x13x11, but the array is 3x2"):
        why(MODELS["scores"], np.zeros((3, 2)), "fc2[0]")
    with pytest.raises(ExplanationError, match="about one"):
        why(MODELS["scores"], np.zeros((4, 2, 13, 11)), "fc2[0]")
    with pytest.raises(ExplanationError, match="does not say how a picture becomes"):
        why(MODELS["scores"], "bird.png", "fc2[0]")
    with pytest.raises(DataError):
        why(photographed, tmp_path / "none.png", "fc1[0]")
    for nothing in (None, object(), {"a": 1}):
        with pytest.raises(StriateError):
            why(photographed, nothing, "fc1[0]")


ASKING = Inquiry(MODELS["scores"], PICTURE)
PARTS = st.sampled_from(
    ["conv1", "fc2", "input", "loss", "probability", ".weight", ".bias", ".grad", "[0,1,2]", "[1]",
     "[", "]", ",", "relu'", "(", ")", "logsumexp", " ", "·", "1/0", "9" * 30, "²", "٣", "-1"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=20))
@example("1/0")
@example("fc2[٣]")
@example("9" * 400)
def test_no_question_ends_in_anything_but_our_errors(what: str) -> None:
    with suppress(StriateError):
        assert isinstance(ASKING.why(what).value, float)


def test_only_what_is_needed_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("evaluated")

    monkeypatch.setattr(Dense, "forward", never)
    monkeypatch.setattr(Conv, "backward", never)
    assert why(MODELS["scores"], PICTURE, "tanh1[0,1,1]").reference_residual < 1e-14


def test_log_loss_of_one_class_walks_on() -> None:
    graph = chain(Input((6,)), Dense(3), Softmax(), LogLoss())
    inquiry = Inquiry((graph, weights_of(graph)), np.arange(6.0) / 3, target=2)
    (term,) = inquiry.why("loss").terms
    logarithm = inquiry.why(term.factors[1].what)
    assert logarithm.what == "log(softmax1[2])"
    assert logarithm.arguments[0].what == "softmax1[2]"
    assert np.exp(logarithm.value) == pytest.approx(logarithm.arguments[0].value)


def test_flat_weights_are_understood() -> None:
    model = MODELS["scores"]
    flat = {f"{n}.{k}": v for n, own in model.weights.items() for k, v in own.items()}
    assert why((LENET, flat), PICTURE, "fc2[1]").value == why(model, PICTURE, "fc2[1]").value


def test_flatten_is_walked_through_to_its_map() -> None:
    found = why(MODELS["scores"], PICTURE, "flatten1[5]")
    assert [f.what for f in found.terms[0].factors] == [found.formula]
    assert isinstance(LENET["flatten1"].operator, Flatten)
