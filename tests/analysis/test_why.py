"""`why`: every number adds up, and every factor can be asked in its turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from explained import MODELS, PHOTOGRAPHED, PICTURE, PIXELS, Model, weights_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verify import chain

from promises import SETTINGS, suitable
from striate.analysis.why.explanation import Explanation
from striate.analysis.why.inquiry import Inquiry, why
from striate.graph import Assembly, Operator
from striate.notation import parse
from striate.ops import OPERATORS, Add, Conv, Dense, Input, Tanh


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
    from striate.engine import lower
    from striate.pytorch import loss_function

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


def test_a_person_can_walk_from_the_loss_to_a_pixel() -> None:
    def deeper(found: Explanation) -> str | None:
        """Through the largest factor that is a value or a function of values."""
        if found.arguments:
            return found.arguments[0].what
        for term in found.largest(len(found.terms)):
            for factor in term.factors:
                if factor.refs and factor.what != found.what and ".weight" not in factor.what:
                    return factor.what
        return None

    steps = walk(why(PHOTOGRAPHED, PIXELS, "loss", target="rook"), deeper)
    names = [step.what.partition("[")[0] for step in steps]
    assert [n for n in names if "(" not in n] == [
        "loss", "fc1", "flatten1", "tanh1", "conv2", "pool1", "relu1", "conv1", "input", "pixel",
    ]  # fmt: skip
    last = steps[-1]
    row, column = (int(n) for n in last.what.strip("pixel[]").split(",")[1:])
    assert last.value == PIXELS[row, column]
    assert steps[-2].value == pytest.approx((last.value / 255 - 0.25) / 0.5, rel=1e-12)


def test_a_person_can_walk_back_along_a_gradient() -> None:
    def upstream(found: Explanation) -> str | None:
        largest = found.largest(1)[0] if found.terms else None
        factors = [f.what for f in largest.factors] if largest else []
        return next((f for f in factors if f.endswith(".grad")), None)

    first = why(PHOTOGRAPHED, PIXELS, "input[0,4,5].grad", target=2)
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
    shape = specs[0].shape if specs else operator.shape().shape
    source = made.add(Input(shape))
    read = [source, *(made.add(Tanh(), [source]) for _ in specs[1:])] if specs else []
    it = made.add(operator, read, "it")
    made.add(Dense(3), [it if specs else made.add(Add(), [source, it])])
    graph = made.graph()
    x = suitable(operator, np.random.default_rng(data.draw(st.integers(0, 99))), shape)
    inquiry = Inquiry((graph, weights_of(graph)), x, target=1)

    def some(name: str, shape: tuple[int, ...]) -> str:
        return f"{name}[{','.join(str(data.draw(st.integers(0, n - 1))) for n in shape)}]"

    asked = [some("it", graph.specs["it"].shape), f"{some('input', shape)}.grad"]
    for name, weight in graph.weights(graph["it"]).items():
        gradient = ".grad" if weight.trainable else ""
        asked.append(some(f"it.{name}", weight.shape) + gradient)
    for what in asked:
        found = inquiry.why(what)
        assert found.reference_residual < 1e-11
        for term in found.terms[:2] + found.terms[-1:]:
            for factor in term.factors:
                value = inquiry.why(factor.what).value
                assert value == pytest.approx(factor.value, rel=1e-9, abs=1e-12), factor.what


def test_a_hidden_share_is_found_in_a_gradient() -> None:
    graph = parse("INPUT 2x3 -> { PASS | TANH } it: MASKEDSOFTMAX axis=step -> FC 3")
    x = np.array([[1.0, -1.0, 2.0], [-1.0, 1.0, 1.0]], dtype=np.float32)
    inquiry = Inquiry((graph, weights_of(graph)), x, target=1)
    for term in inquiry.why("input[0,0].grad").terms:
        for factor in term.factors:
            value = inquiry.why(factor.what).value
            assert value == pytest.approx(factor.value, rel=1e-9, abs=1e-12), factor.what
