"""Calls that only move numbers: other shapes, orders and parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from striate import ops
from striate.pytorch.capture.layout import BatchLayout, Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.rows.convolution import padding, sizes
from striate.pytorch.capture.rows.pooling import checked
from striate.pytorch.capture.steps import RESHAPES, Asked, DraftNode, ModuleValue, axis_name

MANY = 64
"""Nodes that one call may become; beyond that it stays as it is."""


def _reshaped(a: Asked) -> DraftNode:
    x = a.value("self")
    if x.layout.before(x.shape) != a.layout.before(a.shape):
        raise Unsuitable
    flat = len(a.own) == 1 and len(x.own) > 1
    return a.step(ops.Flatten(), x.step) if flat else a.shaped(x.step, a.own)


def _permuted(a: Asked, x: ModuleValue, order: Sequence[int]) -> DraftNode:
    """The axes in another order; that of the batch follows by itself."""
    folded = x.layout.folded
    own = (
        tuple(x.axis(k) if k != x.layout.batch else k for k in order)
        if folded
        else tuple(x.axis(k) for k in order if k != x.layout.batch)
    )
    return x.step if own == tuple(range(len(own))) else a.step(ops.Permute(own), x.step)


def _ordered(a: Asked) -> DraftNode:
    x = a.value("self")
    return _permuted(a, x, [k % x.rank for k in a["dims"]])


def _swapped(a: Asked) -> DraftNode:
    x = a.value("self")
    names = ("dim0", "dim1") if "dim0" in a.args else ("axis0", "axis1")
    first, second = (a.get(name, k) % x.rank for k, name in enumerate(names))
    order = list(range(x.rank))
    order[first], order[second] = second, first
    return _permuted(a, x, order)


def _moved(a: Asked) -> DraftNode:
    x = a.value("self")
    sources, goals = (
        [k % x.rank for k in ([each] if isinstance(each, int) else each)]
        for each in (a["source"], a["destination"])
    )
    order = [k for k in range(x.rank) if k not in sources]
    for goal, source in sorted(zip(goals, sources, strict=True)):
        order.insert(goal, source)
    return _permuted(a, x, order)


def _expanded(a: Asked) -> DraftNode:
    return a.aligned(a.value("self"), grown=True)


def _cut(a: Asked, x: ModuleValue, axis: int, start: int, stop: int, step: int = 1) -> DraftNode:
    length = x.own[axis]
    if (start, step) == (0, 1) and stop >= length:
        return x.step
    end = None if stop >= length else stop
    return a.step(ops.Slice(start, end, axis_name(x.step.spec, axis), step), x.step)


def _sliced(a: Asked) -> DraftNode:
    x = a.value("self")
    axis = x.axis(a["dim"])
    length = x.own[axis]
    start, stop, step = slice(a.get("start"), a.get("end"), a["step"]).indices(length)
    return _cut(a, x, axis, start, stop, step)


def _narrowed(a: Asked) -> DraftNode:
    x, start = a.value("self"), a["start"]
    axis = x.axis(a["dim"])
    start = start % x.own[axis]
    return _cut(a, x, axis, start, start + a["length"])


def _selected(a: Asked) -> DraftNode:
    x = a.value("self")
    axis = x.axis(a["dim"])
    index = a["index"] % x.own[axis]
    return a.shaped(_cut(a, x, axis, index, index + 1), a.own)


def _put_in(a: Asked) -> DraftNode:
    """slice_scatter: what is in front of a part, the part, what is behind it."""
    x = _whole(a)
    axis = x.axis(a["dim"])
    start, stop, step = slice(a.get("start"), a.get("end"), a.get("step", 1)).indices(x.own[axis])
    if step != 1:
        raise Unsuitable
    return _with_part(a, x, axis, start, stop)


def _put_one(a: Asked) -> DraftNode:
    """select_scatter: the same for one place of an axis."""
    x = _whole(a)
    axis = x.axis(a["dim"])
    index = a["index"] % x.own[axis]
    return _with_part(a, x, axis, index, index + 1)


def _with_part(a: Asked, x: ModuleValue, axis: int, start: int, stop: int) -> DraftNode:
    part, length = a.value("src"), x.own[axis]
    own = (*x.own[:axis], stop - start, *x.own[axis + 1 :])
    steps = [_cut(a, x, axis, 0, start)] if start else []
    steps += [a.shaped(part.step, own)]
    steps += [_cut(a, x, axis, stop, length)] if stop < length else []
    if len(steps) == 1:
        return steps[0]
    if x.step.spec.names:  # the axes of a permuted value keep their names, those of a part need not
        steps = [a.step(ops.Reshape(each.spec.shape), each) for each in steps]
    return a.step(ops.Concat(axis_name(steps[0].spec, axis)), *steps)


def _whole(a: Asked) -> ModuleValue:
    """What a part is put into; a constant as a step of its own."""
    given = a["self"]
    if isinstance(given, RecordedConstant):
        return ModuleValue(a.given(given), a.shape, a.layout)
    return a.value("self")


def _copied(a: Asked) -> DraftNode:
    """copy_: what is written, in the shape of what it is written over."""
    return _filled(a, a["src"])


def _filled(a: Asked, given: Any) -> DraftNode:
    if isinstance(given, ModuleValue):
        return a.aligned(given, grown=True)
    if isinstance(given, bool | int | float):
        given = RecordedConstant(torch.tensor(float(given), dtype=torch.float64))
    if not isinstance(given, RecordedConstant) or not given.tensor.dtype.is_floating_point:
        raise Unsuitable
    step = a.given(given)
    return step if step.spec.shape == a.own else a.step(ops.Expand(a.own), step)


def _parts(a: Asked) -> list[DraftNode]:
    """chunk, split, unbind: a part of the axis for each value that is made."""
    x = a.value("self")
    axis, found, start = x.axis(a["dim"]), list[DraftNode](), 0
    for made in a.made:
        layout = made.layout or BatchLayout()
        own = layout.of_picture(made.shape)
        length = 1 if len(own) < len(x.own) or a.call.name == "unbind" else own[axis]
        found.append(a.shaped(_cut(a, x, axis, start, start + length), own))
        start += length
    return found


def _windows(a: Asked) -> DraftNode:
    """Tensor.unfold: an axis as a stack of parts of it, what is in a part being the last axis."""
    x = a.value("self")
    axis, size, stride = x.axis(a["dimension"]), a["size"], a["step"]
    if x.axis(-1) != len(x.own) - 1 or x.layout.folded != a.layout.folded:
        raise Unsuitable
    starts = range(0, x.own[axis] - size + 1, stride)
    if len(starts) > MANY:
        raise Unsuitable
    parts = [_cut(a, x, axis, start, start + size) for start in starts]
    step = (
        a.step(ops.Stack(), *parts)
        if len(parts) > 1
        else a.shaped(parts[0], (1, *parts[0].spec.shape))
    )
    rank = len(x.own)
    others = [k + 1 for k in range(rank) if k != axis]
    order = (*others[:axis], 0, *others[axis:], axis + 1)
    return step if order == tuple(range(rank + 1)) else a.step(ops.Permute(order), step)


def _taken(a: Asked) -> DraftNode:
    """x[:, places] along one axis: the runs of neighbors in it, side by side."""
    x, given = a.value("self"), a["indices"]
    dims = [k for k, each in enumerate(given) if each is not None]
    if len(dims) != 1 or not isinstance(given[dims[0]], RecordedConstant):
        raise Unsuitable
    return _runs(a, x, x.axis(dims[0]), given[dims[0]])


def _chosen(a: Asked) -> DraftNode:
    """index_select."""
    x = a.value("self")
    if not isinstance(a["index"], RecordedConstant):
        raise Unsuitable
    return _runs(a, x, x.axis(a["dim"]), a["index"])


def _runs(a: Asked, x: ModuleValue, axis: int, given: RecordedConstant) -> DraftNode:
    places = given.tensor
    if places.dtype == torch.bool or places.ndim != 1 or given.batch is not None:
        raise Unsuitable
    runs: list[tuple[int, int]] = []
    for place in (int(k) % x.own[axis] for k in places):
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    if not 0 < len(runs) <= MANY:
        raise Unsuitable
    steps = [_cut(a, x, axis, *run) for run in runs]
    return steps[0] if len(steps) == 1 else a.step(ops.Concat(axis_name(x.step.spec, axis)), *steps)


def _padded(a: Asked) -> DraftNode:
    x, mode = a.value("self"), a.get("mode", "constant")
    given = list(a["pad"])
    pairs = [tuple(given[k : k + 2]) for k in range(0, len(given), 2)]
    sides = {x.axis(x.rank - 1 - k): pair for k, pair in enumerate(pairs) if pair != (0, 0)}
    if any(min(pair) < 0 for pair in sides.values()):
        raise Unsuitable
    filled = float(a.get("value", 0.0)) if mode == "constant" else mode
    whole = tuple(sides.get(k, (0, 0)) for k in range(len(x.own)))
    spatial = whole[1:] if len(whole) > 1 and whole[0] == (0, 0) else whole
    short = spatial[0] if len(set(spatial)) == 1 and len(set(spatial[0])) == 1 else spatial
    return a.step(ops.Pad(short[0] if isinstance(short[0], int) else short, filled), x.step)


def _rolled(a: Asked) -> DraftNode:
    x = a.value("self")
    step = x.step
    shifts, dims = a["shifts"], a["dims"]
    for shift, dim in zip(shifts, dims, strict=True):
        step = a.step(ops.Roll(shift, x.named(dim)), step)
    return step


def _flipped(a: Asked) -> DraftNode:
    x = a.value("self")
    step = x.step
    for dim in a["dims"]:
        step = a.step(ops.Flip(x.named(dim)), step)
    return step


def _repeated(a: Asked) -> DraftNode:
    x, times = a.value("self"), a.get("repeats", a.get("dims"))
    missing = len(a.shape) - x.rank
    layout = replace(x.layout, batch=x.layout.batch + missing)
    times = [*[1] * (len(a.shape) - len(times)), *times]
    if layout != a.layout or times[layout.batch] != 1:
        raise Unsuitable
    step = a.shaped(x.step, layout.of_picture((*[1] * missing, *x.shape)))
    for dim, count in enumerate(times):
        if count != 1:
            step = a.step(ops.Repeat(count, layout.axis(dim, len(a.shape))), step)
    return step


def _each_repeated(a: Asked) -> DraftNode:
    """repeat_interleave: each number of an axis several times; pictures become windows."""
    x, count = a.value("self"), a.get("repeats")
    if type(count) is not int or a.get("dim") is None or x.layout.major != 1:
        raise Unsuitable
    if a["dim"] % x.rank == x.layout.batch and not x.layout.folded:
        front, back = x.own[: x.layout.batch], x.own[x.layout.batch :]
    else:
        axis = x.layout.batch if a["dim"] % x.rank == x.layout.batch else x.axis(a["dim"])
        front, back = x.own[: axis + 1], x.own[axis + 1 :]
    step = a.step(ops.Expand((*front, count, *back)), a.shaped(x.step, (*front, 1, *back)))
    return a.shaped(step, a.own)


def _shuffled(a: Asked) -> DraftNode:
    """channel_shuffle: the channels as a table of groups, read the other way."""
    x, groups = a.plain("self"), a["groups"]
    channels, *rest = x.own
    table = a.shaped(x.step, (groups, channels // groups, *rest))
    turned = a.step(ops.Permute((1, 0, *range(2, len(rest) + 2))), table)
    return a.shaped(turned, x.own)


def _enlarged(a: Asked) -> DraftNode:
    return a.step(ops.PixelShuffle(a["upscale_factor"]), a.plain("self").step)


def _reduced(a: Asked) -> DraftNode:
    """pixel_unshuffle: blocks of pixels as channels."""
    x, side = a.plain("self"), a["downscale_factor"]
    if len(x.own) != 3:
        raise Unsuitable
    channels, height, width = x.own
    blocks = a.shaped(x.step, (channels, height // side, side, width // side, side))
    return a.shaped(a.step(ops.Permute((0, 2, 4, 1, 3)), blocks), a.own)


def _unfolded(a: Asked) -> DraftNode:
    operator = ops.Unfold(
        sizes(a["kernel_size"]), sizes(a["stride"]), padding(a["padding"]), sizes(a["dilation"])
    )
    return a.step(operator, a.plain("self").step)


_FOUND: Mapping[str, Callable[[Asked], Any]] = {
    **dict.fromkeys(RESHAPES, _reshaped),
    "permute": _ordered,
    "transpose": _swapped,
    "swapaxes": _swapped,
    "t": _swapped,
    "movedim": _moved,
    "expand": _expanded,
    "expand_as": _expanded,
    "broadcast_to": _expanded,
    "slice": _sliced,
    "narrow": _narrowed,
    "select": _selected,
    "slice_scatter": _put_in,
    "select_scatter": _put_one,
    "copy": _copied,
    "fill": lambda a: _filled(a, a["value"]),
    "zero": lambda a: _filled(a, 0.0),
    "chunk": _parts,
    "split": _parts,
    "split_with_sizes": _parts,
    "tensor_split": _parts,
    "unbind": _parts,
    "unfold": _windows,
    "index": _taken,
    "index_select": _chosen,
    "pad": _padded,
    "constant_pad_nd": _padded,
    "roll": _rolled,
    "flip": _flipped,
    "repeat": _repeated,
    "tile": _repeated,
    "repeat_interleave": _each_repeated,
    "channel_shuffle": _shuffled,
    "pixel_shuffle": _enlarged,
    "pixel_unshuffle": _reduced,
    "im2col": _unfolded,
}

ROWS: Mapping[str, Callable[[Asked], Any]] = {name: checked(row) for name, row in _FOUND.items()}
