"""Settings of operators that merge branches, move numbers or spread weights, at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from torch import Tensor

from drawn_specs import EPSILONS, Draw, Setting, numbers_an_axis, paddings, shapes, spatial
from striate import ops
from striate.graph import Operator, Spec
from striate.graph.window import windows
from striate.pytorch.foreign import TorchFunction


@st.composite
def branches(draw: Draw, kind: Callable[[], Operator], most: int = 3) -> Setting:
    """Two or more inputs of one size, some of their axes shrunk to 1."""
    spec = draw(shapes())
    count = draw(st.integers(2, most))
    return kind(), tuple(
        Spec(tuple(draw(st.sampled_from((n, n, 1))) for n in spec.shape)) for _ in range(count)
    )


@st.composite
def stacked(draw: Draw) -> Setting:
    """Two or three inputs that differ along one axis."""
    spec, axis = draw(named_axis())
    lengths = draw(st.permutations([1, 2, 3]))[: draw(st.integers(2, 3))]
    at = spec.axis(axis)
    return ops.Concat(axis), tuple(
        Spec((*spec.shape[:at], n, *spec.shape[at + 1 :])) for n in lengths
    )


@st.composite
def named_axis(draw: Draw) -> tuple[Spec, str | int]:
    """A spec and one of its axes, by name or number."""
    spec = draw(shapes())
    number = draw(st.integers(-spec.rank, spec.rank - 1))
    return spec, draw(st.sampled_from((spec.axes[number], number)))


@st.composite
def over_axes(draw: Draw, kind: Callable[..., Operator]) -> Setting:
    """A normalization over one axis by name or number, over several, or over all."""
    spec, axis = draw(named_axis())
    several = draw(st.permutations(range(spec.rank)))[: draw(st.integers(1, spec.rank))]
    written = " ".join(str(draw(st.sampled_from((spec.axes[k], k)))) for k in several)
    over = draw(st.sampled_from((None, axis, written)))
    return kind(over, affine=draw(st.booleans()), epsilon=draw(EPSILONS)), (spec,)


@st.composite
def along(draw: Draw, make: Callable[[Draw, int, str | int], Operator]) -> Setting:
    """An operator that works along one axis, made from the axis' length and its name."""
    spec, axis = draw(named_axis())
    return make(draw, spec.shape[spec.axis(axis)], axis), (spec,)


@st.composite
def halved(draw: Draw) -> Setting:
    """An axis of an even length."""
    spec, axis = draw(named_axis())
    at = spec.axis(axis)
    return ops.GLU(axis), (
        Spec((*spec.shape[:at], 2 * draw(st.integers(1, 3)), *spec.shape[at + 1 :])),
    )


@st.composite
def reduced(draw: Draw, kind: Callable[[Any, bool], Operator]) -> Setting:
    """One axis or several, by name or number, in any order; or none, which is the spatial ones."""
    spec, keep = draw(shapes()), draw(st.booleans())
    if spec.rank > 1 and draw(st.booleans()):
        return kind(None, keep), (spec,)
    keep = keep or spec.rank == 1
    most = spec.rank if keep else spec.rank - 1
    axes = draw(st.permutations(range(spec.rank)))[: draw(st.integers(1, most))]
    words = [draw(st.sampled_from((spec.axes[k], str(k), str(k - spec.rank)))) for k in axes]
    return kind(" ".join(words), keep), (spec,)


@st.composite
def dense(draw: Draw) -> Setting:
    """Of a flat value, or along any axis."""
    units, bias = draw(st.integers(1, 5)), draw(st.booleans())
    if draw(st.booleans()):
        return ops.Dense(units, bias), (draw(shapes((1,))),)
    spec, axis = draw(named_axis())
    return ops.Dense(units, bias, axis), (spec,)


@st.composite
def sliced(draw: Draw) -> Setting:
    """Parts that are counted from either end."""
    spec, axis = draw(named_axis())
    length = spec.shape[spec.axis(axis)]
    start = draw(st.integers(0, length - 1))
    stop = draw(st.one_of(st.none(), st.integers(start + 1, length)))
    start -= length * draw(st.booleans())
    return ops.Slice(start, stop, axis, draw(st.integers(1, 3))), (spec,)


@st.composite
def padded(draw: Draw) -> Setting:
    """Every kind, of the spatial axes or of all."""
    spec = draw(shapes((2, 3)))
    mode = draw(st.sampled_from((0.0, 0.5, "reflect", "replicate", "circular")))
    every = mode in (0.0, 0.5) and draw(st.booleans())
    lengths = spec.shape if every else spec.spatial
    sides = tuple(draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))) for n in lengths)
    alike = ((1, 1),) * len(lengths) if every and draw(st.booleans()) else sides
    return ops.Pad(alike, mode), (spec,)


@st.composite
def reshaped(draw: Draw) -> Setting:
    """Axes split and joined, one of them free, those around them kept."""
    size = draw(st.permutations([2, 3, 4]))
    shape = draw(st.sampled_from(((24,), (6, 4), (4, 6), (2, 12), (2, 3, 4), (4, 2, 3), (12, 2))))
    if draw(st.booleans()):
        size[draw(st.integers(0, 2))] = -1
    before, after = (draw(st.sampled_from(((), (), (5,), (1, 5)))) for _ in range(2))
    new = (*(0 for _ in before), *size, *(0 for _ in after))
    return ops.Reshape(new), (Spec((*before, *shape, *after)),)


@st.composite
def permuted(draw: Draw) -> Setting:
    spec = draw(shapes())
    return ops.Permute(tuple(draw(st.permutations(range(spec.rank))))), (spec,)


@st.composite
def expanded(draw: Draw) -> Setting:
    spec = draw(shapes())
    return ops.Expand(spec.shape), (Spec(tuple(draw(st.sampled_from((n, 1))) for n in spec.shape)),)


@st.composite
def resized(draw: Draw) -> Setting:
    """Larger and smaller, to sizes and by factors, from one cell and to one cell."""
    rank = draw(st.integers(1, 3))
    modes = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}[rank]
    mode = draw(st.sampled_from(("nearest", *modes)))
    lengths = draw(numbers_an_axis(rank, 7 - rank))
    size = draw(numbers_an_axis(draw(st.sampled_from((1, rank))), 10 - 2 * rank))
    scale = draw(st.sampled_from((2.0, 3.0, 1.0, 1.1, 2.3, 0.5, 0.7)))
    to = {"size": size} if draw(st.booleans()) or min(lengths) < 2 else {"scale": scale}
    corners = mode != "nearest" and draw(st.booleans())
    return ops.Resize(**to, mode=mode, align_corners=corners), (Spec((2, *lengths)),)


@st.composite
def unfolded(draw: Draw) -> Setting:
    rank = draw(st.integers(1, 2))
    kernel, stride, dilation = (draw(numbers_an_axis(rank, most)) for most in (3, 3, 2))
    pad = draw(paddings(kernel, 2))
    axes = windows(rank, kernel, stride, pad, dilation)
    return ops.Unfold(kernel, stride, pad, dilation), (Spec((2, *draw(spatial(axes)))),)


@st.composite
def spread_weights(draw: Draw, kind: Callable[[Any], Operator]) -> Setting:
    """One number per channel, or a weight of which some axes are spread."""
    spec = draw(shapes())
    size = tuple(draw(st.sampled_from((n, 1))) for n in spec.shape)
    return kind(draw(st.sampled_from((None, size)))), (spec,)


@st.composite
def matrices(draw: Draw) -> Setting:
    """Rows by columns, perhaps of several heads, one of them spread."""
    rows, inner, columns, heads = draw(st.permutations([2, 3, 4, 5]))
    both = draw(st.sampled_from((((), ()), ((heads,), (heads,)), ((1,), (heads,)))))
    return ops.MatMul(), (Spec((*both[0], rows, inner)), Spec((*both[1], inner, columns)))


def sums_of_sines(x: Tensor) -> Tensor:
    """What `ops` has no operator for."""
    return x.sin().cumsum(1)


@st.composite
def foreign(draw: Draw) -> Setting:
    """An operator that others compute."""
    spec = draw(shapes())
    name = draw(st.sampled_from(("sums_of_sines", "a.b:c d", "累積和", '"quoted"')))
    return ops.Opaque(name, spec.shape, TorchFunction(sums_of_sines)), (spec,)


@st.composite
def masked(draw: Draw) -> Setting:
    """Scores with a mask that is spread, one per key, lengths or none; causal where it can be."""
    spec, axis = draw(named_axis())
    at = spec.axis(axis)
    causal = at > 0 and spec.shape[at] <= spec.shape[at - 1] and draw(st.booleans())
    whole = Spec(tuple(draw(st.sampled_from((n, 1))) for n in spec.shape))
    # What a mask hides entirely sums to 0 over the channels: nothing is said of that.
    masks = [(), *([] if at == 0 else [(whole,), (Spec((spec.shape[at],)),), (Spec((1,)),)])]
    mask = draw(st.sampled_from(masks))
    lengths = bool(mask) and mask[0].size == 1
    return ops.MaskedSoftmax(axis, causal, lengths), (spec, *mask)


def mask(
    operator: ops.MaskedSoftmax, rng: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    """Numbers of both signs; of the first sequence everything is seen."""
    values = rng.standard_normal(shape)
    if operator.lengths:
        # Between whole numbers, so that a small step shows or hides no key.
        values = rng.integers(-1, 3, shape) + 0.5
        values[0] = 9.5
    else:
        values[0] = np.abs(values[0]) + 1
    return values
