"""Settings of operators that pool, at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from drawn_specs import Draw, Setting, numbers_an_axis, pools, spatial
from striate import ops
from striate.graph import Operator, Padding, Spec
from striate.graph.window import windows


@st.composite
def max_pool(draw: Draw) -> Setting:
    """Overlapping windows, and windows with gaps, over one or two axes."""
    (kernel, stride, pad, ceil), dilation, spec = draw(spread())
    return ops.MaxPool(kernel, stride, pad, dilation, ceil), (spec,)


@st.composite
def average_pool(draw: Draw) -> Setting:
    """Every way to count the cells at a border, or a divisor."""
    settings, dilation, spec = draw(spread())
    divisor = draw(st.one_of(st.none(), st.integers(1, 5)))
    return ops.AveragePool(*settings, draw(st.booleans()), divisor, dilation), (spec,)


@st.composite
def l2_pool(draw: Draw) -> Setting:
    settings, dilation, spec = draw(spread())
    p = draw(st.sampled_from((2.0, 1.0, 1.5, 3.0)))
    return ops.L2Pool(*settings, p, dilation), (spec,)


@st.composite
def spread(draw: Draw) -> tuple[tuple[Any, Any, Padding, bool], int, Spec]:
    """Kernel, stride, padding and rounding; dilation; and maps in which such windows fit."""
    rank, kernel, stride, pad, ceil = draw(pools())
    dilation = draw(st.integers(1, 2))
    axes = windows(rank, kernel, stride or kernel, pad, dilation)
    sizes = tuple(max(dilation, size) for size in draw(spatial(axes)))
    return (kernel, stride, pad, ceil), dilation, Spec((3, *sizes))


@st.composite
def stochastic_pool(draw: Draw) -> Setting:
    rank, kernel, stride, _, _ = draw(pools())
    axes = windows(rank, kernel, stride or kernel)
    return ops.StochasticPool(kernel, stride), (Spec((3, *draw(spatial(axes)))),)


@st.composite
def adaptive(draw: Draw, kind: Callable[..., Operator]) -> Setting:
    """Sizes that divide the map, sizes that do not, and more outputs than cells."""
    rank = draw(st.integers(1, 2))
    size, lengths = draw(numbers_an_axis(rank, 4)), draw(numbers_an_axis(rank, 7))
    return kind(size), (Spec((3, *lengths)),)


@st.composite
def subsample(draw: Draw) -> Setting:
    """Sums and means over windows that may overlap or leave gaps."""
    rank, kernel, stride, _, _ = draw(pools())
    made = ops.Subsample(kernel, stride, draw(st.booleans()))
    return made, (Spec((3, *draw(spatial(windows(rank, kernel, stride or kernel))))),)


@st.composite
def histogram_pool(draw: Draw) -> Setting:
    """Windows of two cells or more; bins at places that floating point hits exactly."""
    rank = draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(2, 3), *[st.integers(1, 3)] * (rank - 1)))
    stride = draw(st.one_of(st.none(), numbers_an_axis(rank, 3)))
    bins, width, low = draw(st.integers(2, 4)), draw(st.sampled_from([0.5, 1, 2])), -2.0
    made = ops.HistogramPool(kernel, stride, bins, low, low + width * (bins - 1))
    return made, (Spec((3, *draw(spatial(windows(rank, kernel, stride or kernel))))),)
