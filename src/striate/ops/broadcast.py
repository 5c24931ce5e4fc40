"""Sizes that broadcast: of branches that are merged, and of a weight that is spread over an input.

Two axes fit where they are equally long, or where one has length 1: its number then stands at every
place of the other (Harris et al., "Array programming with NumPy", Nature 585, 2020, figure 1). The
gradient of such a number is the sum over all the places that it stands at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from striate.display import shape_text
from striate.errors import ShapeError
from striate.graph import Along, Field, Index, Reach, Routes, Spec
from striate.ops.arrays import Array


def fits(shape: Index, longest: Index) -> bool:
    """Whether every axis of `shape` is as long as that of `longest`, or 1."""
    return len(shape) == len(longest) and all(
        n in (1, most) for n, most in zip(shape, longest, strict=True)
    )


def common(inputs: tuple[Spec, ...], verb: str) -> Spec:
    """The spec of branches whose axes are equally long, or 1.

    Raises:
        ShapeError: they differ otherwise.
    """
    longest = tuple(max(lengths) for lengths in zip(*(x.shape for x in inputs), strict=False))
    if not all(fits(x.shape, longest) for x in inputs):
        sizes = " and ".join(map(str, inputs))
        raise ShapeError(
            f"{{self}} {verb} maps of one size, but its inputs are {sizes}",
            remedy="Give the branches equal channels (CONV with kernel 1) and equal strides; "
            "an axis may also have length 1.",
        )
    widest = max(inputs, key=lambda x: x.size)
    return Spec(longest, widest.names)


def fitted(size: Index, x: Spec) -> Index:
    """The shape of a weight that is spread over an input.

    Raises:
        ShapeError: an axis is neither as long as the input's nor 1.
    """
    if fits(size, x.shape):
        return size
    raise ShapeError(
        f"the weight of {{self}} has the shape {shape_text(size)}, but its input is {x}",
        remedy="Each of its axes is as long as the input's, or 1.",
    )


def fields(inputs: tuple[Spec, ...], output: Spec) -> tuple[Field, ...]:
    """What one output sees of each branch."""
    return tuple(_field(x, output) for x in inputs)


def _field(x: Spec, output: Spec) -> Field:
    if x.shape == output.shape:
        return Reach.POINT
    pairs = enumerate(zip(x.shape, output.shape, strict=True))
    return Routes(tuple(Along(k) if n == most else None for k, (n, most) in pairs))


def cell(x: Array, index: Index) -> Index:
    """The index in a branch of what stands at an index of the output; both batch axis first."""
    picture, *place = index
    return (picture, *(0 if n == 1 else i for i, n in zip(place, x.shape[1:], strict=True)))


def places(shape: Index, output: Index, index: Index) -> Iterator[Index]:
    """The indices of the output at which a number of a branch stands; the batch not counted."""
    runs = (
        range(most) if n != most else (i,) for i, n, most in zip(index, shape, output, strict=True)
    )
    return product(*runs)


def summed(gradient: Array, x: Array) -> Array:
    """The gradient of a branch from that of what was broadcast: the sum over all its places."""
    axes = tuple(k for k, n in enumerate(x.shape) if k and n != gradient.shape[k])
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


def written(place: tuple[int | str, ...], spec: Spec) -> str:
    """How the index in a branch is written, for an index of the output without the batch."""
    return ",".join("0" if n == 1 else str(i) for i, n in zip(place, spec.shape, strict=True))


def like(inputs: tuple[Array, ...]) -> Index:
    """The shape of the output, batch axis first."""
    return np.broadcast_shapes(*(x.shape for x in inputs))
