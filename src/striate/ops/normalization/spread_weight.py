"""What SCALE and SHIFT share: a weight that is spread over the input."""

from __future__ import annotations

from striate.errors import ShapeError
from striate.graph import Call, Factor, Index, Ref, Spec
from striate.ops.merging import branches


def spread_size(size: tuple[int, ...] | None, x: Spec) -> tuple[int, ...]:
    """The shape of the weight: as given, or one number per channel.

    Raises:
        ShapeError: it does not fit the input.
    """
    if size is None:
        return (x.channels, *[1] * (x.rank - 1))
    fits = len(size) == x.rank and all(n in (1, m) for n, m in zip(size, x.shape, strict=True))
    if not fits:
        raise ShapeError(
            f"the weight of {{self}} is {'x'.join(map(str, size))}, but its input is {x}",
            remedy="Each axis of the weight is as long as the input's, or 1.",
        )
    return size


def number(call: Call, index: Index) -> Factor:
    """The input's number at an index."""
    return Factor(call.x[index].item(), refs=(Ref(0, index),))


def weight(call: Call, index: Index) -> Factor:
    """The weight's number that stands at an index of the input."""
    at = branches.cell(call.weights["weight"][None], (0, *index[1:]))[1:]
    return Factor(call.weights["weight"][at].item(), refs=(Ref("weight", at),))
