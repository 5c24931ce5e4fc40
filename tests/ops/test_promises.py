"""The promises of the operator contract, each tried on every operator there is.

What is drawn stands in `promises.SETTINGS`, who judges in `judges.JUDGES`. A new operator is
found by itself; `test_lines.py` names the lines it lacks.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from counting import listed, unpadded
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from judges import Twin

from promises import SETTINGS, Case, cases
from striate.graph import OUTPUT, Index, Operator, Reach, Ref, Routes, Window
from striate.ops import OPERATORS, MaskedSoftmax
from striate.ops.activation.normalized_exponential import NormalizedExponential
from striate.reference.products import terms_of

kinds = pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
"""Every operator."""

quickly = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@kinds
@given(st.data())
@quickly
def test_shape_is_the_shape_that_comes_out(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    batch, inner = (case.call.pictures,), case.operator.inner(*case.specs)
    assert case.call.y.shape == (*batch, *case.operator.shape(*case.specs).shape)
    sizes = {name: batch + spec.shape for name, spec in inner.items()}
    assert {name: values.shape for name, values in case.call.inner.items()} == sizes
    assert not sizes.keys() & case.call.weights.keys(), "an inner value is called as a weight"


@kinds
@given(st.data())
@quickly
def test_forward_is_pytorch(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    agree(case.call.y, Twin.of(case).forward().detach().numpy(), 1e-9)


@kinds
@given(st.data())
@settings(quickly, max_examples=40)
def test_backward_is_autograd(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    twin = Twin.of(case)
    value = twin.forward()
    if value.requires_grad:
        value.backward(torch.from_numpy(case.error.copy()))
    found = gradients(case)
    assert set(found) == set(case.sources())
    for source, gradient in found.items():
        assert gradient.shape == case.array(source).shape
        agree(gradient, twin.gradient(source), 1e-9)


@kinds
@given(st.data())
@quickly
def test_backward_is_the_slope(kind: type[Operator], data: st.DataObject) -> None:
    """Central differences along a random direction. Ties are corners, so there are none here."""
    case = data.draw(cases(kind, ties=False))
    rng = np.random.default_rng(case.error.size)
    for source, gradient in gradients(case).items():
        direction = rng.standard_normal(gradient.shape)
        step = 1e-6 * direction
        ends = [
            case.operator.forward(case.changed(source, case.array(source) + side * step))
            for side in (1, -1)
        ]
        slope = ((ends[0] - ends[1]) * case.error).sum() / 2e-6
        agree((gradient * direction).sum(), slope, 1e-5)


@kinds
@given(st.data())
@quickly
def test_terms_sum_to_the_value(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    for goal in (Ref(source, index) for source, index in goals(case, 12)):
        terms = terms_of(case.operator, case.call, goal)
        agree(sum(term.value for term in terms), case.value(goal), 1e-9)
        for factor in (factor for term in terms for factor in term.factors):
            check_factor(case, factor)


@kinds
@given(st.data())
@quickly
def test_uses_sum_to_the_gradient(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    if not case.specs:
        return  # an input's gradient is asked of the nodes that read it
    inner = case.operator.backward(case.call, case.error).inner
    errors = {"": case.error, **inner}
    for source, gradient in (gradients(case) | dict(inner)).items():
        for index in some(gradient.shape, 8):
            uses = case.operator.uses(case.call, Ref(source, index))
            total = sum(errors[use.inner][use.output] * use.value for use in uses)
            agree(total, gradient[index], 1e-9)
            for factor in (factor for use in uses for factor in use.derivative):
                check_factor(case, factor)


@kinds
@given(st.data())
@quickly
def test_field_is_what_moves_the_output(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind, training=False))
    for source, field in enumerate(case.operator.fields(*case.specs)):
        if isinstance(field, Routes):
            check_routes(case, source, field)
            continue
        sizes = case.specs[source].spatial
        for position in np.ndindex(*sizes):
            moved = moved_by(case, source, position)
            if isinstance(field, tuple):
                expected = seen_by(field, position, moved.shape)
                np.testing.assert_array_equal(moved, expected)
            elif field is Reach.EVERYTHING:
                assert moved.all() or not sizes
            elif field is Reach.UNEVEN:
                np.testing.assert_array_equal(moved, used_by(case, source, position))
            elif field is Reach.POINT and moved.shape == sizes:
                assert np.argwhere(moved).tolist() == [list(position)]


@kinds
@given(st.data())
@quickly
def test_cost_is_what_is_counted(kind: type[Operator], data: st.DataObject) -> None:
    """Padding is made part of the input, then every product and every connection is listed."""
    case = unpadded(data.draw(cases(kind, training=False)))
    cost = case.operator.cost(*case.specs)
    assert all(type(n) is int and n >= 0 for n in dataclasses.astuple(cost))
    # What treats each number by itself connects nothing; neither do losses, normalization,
    # shares, what looks numbers up and what only moves them.
    connects = not case.stays and not kind.is_loss
    connects = connects and not kind.is_foreign and not kind.only_moves
    connects = connects and ".normalization." not in kind.__module__
    connects = connects and case.operator.vocabulary is None
    connects = connects and not issubclass(kind, NormalizedExponential)
    counted = listed(case) if connects else (0, 0)
    assert (cost.multiply_adds, cost.connections) == counted


@kinds
@given(st.data())
@quickly
def test_float32_stays_float32(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind, dtype=np.float32))
    assert case.call.y.dtype == np.float32
    for gradient in gradients(case).values():
        assert gradient.dtype == np.float32
    if case.call.training:
        for statistic in case.operator.update(case.call).values():
            assert statistic.dtype == np.float32


@kinds
@given(st.data())
@quickly
def test_values_are_frozen_final_and_equal(kind: type[Operator], data: st.DataObject) -> None:
    operator, _ = data.draw(SETTINGS[kind])
    again = dataclasses.replace(operator)
    assert again == operator
    assert hash(again) == hash(operator)
    assert getattr(kind, "__final__", False), f"{kind.__name__} is not @final"
    assert kind.__doc__
    assert kind.label.isidentifier()
    for field in dataclasses.fields(operator):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(operator, field.name, getattr(operator, field.name))
        assert getattr(again, field.name) == getattr(operator, field.name)


@kinds
def test_the_file_is_a_page_of_a_textbook(kind: type[Operator]) -> None:
    """An executed example, under 300 lines, and the contract's order."""
    source = inspect.getsource(sys.modules[kind.__module__])
    page = sys.modules[kind.__module__].__doc__
    assert page
    assert ">>> " in page
    assert len(source.splitlines()) < 300
    order = ["shape", "weights", "cost", "field", "draw", "forward", "backward", "terms", "uses"]
    places = [source.find(f"    def {name}(self") for name in order]
    found = [place for place in places if place >= 0]
    assert found == sorted(found), f"the methods stand in the order {order}"


@kinds
@given(st.data())
@quickly
def test_formulas_read(kind: type[Operator], data: st.DataObject) -> None:
    """Formulas have places for the inputs and for the node, and nothing else in braces."""
    case = data.draw(cases(kind))
    names = [f"node{k}" for k in range(len(case.specs))]
    index = tuple(n - 1 for n in case.call.y.shape[1:])
    assert case.operator.formula(index, *case.specs).format(*names, self="this")
    for name, spec in case.operator.inner(*case.specs).items():
        last = Ref(name, tuple(n - 1 for n in spec.shape))
        assert case.operator.inner_formula(last, *case.specs).format(*names, self="this")
    for source in (*case.sources(), *case.call.inner) if case.specs else ():
        shape = case.array(source).shape
        whole = shape if source in case.call.weights else shape[1:]
        ref = Ref(source, tuple(n - 1 for n in whole))
        assert "{" not in case.operator.gradient_formula(ref, *case.specs).format(
            *names, self="this"
        )


@kinds
@given(st.data())
@quickly
def test_statistics_follow(kind: type[Operator], data: st.DataObject) -> None:
    """What `update` returns is what PyTorch's function leaves in its buffers."""
    case = data.draw(cases(kind, training=True))
    weights = case.operator.weights(*case.specs)
    new = case.operator.update(case.call)
    assert set(new) == {name for name, w in weights.items() if w.role.startswith("statistic")}
    twin = Twin.of(case)
    twin.forward()
    for name, statistic in new.items():
        agree(statistic, twin.weights[name].numpy(), 1e-9)


@pytest.mark.parametrize("kind", [kind for kind in OPERATORS if kind.is_random])
def test_noise_is_drawn_from_the_generator(kind: type[Operator]) -> None:
    operator, x = kind(), np.ones((8, 5, 50))
    first, same, other = (operator.draw(np.random.default_rng(seed), x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def gradients(case: Case) -> dict[int | str, np.ndarray]:
    """Every gradient that `backward` returns, by its source."""
    found = case.operator.backward(case.call, case.error)
    return dict(enumerate(found.inputs)) | dict(found.weights)


def agree(found: object, wanted: object, tolerance: float) -> None:
    """Equal up to `tolerance`, relative for numbers above 1."""
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def goals(case: Case, count: int) -> Iterator[tuple[int | str, Index]]:
    """Some indices of the output, and of each inner value."""
    for source in (OUTPUT, *case.call.inner):
        yield from ((source, index) for index in some(case.array(source).shape, count))


def some(shape: tuple[int, ...], count: int) -> list[Index]:
    """The first and the last index, and others at random."""
    every = list(np.ndindex(*shape))
    chosen = np.random.default_rng(len(every)).permutation(len(every))[:count]
    return list(dict.fromkeys([every[0], every[-1], *(every[k] for k in chosen)]))


def check_factor(case: Case, factor: object) -> None:
    """A label has a name for every place; a plain reference has the value it refers to."""
    names = [f"{ref.source}{list(ref.index)}" for ref in factor.refs]
    assert "{" not in factor.label.format(*names)
    values = [case.value(ref) for ref in factor.refs]
    if factor.label == "{0}":
        assert factor.value == pytest.approx(values[0], rel=1e-12, abs=1e-12)


def moved_by(case: Case, source: int, position: Index) -> np.ndarray:
    """Which output positions change when the cells at one input position change much."""
    rng = np.random.default_rng(len(position))
    moved = np.zeros(case.call.y.shape, dtype=bool)
    for sign in (1, -1):
        x = case.call.inputs[source].copy()
        # Each channel and each picture by another amount: a softmax ignores a common one.
        x[(..., *position)] = sign * (5 + 90 * rng.random(x.shape[:2]))
        if (case.call.inputs[source] > 0).all():
            x = np.abs(x)
        call = case.changed(source, x)
        moved |= case.operator.forward(call) != case.call.y
    return moved.any(axis=tuple(range(min(2, moved.ndim))))


def check_routes(case: Case, source: int, routes: Routes) -> None:
    """A step along an input axis moves outputs along the axis that it goes to, and nowhere else."""
    x, y = case.specs[source], case.call.y.shape[1:]
    whole = not has_lone_keys(case)
    for axis, along in enumerate(routes.goes):
        for position in range(x.shape[axis]):
            moved = moved_at(case, source, axis, position)
            if along is None or along.axis is None:
                assert moved.any() or not whole
                continue
            places = moved.any(axis=tuple(k for k in range(len(y)) if k != along.axis))
            if along.even:
                seen = seen_by((along.window,), (position,), (y[along.axis],))
                assert not (places & ~seen).any()
                assert np.array_equal(places, seen) or not whole
    if not whole:
        return
    for axis, along in enumerate(routes.goes):
        if along is None and x.shape[axis] > 1:
            every = sum(moved_at(case, source, axis, p) for p in range(x.shape[axis]))
            assert (every > 1).any(), "no output sees this axis whole"


def has_lone_keys(case: Case) -> bool:
    """Whether some query sees one key or none: its shares are 1 or 0, whatever the scores are."""
    operator = case.operator
    if not isinstance(operator, MaskedSoftmax):
        return False
    axis = case.specs[0].axis(operator.axis) + 1
    return bool((operator.visible(case.call).sum(axis=axis) < 2).any())


def moved_at(case: Case, source: int, axis: int, position: int) -> np.ndarray:
    """Which outputs of a picture change when all cells at one place of an axis change much."""
    rng = np.random.default_rng(position)
    cells = (slice(None),) * (axis + 1) + (position,)
    moved = np.zeros(case.call.y.shape, dtype=bool)
    for sign in (1, -1):
        x = case.call.inputs[source].copy()
        x[cells] += sign * (5 + 90 * rng.random(x[cells].shape))
        moved |= case.operator.forward(case.changed(source, x)) != case.call.y
    return moved.any(axis=0)


def seen_by(field: tuple[Window, ...], position: Index, outputs: tuple[int, ...]) -> np.ndarray:
    """Which outputs have a tap on the position, by the definition of a window."""
    expected = np.zeros(outputs, dtype=bool)
    for output in np.ndindex(*outputs):
        places = [
            {o * w.stride - w.before + u * w.dilation for u in range(w.kernel)}
            for o, w in zip(output, field, strict=True)
        ]
        expected[output] = all(p in taps for p, taps in zip(position, places, strict=True))
    return expected


def used_by(case: Case, source: int, position: Index) -> np.ndarray:
    """Which outputs the cells at one input position go into, by the operator's own listing."""
    expected = np.zeros(case.call.y.shape[2:], dtype=bool)
    for channel in range(case.specs[source].channels):
        for use in case.operator.uses(case.call, Ref(source, (0, channel, *position))):
            expected[use.output[2:]] = True
    return expected
