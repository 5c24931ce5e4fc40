"""The traits of operators: what each claims is what it does, on settings and inputs at random.

A claim must hold in every case that is drawn; what an operator does not claim must fail in one.
So a trait can neither be claimed in vain nor be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_promises import quickly

from promises import Case, cases, suitable
from specimens import specimen
from striate.graph import Call, Operator, Spec
from striate.initialize import STARTS
from striate.ops import OPERATORS

FED = [kind for kind in OPERATORS if kind.arity != (0, 0)]
"""Every operator that reads something."""

kinds = pytest.mark.parametrize("kind", FED, ids=lambda kind: kind.__name__)


def is_elementwise(case: Case) -> bool:
    """Numbers that change places take their outputs along."""
    if len(case.specs) > 1 or case.call.y.shape != case.call.x.shape:
        return False
    order = np.random.default_rng(1).permutation(case.call.x.size)
    x, y = (a.ravel()[order].reshape(a.shape) for a in (case.call.x, case.call.y))
    noise = case.call.noise
    noise = noise if noise is None else noise.ravel()[order].reshape(noise.shape)
    return np.array_equal(case.operator.forward(replace(case.call, inputs=(x,), noise=noise)), y)


def rises(case: Case) -> bool:
    """Sorted numbers of either sign come out sorted, in both float types."""
    if not is_elementwise(case):
        return False
    signs = np.random.default_rng(4).choice([-1, 1], case.call.x.shape)
    x = np.sort(signs * case.call.x, axis=None).reshape(signs.shape)
    outputs = (case.operator.forward(case.changed(0, x.astype(t))) for t in (float, np.float32))
    return all((np.diff(y.ravel()) >= 0).all() for y in outputs)


def treats_numbers_apart(case: Case) -> bool:
    """Each input number goes into one output at most, which stands at its position."""
    operator = case.operator
    if len(case.specs) > 1 or operator.is_loss or not case.stays:
        return False
    return all(
        (operator.forward(case.changed(0, _with(case.call.x, cell, 7.0))) != case.call.y).sum() <= 1
        for cell in np.ndindex(*case.call.x.shape)
    )


def is_curved(case: Case) -> bool:
    """f(a + b) is not f(a) + f(b) - f(0)."""
    a, b = case.call.x, np.roll(case.call.x, 1)
    sums = [case.operator.forward(case.changed(0, x)) for x in (a + b, a, b, 0 * a)]
    return not np.allclose(sums[0] - sums[1], sums[2] - sums[3])


def passes_on(case: Case) -> bool:
    """After training the input comes out."""
    return case.call.training or np.array_equal(case.call.y, case.call.x)


def only_moves(case: Case) -> bool:
    """Whatever numbers are put in the places of others, they come out in the places of those."""
    rng = np.random.default_rng(2)
    one = [suitable(case.operator, rng, x.shape, k) for k, x in enumerate(case.call.inputs)]
    other = [suitable(case.operator, rng, x.shape, k) for k, x in enumerate(case.call.inputs)]
    before, after = (
        case.operator.forward(replace(case.call, inputs=tuple(x), inner={})) for x in (one, other)
    )
    new = dict(zip(_flat(one), _flat(other), strict=True))
    return np.array_equal([new.get(y, y) for y in before.ravel()], after.ravel())


def normalizes(case: Case) -> bool:
    """In training 2x + 3 gives what x gives."""
    if not case.call.training or len(case.specs) > 1:
        return len(case.specs) == 1
    has_epsilon = "epsilon" in {field.name for field in fields(case.operator)}
    operator = replace(case.operator, epsilon=1e-12) if has_epsilon else case.operator
    ends = [operator.forward(case.changed(0, x)) for x in (case.call.x, 2 * case.call.x + 3)]
    return np.allclose(*ends, rtol=1e-4, atol=1e-4)


def sums_to_one(case: Case) -> bool:
    """The channels are positive and sum to 1."""
    y = case.call.y
    return y.ndim > 1 and bool((y >= 0).all()) and np.allclose(y.sum(axis=1), 1)


def always(case: Case) -> bool:
    return True


Check = Callable[[Case], bool]
TRAITS: dict[str, tuple[Check, Check]] = {
    "elementwise": (is_elementwise, always),
    "rises": (rises, always),
    "bends": (treats_numbers_apart, is_curved),
    "passes_on": (passes_on, always),
    "only_moves": (only_moves, always),
    "normalizes": (normalizes, always),
}
"""For each trait what holds in every case, and what holds in one at least."""


OTHERS = {"numbered", "is_random", "is_input", "is_loss", "is_penalty", "is_foreign", "rectifies"}
"""Yes or no about an operator, and no trait of this table; `rectifies` has a test of its own."""


def test_every_trait_has_a_promise() -> None:
    flags = {name for name, kind in Operator.__annotations__.items() if kind == "ClassVar[bool]"}
    assert flags - OTHERS == set(TRAITS)


@kinds
def test_an_operator_claims_the_traits_it_has(kind: type[Operator]) -> None:
    drawn: list[Case] = []

    @given(st.data())
    @quickly
    def draw(data: st.DataObject) -> None:
        drawn.append(data.draw(cases(kind)))

    draw()
    found = {
        trait
        for trait, (each, once) in TRAITS.items()
        if all(map(each, drawn)) and any(map(once, drawn))
    }
    assert found == {trait for trait in TRAITS if getattr(kind, trait)}


@kinds
def test_shares_are_claimed_where_they_are_given(kind: type[Operator]) -> None:
    """This trait depends on the axis, so that each case is asked for itself."""

    @given(st.data())
    @quickly
    def draw(data: st.DataObject) -> None:
        case = data.draw(cases(kind, ties=False))
        assert case.operator.gives_shares(*case.specs) == sums_to_one(case)

    draw()


@kinds
def test_rectifiers_bend_upward(kind: type[Operator]) -> None:
    """As they start: with usual settings and first weights, over inputs centered on zero."""
    assert not (kind.rectifies and not kind.bends), "what rectifies is an activation"
    if not kind.bends:
        return
    operator, spec = specimen(kind), Spec((1000,))
    x = np.random.default_rng(3).standard_normal((50, 1000))
    x = np.concatenate([x, -x])
    weights = {n: np.full(w.shape, STARTS[w.role]) for n, w in operator.weights(spec).items()}
    raised = operator.forward(Call((x,), weights)) - operator.forward(Call((0 * x,), weights))
    assert (raised.mean() > 0.05) == kind.rectifies


@kinds
@given(st.data())
@quickly
def test_what_stands_in_after_training_computes_the_same(
    kind: type[Operator], data: st.DataObject
) -> None:
    case = data.draw(cases(kind, training=False))
    other = case.operator.evaluated()
    assert (other.shape(*case.specs), other.evaluated()) == (
        case.operator.shape(*case.specs),
        other,
    )
    np.testing.assert_array_equal(other.forward(case.call), case.call.y)


@kinds
@given(st.data())
@quickly
def test_moving_costs_nothing(kind: type[Operator], data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    if kind.only_moves:
        cost = case.operator.cost(*case.specs)
        assert (cost.multiply_adds, cost.connections, cost.other) == (0, 0, 0)


def _with(x: np.ndarray, cell: tuple[int, ...], more: float) -> np.ndarray:
    x = x.copy()
    x[cell] += more
    return x


def _flat(arrays: list[np.ndarray]) -> list[float]:
    return [number for array in arrays for number in array.ravel().tolist()]
