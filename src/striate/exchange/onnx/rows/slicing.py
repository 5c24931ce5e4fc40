"""Parts of an axis: one node of the file may be several slices of ours."""

from __future__ import annotations

from itertools import pairwise

from striate import ops
from striate.errors import OnnxError
from striate.exchange.onnx.constants import slices
from striate.exchange.onnx.step import NotOurs, OnnxNode, OnnxRows, Outcome

MOST_PARTS = 64


def _part(step: OnnxNode, x: str, axis: int, start: int, stop: int, by: int = 1) -> str:
    """A run of positions of one axis; the whole axis is no slice."""
    length = step.drafts.spec(x).shape[axis]
    if (start, by) == (0, 1) and stop >= length:
        return x
    end = None if stop >= length else stop
    return step.add(ops.Slice(start, end, step.called(axis, x), by), x)


def _slice(step: OnnxNode) -> Outcome:
    names = ("starts", "ends", "axes", "steps")
    x = step.x
    for start, end, axis, by in slices([step.parameter(n, k + 1) for k, n in enumerate(names)]):
        length = step.sizes[axis]
        run = range(*slice(start, end, by).indices(length)) if by else range(0)
        if by < 0 and end < -length:
            run = range(*slice(start, None, by).indices(length))
        if not run:
            raise OnnxError(f"{step.item.title} takes nothing from an axis of {length}")
        if axis % len(step.sizes) == step.at and run == range(length):
            continue
        at = step.axis(axis)
        if by < 0:
            x = step.add(ops.Flip(step.called(at, x)), x)
            run = range(length - 1 - run[0], length - run[-1], -by)
        x = _part(step, x, at, run[0], run[-1] + 1, run.step)
    return x


def _split(step: OnnxNode) -> Outcome:
    axis = step.axis(step.get("axis", 0))
    length, parts = step.spec.shape[axis], len(step.item.outputs)
    sizes = step.numbers("split", 1)
    if sizes is None:
        each = -(-length // parts)
        sizes = tuple(min(each, length - k * each) for k in range(parts))
    if len(sizes) != parts or sum(sizes) != length or min(sizes) < 1:
        raise OnnxError(f"{step.item.title} splits {length} into {sizes}")
    found, start = list[str](), 0
    for size in sizes:
        found.append(_part(step, step.x, axis, start, start + size))
        start += size
    return tuple(found)


def _gather(step: OnnxNode) -> Outcome:
    places = step.needed(1).array
    axis = step.axis(step.get("axis", 0))
    length = step.spec.shape[axis]
    wanted = [int(k) + (length if k < 0 else 0) for k in places.ravel()]
    if any(not 0 <= k < length for k in wanted) or not wanted:
        raise OnnxError(f"{step.item.title} takes {wanted[:5]} of an axis of {length}")
    if places.ndim > 1 or len(wanted) > MOST_PARTS:
        raise NotOurs("it takes its cells in an order of its own")
    steps = {b - a for a, b in pairwise(wanted)} or {1}
    if len(steps) == 1 and min(steps) > 0:
        x = _part(step, step.x, axis, wanted[0], wanted[-1] + 1, min(steps))
    else:
        parts = [_part(step, step.x, axis, k, k + 1) for k in wanted]
        x = step.add(ops.Concat(step.called(axis)), *parts)
    if places.ndim:
        return x
    return step.without((axis,), x)


def _crop(step: OnnxNode) -> Outcome:
    """An operator that was tried before there were versions: cells cut off at the borders."""
    left, top, right, bottom = step.get("border", (0, 0, 0, 0))
    _, height, width = step.spec.shape
    cut = _part(step, step.x, 1, top, height - bottom)
    return _part(step, cut, 2, left, width - right)


ROWS: OnnxRows = {"Slice": _slice, "Split": _split, "Gather": _gather, "Crop": _crop}
