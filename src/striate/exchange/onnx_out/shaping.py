"""What moves, spreads or reduces numbers: operators as ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from striate import ops
from striate.exchange.onnx_out.layers import pads, strides
from striate.exchange.onnx_out.place import NodeWriter, WriterRow
from striate.exchange.onnx_package import package
from striate.graph import Operator
from striate.ops.arrays import Array
from striate.ops.reducing.reduction import Reduction

FIRST = -(2**63)
"""An end before the first position, which no negative number of a short axis is."""


def _reduced(kind: str) -> WriterRow:
    """A reduction; the axes of ReduceSum alone are an input, of opset 17."""

    def row(reduction: Reduction, at: NodeWriter) -> str:
        axes, keep = [k + 1 for k in reduction.axes(at.spec)], int(reduction.keep)
        if kind == "ReduceSum":
            return at.put(kind, at.x, at.whole(*axes), keepdims=keep)
        return at.put(kind, at.x, axes=axes, keepdims=keep)

    return row


def _reshape(reshape: ops.Reshape, at: NodeWriter) -> str:
    return at.put("Reshape", at.x, at.whole(0, *at.shape))


def _slice(part: ops.Slice, at: NodeWriter) -> str:
    axis = at.spec.axis(part.axis)
    cells = range(*slice(part.start, part.stop, part.step).indices(at.spec.shape[axis]))
    return _cut(at, axis, cells.start, cells.stop, cells.step)


def _flip(flip: ops.Flip, at: NodeWriter) -> str:
    return _cut(at, at.spec.axis(flip.axis), -1, FIRST, -1)


def _cut(at: NodeWriter, axis: int, start: int, stop: int, step: int) -> str:
    places = (at.whole(each) for each in (start, stop, axis + 1, step))
    return at.put("Slice", at.x, *places)


def _taken(at: NodeWriter, value: str, axis: int, cells: Sequence[int] | Array) -> str:
    """The numbers at some positions of an axis; the batch is not counted."""
    return at.put("Gather", value, at.constant(np.asarray(cells, dtype=np.int64)), axis=axis + 1)


def _roll(roll: ops.Roll, at: NodeWriter) -> str:
    axis = at.spec.axis(roll.axis)
    return _taken(at, at.x, axis, np.roll(np.arange(at.spec.shape[axis]), roll.shift))


def _repeat(repeat: ops.Repeat, at: NodeWriter) -> str:
    axis = at.spec.axis(repeat.axis)
    times = (repeat.times if k == axis else 1 for k in range(at.spec.rank))
    return at.put("Tile", at.x, at.whole(1, *times))


def _pad(pad: ops.Pad, at: NodeWriter) -> str:
    pairs = [(w.before, w.after) for w in pad.windows(at.spec)]
    if pad.mode == "circular":
        value = at.x
        for axis, (n, sides) in enumerate(zip(at.spec.shape, pairs, strict=True)):
            if any(sides):
                value = _taken(at, value, axis, np.pad(np.arange(n), sides, mode="wrap"))
        return value
    around = at.whole(*pads([(0, 0), *pairs]))
    if isinstance(pad.mode, str):
        return at.put("Pad", at.x, around, mode=WORDS[pad.mode])
    return at.put("Pad", at.x, around, at.number(pad.mode))


WORDS = {"reflect": "reflect", "replicate": "edge"}
"""Our words for paddings, and ONNX's. It has no word for circular before opset 19."""


def _expand(expand: ops.Expand, at: NodeWriter) -> str:
    return at.put("Expand", at.x, at.whole(1, *at.shape))


def _given(given: ops.Learned | ops.Constant, at: NodeWriter) -> str:
    """The value, once for each picture."""
    shape = at.put("Concat", at.sheet.batch(), at.whole(*given.size), axis=0)
    return at.put("Expand", at.weight("value"), shape)


def _unfold(unfold: ops.Unfold, at: NodeWriter) -> str:
    """Every window as a column: each tap is a convolution with a single one."""
    axes, channels = unfold.windows(at.spec), at.spec.channels
    taps = tuple(w.kernel for w in axes)
    single = np.tile(np.eye(prod(taps)).reshape(-1, 1, *taps), (channels, *[1] * (len(taps) + 1)))
    sides = [(w.before, w.overhang(n)) for w, n in zip(axes, at.spec.spatial, strict=True)]
    maps = at.put(
        "Conv", at.x, at.constant(single), **strides(axes), pads=pads(sides), group=channels
    )
    return at.put("Reshape", maps, at.whole(0, *at.shape))


def _resize(resize: ops.Resize, at: NodeWriter) -> str:
    if _has_plain_places(resize, at):
        places, words = _PLACES[resize.mode, resize.align_corners]
        settings = {"coordinate_transformation_mode": places, **words}
        sizes = at.put("Concat", at.sheet.batch(), at.whole(*at.shape), axis=0)
        return at.put("Resize", at.x, "", "", sizes, **settings)
    value = at.x
    for axis, (n, rows) in enumerate(zip(at.spec.spatial, resize.axes(at.spec), strict=True)):
        matrix = np.zeros((len(rows), n))
        for row, cells in enumerate(rows):
            for cell, share in cells:
                matrix[row, cell] += float(share)
        value = at.along(value, axis + 2, at.spec.rank + 1, matrix)
    return value


def _has_plain_places(resize: ops.Resize, at: NodeWriter) -> bool:
    """Whether ONNX finds the same places from the sizes: rounded down, only whole factors do."""
    pairs = list(zip(at.spec.spatial, at.shape[1:], strict=True))
    if resize.mode == "nearest":
        return all(m % n == 0 for n, m in pairs) and resize.scale in (None, int(resize.scale or 1))
    if len(pairs) > 2:  # runtimes differ in what they take for a volume
        return False
    return resize.scale is None or all(n * resize.scale == m for n, m in pairs)


_HALF, _CUBIC = "half_pixel", {"mode": "cubic", "cubic_coeff_a": -0.75}
_PLACES: Mapping[tuple[str, bool], tuple[str, dict[str, object]]] = {
    ("nearest", False): ("asymmetric", {"mode": "nearest", "nearest_mode": "floor"}),
    ("linear", False): (_HALF, {"mode": "linear"}),
    ("linear", True): ("align_corners", {"mode": "linear"}),
    ("bilinear", False): (_HALF, {"mode": "linear"}),
    ("bilinear", True): ("align_corners", {"mode": "linear"}),
    ("bicubic", False): (_HALF, _CUBIC),
    ("bicubic", True): ("align_corners", _CUBIC),
}
"""Where a new cell lies among the old ones, and how they are mixed, in ONNX's words."""


def _embedding(embedding: ops.Embedding, at: NodeWriter) -> str:
    tokens = at.put("Cast", at.x, to=package("onnx").TensorProto.INT64)
    rows = at.put("Gather", at.weight("weight"), tokens, axis=0)
    rank = at.spec.rank
    return at.put("Transpose", rows, perm=[0, rank + 1, *range(1, rank + 1)])


ROWS: Mapping[type[Operator], WriterRow] = {
    ops.Mean: _reduced("ReduceMean"),
    ops.Sum: _reduced("ReduceSum"),
    ops.Max: _reduced("ReduceMax"),
    ops.Min: _reduced("ReduceMin"),
    ops.Flatten: lambda op, at: at.put("Flatten", at.x, axis=1),
    ops.Reshape: _reshape,
    ops.Permute: lambda op, at: at.put("Transpose", at.x, perm=[0, *(k + 1 for k in op.order)]),
    ops.Slice: _slice,
    ops.Flip: _flip,
    ops.Roll: _roll,
    ops.Repeat: _repeat,
    ops.Pad: _pad,
    ops.Expand: _expand,
    ops.Embedding: _embedding,
    ops.PositionalEncoding: lambda op, at: at.put("Add", at.x, at.constant(op.waves(at.spec))),
    ops.Learned: _given,
    ops.Constant: _given,
    ops.Unfold: _unfold,
    ops.Resize: _resize,
    ops.PixelShuffle: lambda op, at: at.put(
        "DepthToSpace", at.x, blocksize=op.upscale_factor, mode="CRD"
    ),
}
