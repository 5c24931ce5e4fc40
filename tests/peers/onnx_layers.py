"""How ONNX's layers are built: windows, norms, losses, resizing; rows as in `onnx_arithmetic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch_losses
from sample_graph import Array, Cannot, Row, SampleGraph, Value
from torch_axes import gathered_over

Attributes = Mapping[str, Any]


def dropout(
    net: SampleGraph, given: Attributes, x: Array, ratio: Any = None, training: Any = None
) -> list[Value | None]:
    rate = float(ratio) if ratio is not None else given.get("ratio", 0.5)
    if training is not None and bool(training) and rate:
        raise Cannot("noise that ONNX draws")
    return [net("Dropout", net.enter(x), rate=rate), *[None] * (given["outputs"] - 1)]


def windowed(given: Attributes, x: Array, kernel: Sequence[int]) -> dict[str, Any]:
    """Kernel, stride, dilation and padding, as our windows take them."""
    axes = len(kernel)
    auto = given.get("auto_pad", "NOTSET")
    pads = given.get("pads", [0] * (2 * axes))
    sides: Any = tuple(zip(pads[:axes], pads[axes:], strict=True))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        sides = auto.lower()
    elif auto == "VALID":
        sides = "valid"
    return {
        "kernel": tuple(kernel),
        "stride": tuple(given.get("strides", [1] * axes)),
        "dilation": tuple(given.get("dilations", [1] * axes)),
        "padding": sides,
    }


def conv(net: SampleGraph, given: Attributes, x: Array, w: Array, b: Array | None = None) -> Value:
    return net(
        "Conv",
        net.enter(x, batched=True),
        weights={"weight": w, "bias": b},
        out_channels=len(w),
        groups=given.get("group", 1),
        bias=b is not None,
        **windowed(given, x, w.shape[2:]),
    )


def conv_transpose(
    net: SampleGraph, given: Attributes, x: Array, w: Array, b: Array | None = None
) -> Value:
    settings, axes = windowed(given, x, w.shape[2:]), w.ndim - 2
    behind = given.get("output_padding", [0] * axes)
    if "output_shape" in given or isinstance(settings["padding"], str):
        settings["padding"], behind = fitted(given, x, settings, behind)
    groups = given.get("group", 1)
    return net(
        "TransposedConv",
        net.enter(x, batched=True),
        weights={"weight": w, "bias": b},
        out_channels=w.shape[1] * groups,
        groups=groups,
        bias=b is not None,
        output_padding=tuple(behind),
        **settings,
    )


def fitted(
    given: Attributes, x: Array, settings: Mapping[str, Any], behind: Sequence[int]
) -> tuple[Any, Sequence[int]]:
    """Padding for an output of the size that is named, or of the input's size times the stride."""
    sides, more = [], []
    strides, kernels, spreads = (settings[key] for key in ("stride", "kernel", "dilation"))
    wanted = given.get("output_shape", [n * s for n, s in zip(x.shape[2:], strides, strict=True)])
    for n, out, s, k, d, extra in zip(
        x.shape[2:], wanted[-len(strides) :], strides, kernels, spreads, behind, strict=True
    ):
        total = s * (n - 1) + extra + (k - 1) * d + 1 - out
        half = max(total, 0) // 2
        upper = given.get("auto_pad", "NOTSET") == "SAME_UPPER"
        rest = max(total, 0) - half
        sides.append((half, rest) if upper else (rest, half))
        more.append(extra + max(-total, 0))
    return tuple(sides), more


def pool(kind: str, **names: str) -> Row:
    def row(net: SampleGraph, given: Attributes, x: Array) -> Any:
        if given.get("storage_order"):
            raise Cannot("places of the maxima, counted by columns")
        settings = windowed(given, x, given["kernel_shape"])
        if set(settings["dilation"]) == {1}:
            del settings["dilation"]
        own = {ours: given[theirs] for ours, theirs in names.items() if theirs in given}
        y = net(
            kind, net.enter(x, batched=True), ceil=bool(given.get("ceil_mode")), **settings, **own
        )
        return [y, None] if given["outputs"] == 2 else y

    return row


def average_pool(net: SampleGraph, given: Attributes, x: Array) -> Any:
    counted = {**given, "include": bool(given.get("count_include_pad", 0))}
    return pool("AveragePool", include_padding="include")(net, counted, x)


def lp_pool(net: SampleGraph, given: Attributes, x: Array) -> Any:
    p = given.get("p", 2)
    named = given if p == 2 else {**given, "power": float(p)}
    return pool("L2Pool", p="power")(net, named, x)


def everywhere(kind: str) -> Row:
    return lambda net, given, x: net(kind, net.enter(x, batched=True))


def batch_norm(net: SampleGraph, given: Attributes, x: Array, *own: Array) -> Any:
    weights = dict(zip(("weight", "bias", "running_mean", "running_var"), own, strict=True))
    net.training = bool(given.get("training_mode", 0))
    y = net(
        "BatchNorm",
        net.enter(x, batched=True),
        weights=weights,
        epsilon=given.get("epsilon", 1e-5),
    )
    return [y, None, None] if given["outputs"] == 3 else y


def layer_norm(
    net: SampleGraph, given: Attributes, x: Array, gain: Array, bias: Array | None = None
) -> Any:
    axis = given.get("axis", -1) % x.ndim
    y = net.enter(x)
    y = net(
        "LayerNorm",
        y,
        weights={"weight": gain, "bias": np.zeros(gain.shape) if bias is None else bias},
        axis=None if axis == 0 else net.axes(y, range(axis, x.ndim)),
        epsilon=given.get("epsilon", 1e-5),
    )
    return [y, *[None] * (given["outputs"] - 1)]


def rms_norm(net: SampleGraph, given: Attributes, x: Array, gain: Array) -> Value:
    axis = given.get("axis", -1) % x.ndim
    y = net.enter(x)
    return net(
        "RMSNorm",
        y,
        weights={"weight": gain},
        axis=net.axes(y, range(axis, x.ndim)),
        epsilon=given.get("epsilon", 1e-5),
    )


def per_channel(kind: str) -> Row:
    def row(net: SampleGraph, given: Attributes, x: Array, gain: Array, bias: Array) -> Value:
        settings = {"groups": given["num_groups"]} if "num_groups" in given else {}
        return net(
            kind,
            net.enter(x, batched=True),
            weights={"weight": gain, "bias": bias},
            epsilon=given.get("epsilon", 1e-5),
            affine=True if kind == "InstanceNorm" else None,
            **settings,
        )

    return row


def response_norm(net: SampleGraph, given: Attributes, x: Array) -> Value:
    return net(
        "LocalResponseNorm",
        net.enter(x, batched=True),
        size=given["size"],
        alpha=given.get("alpha", 1e-4),
        beta=given.get("beta", 0.75),
        k=given.get("bias", 1.0),
    )


def lp_norm(net: SampleGraph, given: Attributes, x: Array) -> Value:
    axis = given.get("axis", -1) % x.ndim
    if given.get("p", 2) == 2:
        return net("L2Norm", net.enter(x), axis=axis)
    value = net.enter(x)
    total = gathered_over(net, "Sum", net("Abs", value), (axis,), keep=True)
    return net("Divide", value, total)


def class_loss(kind: str) -> Row:
    """As PyTorch's; the logarithms that may come out beside it are LOGSOFTMAX's."""

    def row(
        net: SampleGraph, given: Attributes, x: Array, target: Array, weight: Array | None = None
    ) -> Any:
        scores = torch.from_numpy(np.array(x, np.float64))
        loss = torch_losses.class_loss(kind)(
            net,
            scores,
            torch.from_numpy(np.array(target, np.int64)),
            None if weight is None else torch.from_numpy(np.array(weight, np.float64)),
            ignore_index=given.get("ignore_index", -100),
            reduction=given.get("reduction", "mean"),
        )
        return [loss, *[None] * (given["outputs"] - 1)]

    return row


def resize(net: SampleGraph, given: Attributes, x: Array, roi: Any = None, *more: Any) -> Value:
    """The axes behind pictures and channels, by the conventions that PyTorch has."""
    scales, sizes = (*more, None, None)[:2]
    if given.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Cannot("a size by the ratio of the sides")
    if given.get("antialias") or given.get("exclude_outside"):
        raise Cannot("antialiased resizing, or cells outside left out")
    factors, whole = [1.0] * x.ndim, list(x.shape)
    for k, axis in enumerate(given.get("axes", range(x.ndim))):
        factors[axis] = float(scales[k] if sizes is None else sizes[k] / x.shape[axis])
        whole[axis] = int(x.shape[axis] * factors[axis] if sizes is None else sizes[k])
    if x.ndim < 3 or tuple(whole[:2]) != x.shape[:2]:
        raise Cannot("channels or pictures resized")
    exact = sizes is not None or factors == [m / n for m, n in zip(whole, x.shape, strict=True)]
    if not exact and len(set(factors[2:])) > 1:
        raise Cannot("axes resized by several factors that are not whole")
    return net(
        "Resize",
        net.enter(x, batched=True),
        scale=None if exact else factors[2],
        size=tuple(whole[2:]) if exact else None,
        **convention(given, factors[2:], whole[2:], exact),
    )


def convention(
    given: Attributes, factors: Sequence[float], sizes: Sequence[int], exact: bool
) -> dict[str, Any]:
    """The mode and the corners in our words. Whole factors read the nearest by any rule alike."""
    corners = given.get("coordinate_transformation_mode", "half_pixel")
    if given.get("mode", "nearest") == "nearest":
        rounding = given.get("nearest_mode", "round_prefer_floor")
        whole = all(f == int(f) for f in factors)
        alike = (corners, rounding) in (
            ("asymmetric", "floor"),
            *(("half_pixel", f"round_prefer_{way}") for way in ("floor", "ceil") if whole),
        )
        if not alike:
            raise Cannot(f"nearest by {corners} and {rounding}")
        return {"mode": "nearest"}
    if corners not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise Cannot(f"coordinates by {corners}")
    if corners == "pytorch_half_pixel" and 1 in sizes:
        raise Cannot("a single cell at 0, not in the middle")
    if corners == "align_corners" and not exact:
        raise Cannot("corners aligned by a size that is not whole")
    axes = len(sizes)
    cubic = given["mode"] == "cubic"
    if cubic and given.get("cubic_coeff_a", -0.75) != -0.75:
        raise Cannot("a cubic with another coefficient")
    mode = "bicubic" if cubic else ("linear", "bilinear", "trilinear")[axes - 1]
    return {"mode": mode, "align_corners": corners == "align_corners" or None}


def upsample(net: SampleGraph, given: Attributes, x: Array, scales: Array) -> Value:
    return resize(
        net,
        {**given, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        x,
        None,
        scales,
    )


LAYERS: dict[str, Row] = {
    "Dropout": dropout,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": pool("MaxPool"),
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalAveragePool": everywhere("GlobalAveragePool"),
    "GlobalMaxPool": everywhere("AdaptiveMaxPool"),
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "GroupNormalization": per_channel("GroupNorm"),
    "InstanceNormalization": per_channel("InstanceNorm"),
    "LRN": response_norm,
    "LpNormalization": lp_norm,
    "SoftmaxCrossEntropyLoss": class_loss("CrossEntropy"),
    "NegativeLogLikelihoodLoss": class_loss("LogLoss"),
    "Resize": resize,
    "Upsample": upsample,
}
