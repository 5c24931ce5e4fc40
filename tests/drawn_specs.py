"""Shapes, windows and settings at random: what all strategies of the promises are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st

from striate.graph import Operator, Padding, Spec, Window

Setting: TypeAlias = tuple[Operator, tuple[Spec, ...]]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

RATES = st.floats(0, 0.9)
FACTORS = st.floats(0.1, 2.0)
EITHER_SIGN = st.one_of(FACTORS, FACTORS.map(lambda n: -n))
EPSILONS = st.floats(1e-3, 1.0)


@st.composite
def shapes(draw: Draw, ranks: tuple[int, ...] = (1, 2, 3)) -> Spec:
    """A spec with axes of different lengths."""
    return Spec(tuple(draw(st.permutations([2, 3, 4, 5]))[: draw(st.sampled_from(ranks))]))


@st.composite
def paddings(draw: Draw, kernels: tuple[int, ...], most: int) -> Padding:
    """Any way to say a padding of up to `most` on a side."""
    cells = st.integers(0, most)
    words: list[st.SearchStrategy[Any]] = [cells, st.tuples(*[cells] * len(kernels))]
    words.append(st.tuples(*[st.tuples(cells, cells)] * len(kernels)))
    return draw(st.one_of(st.just("valid"), *words))


@st.composite
def spatial(draw: Draw, axes: tuple[Window, ...]) -> tuple[int, ...]:
    """Lengths, different an axis, in which the windows fit at least once."""
    found: list[int] = []
    for axis in axes:
        least = max(1, axis.extent - axis.before - axis.after)
        size = draw(st.integers(least, least + 5))
        found.append(size + (size in found))
    return tuple(found)


def numbers_an_axis(rank: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Whole numbers from 1, one per axis."""
    return st.tuples(*[st.integers(1, most)] * rank)


@st.composite
def pools(draw: Draw) -> tuple[int, Any, Any, Padding, bool]:
    """Rank, kernel, stride, padding and rounding. Sizes are rounded up only where PyTorch can."""
    rank = draw(st.integers(1, 2))
    kernel = draw(numbers_an_axis(rank, 4))
    stride = draw(st.one_of(st.none(), numbers_an_axis(rank, 3)))
    ceil = draw(st.booleans())
    if ceil:
        return rank, kernel, stride, draw(st.integers(0, min(kernel) // 2)), ceil
    return rank, kernel, stride, draw(paddings(kernel, min(kernel) - 1)), ceil


def alone(
    operators: st.SearchStrategy[Any], ranks: tuple[int, ...] = (1, 2, 3)
) -> st.SearchStrategy[Setting]:
    """An operator that takes any shape of these ranks."""
    return st.tuples(operators, st.tuples(shapes(ranks)))


def plain(kind: Callable[[], Operator]) -> st.SearchStrategy[Setting]:
    """An operator without settings that takes any shape."""
    return alone(st.builds(kind))
