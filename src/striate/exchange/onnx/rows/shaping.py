"""What moves numbers and computes none: other axes, another order, other sizes."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, prod

import numpy as np

from striate import ops
from striate.errors import OnnxError
from striate.exchange.onnx.constants import Known, reshaped
from striate.exchange.onnx.step import (
    Flow,
    MixesError,
    NotOurs,
    OnnxNode,
    OnnxRows,
    Outcome,
    Relocated,
)
from striate.ops.arrays import Array


def shaped(step: OnnxNode, sizes: tuple[int, ...], x: str = "") -> str:
    """The first input with other axes, all of them given; the pictures must stay apart."""
    x = x or step.x
    if not sizes or sizes[0] != step.batch:
        raise MixesError("it mixes the axis of the pictures with others")
    if len(sizes) == 1:
        raise NotOurs("it leaves no axis beside that of the pictures")
    old = step.drafts.spec(x).shape
    if sizes[1:] == old:
        return x
    flat = len(sizes) == 2
    return step.add(ops.Flatten() if flat else ops.Reshape(sizes[1:]), x)


def _reshape(step: OnnxNode) -> Outcome:
    wanted = step.numbers("shape", 1)
    if wanted is None:
        raise OnnxError(f"{step.item.title} names no sizes")
    keeps = bool(step.get("allowzero", 0))
    return shaped(step, tuple(reshaped(wanted, step.sizes, keeps_zero=keeps)))


def _flatten(step: OnnxNode) -> Outcome:
    axis = step.get("axis", 1)
    axis += len(step.sizes) if axis < 0 else 0
    sizes = step.sizes
    return shaped(step, (prod(sizes[:axis]), prod(sizes[axis:])))


def _squeeze(step: OnnxNode) -> Outcome:
    named = step.numbers("axes", 1)
    if named is None:
        return step.without(tuple(k for k, n in enumerate(step.spec.shape) if n == 1))
    gone = step.axes(named)
    if any(step.spec.shape[k] != 1 for k in gone):
        raise OnnxError(f"{step.item.title} drops an axis that is not 1 long")
    return step.without(gone)


def _unsqueeze(step: OnnxNode) -> Outcome:
    named = step.numbers("axes", 1) or ()
    rank = len(step.sizes) + len(named)
    new = {axis + 1 for axis in step.axes(named, rank)}
    old = iter(step.sizes)
    return shaped(step, tuple(1 if k in new else next(old) for k in range(rank)))


def _transpose(step: OnnxNode) -> Outcome:
    rank = len(step.sizes)
    order = tuple(step.get("perm", range(rank)[::-1]))
    if sorted(order) != list(range(rank)):
        raise OnnxError(f"{step.item.title} has the order {order} for {rank} axes")
    rest = tuple(k - (k > step.at) for k in order if k != step.at)
    made = step.x if rest == tuple(sorted(rest)) else step.add(ops.Permute(rest))
    return Relocated(made, order.index(step.at))


def _concat(step: OnnxNode) -> Outcome:
    ranks = {
        step.drafts.spec(each.key).rank if isinstance(each, Flow) else each.array.ndim - 1
        for each in step.inputs
        if each is not None
    }
    if len(ranks) != 1:
        raise NotOurs("its inputs have different axes")
    axis = step.axis(step.get("axis", 1), max(ranks) + 1)
    parts = [
        each.key if isinstance(each, Flow) else _value(step, each)
        for each in step.inputs
        if each is not None
    ]
    if len(parts) == 1:
        return parts[0]
    return step.add(ops.Concat(step.called(axis, parts[0])), *parts)


def _value(step: OnnxNode, given: Known) -> str:
    """An array of the file as a value, the same for every picture."""
    if given.array.shape[0] != 1 or given.array.ndim < 2:
        raise NotOurs("an array of the file stands for several pictures")
    sizes = given.array.shape[1:]
    operator = ops.Learned(sizes) if given.weight else ops.Constant(sizes)
    return step.add(operator, value=Known(given.array[0], given.weight, given.shared))


def _expand(step: OnnxNode) -> Outcome:
    wanted = step.numbers("shape", 1) or ()
    sizes = np.broadcast_shapes(step.sizes, wanted)
    before = (1,) * (len(sizes) - len(step.sizes))
    if before:
        raise MixesError("it puts axes before that of the pictures")
    if sizes[0] != step.batch:
        raise MixesError("it repeats pictures")
    return step.x if sizes == step.sizes else step.add(ops.Expand(sizes[1:]))


def _tile(step: OnnxNode) -> Outcome:
    times = step.numbers("repeats", 1) or ()
    if len(times) != len(step.sizes) or times[0] != 1:
        raise MixesError("it repeats pictures")
    x = step.x
    for axis, count in enumerate(times[1:]):
        if count != 1:
            x = step.add(ops.Repeat(count, step.called(axis, x)), x)
    return x


_PADS = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(step: OnnxNode) -> Outcome:
    name = "paddings" if "paddings" in step.item.attributes else "pads"
    pads = step.numbers(name, 1) or ()
    value = step.number("value", 2) or 0.0
    named = step.numbers("axes", 3)
    rank = step.spec.rank
    axes = tuple(range(rank + 1)) if named is None else tuple(k % (rank + 1) for k in named)
    if len(pads) != 2 * len(axes):
        raise OnnxError(f"{step.item.title} has {len(pads)} numbers for {len(axes)} axes")
    sides = dict.fromkeys(range(rank + 1), (0, 0))
    sides |= dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    if sides.pop(0) != (0, 0):
        raise MixesError("it adds pictures")
    if min(pads, default=0) < 0:
        raise NotOurs("it pads by fewer than no cells")
    whole = tuple(sides.values())
    mode = step.get("mode", "constant")
    if not any(map(any, whole)):
        return step.x
    if mode != "constant" and mode not in _PADS:
        raise NotOurs(f"it pads in a way of its own ({mode})")
    return step.add(ops.Pad(whole, value if mode == "constant" else _PADS[mode]))


def _resize(step: OnnxNode) -> Outcome:
    """Resize and Upsample: which cells they read must be what our RESIZE reads."""
    scales, sizes = _goal(step)
    old = step.spec.spatial
    mode, where = _conventions(step)
    same = len(set(scales)) == 1 and all(
        floor(n * s) == m for n, s, m in zip(old, scales, sizes, strict=True)
    )
    by_size = all(abs(n * s - m) < 1e-6 for n, s, m in zip(old, scales, sizes, strict=True))
    corners = where == "align_corners"
    if mode == "nearest":
        for n, m, scale in zip(old, sizes, scales, strict=True):
            _check_nearest(step, n, m, scale, where)
        return step.add(ops.Resize(size=sizes) if by_size else ops.Resize(scales[0]))
    if where not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise NotOurs(f"it interpolates at other places ({where})")
    if where == "pytorch_half_pixel" and min(sizes) == 1 != max(old):
        raise NotOurs("it makes one cell in a way of its own")
    if not by_size and (corners or not same):
        raise NotOurs("its factors and its sizes differ")
    word = {"cubic": "bicubic"}.get(mode) or {1: "linear", 2: "bilinear", 3: "trilinear"}[len(old)]
    if by_size:
        return step.add(ops.Resize(size=sizes, mode=word, align_corners=corners))  # type: ignore[arg-type]
    return step.add(ops.Resize(scales[0], mode=word))  # type: ignore[arg-type]


def _goal(step: OnnxNode) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The factors and the new lengths of the spatial axes."""
    given, rank = step.item.attributes, step.spec.rank
    sizes = None
    if step.item.kind == "Upsample" and "height_scale" in given:
        scales = np.array([1.0, 1.0, given["height_scale"], given.get("width_scale", 1.0)])
    elif step.item.kind == "Upsample" or step.version < 11:
        found = step.parameter("scales", 1)
        scales = np.ones(0) if found is None else found.astype(float)
    else:
        found, sizes = step.parameter("scales", 2), step.numbers("sizes", 3)
        scales = np.ones(0) if found is None else found.astype(float)
    axes = step.get("axes", range(rank + 1))
    if len(axes) != len(scales if sizes is None else sizes) or step.get(
        "keep_aspect_ratio_policy", "stretch"
    ) not in ("stretch",):
        raise NotOurs("its sizes are given in a way of its own")
    places = [axis % (rank + 1) for axis in axes]
    old = step.sizes
    if sizes is not None:
        wanted = dict(zip(places, sizes, strict=True))
        factors = {k: n / old[k] for k, n in wanted.items()}
    else:
        factors = dict(zip(places, scales.tolist(), strict=True))
        wanted = {k: floor(old[k] * s) for k, s in factors.items()}
    if any(factors.get(k, 1) != 1 for k in (0, 1)) or rank < 2:
        raise NotOurs("it resizes more than the spatial axes")
    spatial = range(2, rank + 1)
    return (
        tuple(float(factors.get(k, 1.0)) for k in spatial),
        tuple(int(wanted.get(k, old[k])) for k in spatial),
    )


def _conventions(step: OnnxNode) -> tuple[str, str]:
    """How cells are found between the old ones: the mode, and the coordinates."""
    mode = step.get("mode", "nearest")
    old = step.item.kind == "Upsample" or step.version < 11
    where = "asymmetric" if old else step.get("coordinate_transformation_mode", "half_pixel")
    if mode not in ("nearest", "linear", "bilinear", "cubic") or step.get("antialias", 0):
        raise NotOurs("it interpolates in a way of its own")
    if mode == "cubic" and (
        len(step.spec.spatial) != 2
        or step.get("cubic_coeff_a", -0.75) != -0.75
        or step.get("exclude_outside", 0)
    ):
        raise NotOurs("it interpolates by other cubics")
    return mode, where


_PLACES: dict[str, Callable[[Array, int, int, float], Array]] = {
    "half_pixel": lambda i, n, m, s: (i + 0.5) / s - 0.5,
    "pytorch_half_pixel": lambda i, n, m, s: (i + 0.5) / s - 0.5 if m > 1 else 0 * i,
    "half_pixel_symmetric": lambda i, n, m, s: (i + 0.5) / s - 0.5,
    "asymmetric": lambda i, n, m, s: i / s,
    "align_corners": lambda i, n, m, s: i * (n - 1) / max(m - 1, 1),
}
_ROUNDED: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _check_nearest(step: OnnxNode, n: int, m: int, scale: float, where: str) -> None:
    """Whether each cell is copied from the one that RESIZE copies: ⌊i/scale⌋."""
    old = step.item.kind == "Upsample" or step.version < 11
    rounding = "floor" if old else step.get("nearest_mode", "round_prefer_floor")
    if where not in _PLACES or rounding not in _ROUNDED or m > 1 << 20:
        raise NotOurs(f"it copies cells in a way of its own ({where}, {rounding})")
    i = np.arange(m, dtype=np.float64)
    theirs = np.clip(_ROUNDED[rounding](_PLACES[where](i, n, m, scale)), 0, n - 1)
    if (theirs != np.minimum(np.floor(i / scale + 1e-9), n - 1)).any():
        raise NotOurs(f"it copies other cells than RESIZE ({where}, {rounding})")


def _depth_to_space(step: OnnxNode) -> Outcome:
    factor = step.get("blocksize", 1)
    channels, height, width = _map(step)
    if step.get("mode", "DCR") == "CRD":
        return step.add(ops.PixelShuffle(factor))
    split = step.add(ops.Reshape((factor, factor, channels // factor**2, height, width)))
    turned = step.add(ops.Permute((2, 3, 0, 4, 1)), split)
    sizes = channels // factor**2, height * factor, width * factor
    return step.add(ops.Reshape(sizes), turned)


def _space_to_depth(step: OnnxNode) -> Outcome:
    factor = step.get("blocksize", 1)
    channels, height, width = _map(step)
    rows, columns = height // factor, width // factor
    split = step.add(ops.Reshape((channels, rows, factor, columns, factor)))
    order = (0, 2, 4, 1, 3) if step.get("mode", "DCR") == "CRD" else (2, 4, 0, 1, 3)
    turned = step.add(ops.Permute(order), split)
    return step.add(ops.Reshape((channels * factor**2, rows, columns)), turned)


def _map(step: OnnxNode) -> tuple[int, int, int]:
    if step.spec.rank != 3:
        raise NotOurs("its input is no map of rows and columns")
    channels, height, width = step.spec.shape
    return channels, height, width


def _cast(step: OnnxNode) -> Outcome:
    from striate.exchange.onnx.tensors import type_name

    if type_name(step.get("to", 1)) not in ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"):
        raise NotOurs("it makes whole numbers")
    return step.x


def _same(step: OnnxNode) -> Outcome:
    return step.x


ROWS: OnnxRows = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _cast,
}
