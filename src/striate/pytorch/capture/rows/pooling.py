"""Pooling, reductions along axes, and other sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from striate import ops
from striate.errors import SettingError
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.rows.convolution import padding, sizes
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue, axis_name


def _windows(a: Asked) -> dict[str, Any]:
    stride = a.get("stride") or None
    return {
        "kernel": sizes(a["kernel_size"]),
        "stride": None if stride is None else sizes(stride),
        "padding": padding(a["padding"]),
        "ceil": bool(a["ceil_mode"]),
    }


def _max(a: Asked) -> DraftNode:
    operator = ops.MaxPool(**_windows(a), dilation=sizes(a["dilation"]))
    return a.step(operator, a.plain("self").step)


def _average(a: Asked) -> DraftNode:
    include, divisor = bool(a["count_include_pad"]), a.get("divisor_override")
    operator = ops.AveragePool(**_windows(a), include_padding=include, divisor=divisor)
    return a.step(operator, a.plain("self").step)


def _adaptive_average(a: Asked) -> DraftNode:
    x, size = a.plain("self"), sizes(a["output_size"])
    if size == 1:
        return a.step(ops.GlobalAveragePool(), x.step)
    return a.step(ops.AdaptiveAveragePool(size), x.step)


def _adaptive_max(a: Asked) -> tuple[DraftNode]:
    x, size = a.plain("self"), sizes(a["output_size"])
    return (a.step(ops.AdaptiveMaxPool(size), x.step),)


def _dims(a: Asked, x: ModuleValue) -> tuple[int, ...]:
    given = a.get("dim", [])
    dims = [given] if isinstance(given, int) else list(given)
    return tuple(sorted(x.axis(each) for each in dims or range(x.rank)))


def _reduced(kind: Callable[..., Any]) -> Callable[[Asked], DraftNode]:
    def row(a: Asked) -> DraftNode:
        x = a.value("self")
        return _reduction(a, kind, x.step, x, bool(a.get("keepdim", False)))

    return row


def _reduction(
    a: Asked, kind: Callable[..., Any], step: DraftNode, x: ModuleValue, keep: bool
) -> DraftNode:
    axes = _dims(a, x)
    if len(axes) == len(x.own) and not keep:
        return a.shaped(a.step(kind(axis=axes, keep=True), step), a.own)
    spatial = len(x.own) > 1 and axes == tuple(range(1, len(x.own)))
    if spatial and keep and kind is ops.Mean:
        return a.step(ops.GlobalAveragePool(), step)
    named = tuple(axis_name(step.spec, k) for k in axes)
    return a.step(kind(axis=None if spatial else named, keep=keep), step)


def _extreme(kind: Callable[..., Any]) -> Callable[[Asked], tuple[DraftNode]]:
    """max and min along an axis: the values; where they are is left to others."""
    reduced = _reduced(kind)
    return lambda a: (reduced(a),)


def _length(a: Asked) -> DraftNode:
    """The Euclidean norm: √Σx²."""
    x = a.value("self")
    if a.get("ord", a.get("p", 2)) != 2:
        raise Unsuitable
    squares = a.step(ops.Square(), x.step)
    total = _reduction(a, ops.Sum, squares, x, bool(a.get("keepdim", False)))
    return a.step(ops.Sqrt(), total)


def _variance(a: Asked) -> DraftNode:
    """The mean square of what is left without the mean, times n / (n - correction)."""
    x, keep = a.value("self"), bool(a.get("keepdim", False))
    correction = a.get("correction", 1 if a.get("unbiased", True) else 0)
    centered = a.step(ops.Subtract(), x.step, _reduction(a, ops.Mean, x.step, x, True))
    count = prod(x.own[k] for k in _dims(a, x))
    if count <= correction:
        raise Unsuitable
    found = _reduction(a, ops.Mean, a.step(ops.Square(), centered), x, keep)
    return a.step(ops.Affine(count / (count - correction)), found) if correction else found


def _resized(mode: str) -> Callable[[Asked], DraftNode]:
    def row(a: Asked) -> DraftNode:
        x, corners = a.plain(_first(a)), bool(a.get("align_corners", False))
        factors = a.get("scale_factors") or [a.get("scales_h"), a.get("scales_w"), a.get("scales")]
        known = {each for each in factors if each is not None}
        new = a.own[1:]
        scaled = tuple(int(n * factor) for n in x.own[1:] for factor in list(known)[:1])
        by_factor = len(known) == 1 and scaled == new
        where: dict[str, Any] = {"scale": known.pop()} if by_factor else {"size": new}
        return a.step(ops.Resize(**where, mode=mode, align_corners=corners), x.step)  # type: ignore[arg-type]

    return row


def _first(a: Asked) -> str:
    return "input" if "input" in a.args else "self"


def checked(row: Callable[[Asked], Any]) -> Callable[[Asked], Any]:
    """A row whose operator may refuse a setting."""

    def tried(a: Asked) -> Any:
        try:
            return row(a)
        except SettingError:
            raise Unsuitable from None

    return tried


_FOUND: Mapping[str, Callable[[Asked], Any]] = {
    "max_pool1d": _max,
    "max_pool2d": _max,
    "avg_pool1d": _average,
    "avg_pool2d": _average,
    "adaptive_avg_pool1d": _adaptive_average,
    "adaptive_avg_pool2d": _adaptive_average,
    "adaptive_max_pool1d": _adaptive_max,
    "adaptive_max_pool2d": _adaptive_max,
    "mean": _reduced(ops.Mean),
    "sum": _reduced(ops.Sum),
    "amax": _reduced(ops.Max),
    "amin": _reduced(ops.Min),
    "max": _extreme(ops.Max),
    "min": _extreme(ops.Min),
    "var": _variance,
    "std": lambda a: a.step(ops.Sqrt(), _variance(a)),
    "linalg_vector_norm": _length,
    "norm": _length,
    "upsample_nearest1d": _resized("nearest"),
    "upsample_nearest2d": _resized("nearest"),
    "upsample_nearest3d": _resized("nearest"),
    "upsample_linear1d": _resized("linear"),
    "upsample_bilinear2d": _resized("bilinear"),
    "upsample_trilinear3d": _resized("trilinear"),
    "upsample_bicubic2d": _resized("bicubic"),
}

ROWS: Mapping[str, Callable[[Asked], Any]] = {name: checked(row) for name, row in _FOUND.items()}
