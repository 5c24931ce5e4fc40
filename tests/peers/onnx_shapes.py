"""How ONNX's nodes that only move numbers are built; rows as in `onnx_arithmetic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from common_rows import cut, permuted, reshaped
from onnx_arithmetic import axes_given
from sample_graph import Array, Cannot, Nothing, Row, SampleGraph, Value
from torch_axes import cut_to, joined
from torch_shapes import expanded

Attributes = Mapping[str, Any]


def reshape(net: SampleGraph, given: Attributes, x: Array, shape: Array) -> Value:
    sizes = shape.tolist()
    if not given.get("allowzero"):
        sizes = [x.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return reshaped(net, net.enter(x), np.empty(x.shape, np.int8).reshape(sizes).shape)


def flatten(net: SampleGraph, given: Attributes, x: Array) -> Value:
    axis = given.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return reshaped(net, net.enter(x), (prod(x.shape[:axis]), prod(x.shape[axis:])))


def squeeze(net: SampleGraph, given: Attributes, x: Array, axes: Array | None = None) -> Value:
    over = axes_given(given, axes, x.ndim) or tuple(k for k, n in enumerate(x.shape) if n == 1)
    return reshaped(net, net.enter(x), [n for k, n in enumerate(x.shape) if k not in over])


def unsqueeze(net: SampleGraph, given: Attributes, x: Array, axes: Array | None = None) -> Value:
    return reshaped(net, net.enter(x), np.expand_dims(x, tuple(axes_or(given, axes))).shape)


def axes_or(given: Attributes, axes: Array | None) -> Sequence[int]:
    return given["axes"] if axes is None else axes.tolist()


def transpose(net: SampleGraph, given: Attributes, x: Array) -> Value:
    return permuted(net, net.enter(x), given.get("perm", tuple(reversed(range(x.ndim)))))


def concat(net: SampleGraph, given: Attributes, *inputs: Array) -> Value:
    return joined(net, [net.enter(x) for x in inputs], given["axis"] % inputs[0].ndim)


def split(
    net: SampleGraph, given: Attributes, x: Array, lengths: Array | None = None
) -> list[Value]:
    axis = given.get("axis", 0) % x.ndim
    if lengths is not None:
        return cut(net, net.enter(x), lengths.tolist(), axis)
    count = given.get("num_outputs", given["outputs"])
    each = -(-x.shape[axis] // count)
    sizes = [min(each, x.shape[axis] - k * each) for k in range(count)]
    return cut(net, net.enter(x), sizes, axis)


def slice_(
    net: SampleGraph,
    given: Attributes,
    x: Array,
    starts: Any = None,
    ends: Any = None,
    axes: Any = None,
    steps: Any = None,
) -> Value:
    value, most = net.enter(x), 2**31
    over = range(len(starts)) if axes is None else axes.tolist()
    every = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, stop, step in zip(over, starts.tolist(), ends.tolist(), every, strict=True):
        axis %= x.ndim
        taken = range(*slice(start, max(min(stop, most), -most), step).indices(x.shape[axis]))
        if not taken:
            raise Nothing("an array without a number in it")
        low, high = min(taken), max(taken)
        value = cut_to(net, value, axis, low, high + 1, abs(step))
        value = net("Flip", value, axis=axis) if step < 0 else value
    return value


def pad(
    net: SampleGraph,
    given: Attributes,
    x: Array,
    pads: Array,
    filling: Any = None,
    axes: Any = None,
) -> Value:
    over = range(x.ndim) if axes is None else [k % x.ndim for k in axes.tolist()]
    half, pairs = len(pads) // 2, [(0, 0)] * x.ndim
    for k, axis in enumerate(over):
        pairs[axis] = (int(pads[k]), int(pads[half + k]))
    kinds = {"constant": None, "edge": "replicate", "wrap": "circular", "reflect": "reflect"}
    mode = kinds[given.get("mode", "constant")]
    number = 0.0 if filling is None else float(filling)
    return net("Pad", net.enter(x), sides=tuple(pairs), mode=number if mode is None else mode)


def expand(net: SampleGraph, given: Attributes, x: Array, shape: Array) -> Value:
    return expanded(net, net.enter(x), np.broadcast_shapes(x.shape, tuple(shape.tolist())))


def tile(net: SampleGraph, given: Attributes, x: Array, times: Array) -> Value:
    value = net.enter(x)
    for axis, n in enumerate(times.tolist()):
        value = net("Repeat", value, times=n, axis=axis) if n != 1 else value
    return value


def depth_to_space(net: SampleGraph, given: Attributes, x: Array) -> Value:
    r, (n, c, h, w) = given["blocksize"], x.shape
    if given.get("mode", "DCR") == "CRD":
        return net("PixelShuffle", net.enter(x, batched=True), upscale_factor=r)
    y = reshaped(net, net.enter(x), (n, r, r, c // r**2, h, w))
    return reshaped(net, permuted(net, y, (0, 3, 4, 1, 5, 2)), (n, c // r**2, h * r, w * r))


def space_to_depth(net: SampleGraph, given: Attributes, x: Array) -> Value:
    r, (n, c, h, w) = given["blocksize"], x.shape
    y = reshaped(net, net.enter(x), (n, c, h // r, r, w // r, r))
    order = (0, 1, 3, 5, 2, 4) if given.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    return reshaped(net, permuted(net, y, order), (n, c * r * r, h // r, w // r))


def centered(net: SampleGraph, given: Attributes, x: Array, shape: Array) -> Value:
    over = [k % x.ndim for k in given.get("axes", range(x.ndim))]
    value, pairs = net.enter(x), [(0, 0)] * x.ndim
    for axis, wanted in zip(over, shape.tolist(), strict=True):
        n = x.shape[axis]
        if wanted < n:
            value = cut_to(net, value, axis, (n - wanted) // 2, (n - wanted) // 2 + wanted)
        pairs[axis] = (max(wanted - n, 0) // 2, max(wanted - n, 0) - max(wanted - n, 0) // 2)
    return net("Pad", value, sides=tuple(pairs), mode=0.0) if any(map(sum, pairs)) else value


def gather(net: SampleGraph, given: Attributes, x: Array, index: Array) -> Value:
    """Places of one axis by a list: a SLICE each."""
    if index.ndim > 1:
        raise Cannot("an index of several axes")
    axis, value = given.get("axis", 0) % x.ndim, net.enter(x)
    ends = [int(k) % x.shape[axis] for k in index.reshape(-1)]
    parts = [net("Slice", value, start=k, stop=k + 1, axis=axis) for k in ends]
    y = joined(net, parts, axis)
    return y if index.ndim else reshaped(net, y, x.shape[:axis] + x.shape[axis + 1 :])


def identity(net: SampleGraph, given: Attributes, x: Array) -> Value:
    if not isinstance(x, np.ndarray):
        raise Cannot("a sequence or an option instead of an array")
    return net.enter(x)


REARRANGING: dict[str, Row] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Pad": pad,
    "Expand": expand,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "CenterCropPad": centered,
    "Gather": gather,
    "Identity": identity,
}
