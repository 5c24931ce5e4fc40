"""How PyTorch's functional layers are built: convolutions, pools, resizing, attention."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from common_rows import aligned, axes_of, merged, permuted, scaled
from sample_graph import Cannot, Row, SampleGraph, Value

RANKS = (1, 2, 3)
"""Numbers of spatial axes."""


def tupled(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(int(n) for n in axes_of(value, axes))


def batched(net: SampleGraph, x: torch.Tensor, axes: int) -> Value:
    """A map with `axes` spatial axes and channels, and perhaps a batch."""
    return net.enter(x, batched=x.ndim == axes + 2)


def conv(axes: int) -> Row:
    def row(
        net: SampleGraph,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Value:
        kernel, spread = tuple(weight.shape[2:]), tupled(dilation, axes)
        return net(
            "Conv",
            batched(net, x, axes),
            weights={"weight": weight, "bias": bias},
            out_channels=len(weight),
            kernel=kernel,
            stride=tupled(stride, axes),
            padding=sides(padding, kernel, spread),
            dilation=spread,
            groups=groups,
            bias=bias is not None,
        )

    return row


def sides(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> Any:
    """Cells before and after each axis; PyTorch's "same" puts the odd one after."""
    if padding == "valid":
        return (0,) * len(kernel)
    if padding == "same":
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((n // 2, n - n // 2) for n in reach)
    return tupled(padding, len(kernel))


def conv_transpose(axes: int) -> Row:
    def row(
        net: SampleGraph,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Value:
        return net(
            "TransposedConv",
            batched(net, x, axes),
            weights={"weight": weight, "bias": bias},
            out_channels=weight.shape[1] * groups,
            kernel=tuple(weight.shape[2:]),
            stride=tupled(stride, axes),
            padding=tupled(padding, axes),
            output_padding=tupled(output_padding, axes),
            dilation=tupled(dilation, axes),
            groups=groups,
            bias=bias is not None,
        )

    return row


def max_pool(axes: int) -> Row:
    def row(
        net: SampleGraph,
        x: torch.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        y = net(
            "MaxPool",
            batched(net, x, axes),
            kernel=tupled(kernel_size, axes),
            stride=tupled(stride, axes) if stride not in (None, ()) else None,
            padding=tupled(padding, axes),
            dilation=tupled(dilation, axes),
            ceil=ceil_mode,
        )
        return [y, None] if return_indices else y

    return row


def average_pool(axes: int) -> Row:
    def row(
        net: SampleGraph,
        x: torch.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        return net(
            "AveragePool",
            batched(net, x, axes),
            kernel=tupled(kernel_size, axes),
            stride=tupled(stride, axes) if stride not in (None, ()) else None,
            padding=tupled(padding, axes),
            ceil=ceil_mode,
            include_padding=count_include_pad,
            divisor=divisor_override,
        )

    return row


def adaptive(kind: str, axes: int) -> Row:
    def row(
        net: SampleGraph, x: torch.Tensor, output_size: Any, return_indices: bool = False
    ) -> Any:
        sizes = axes_of(output_size, axes) if output_size is not None else (None,) * axes
        lengths = x.shape[x.ndim - axes :]
        size = tuple(n if m is None else m for m, n in zip(sizes, lengths, strict=True))
        y = net(kind, batched(net, x, axes), size=size)
        return [y, None] if return_indices else y

    return row


def glu(net: SampleGraph, x: torch.Tensor, dim: int = -1) -> Value:
    return net("GLU", net.enter(x), axis=dim % x.ndim)


def interpolate(mode: str, corners: bool | None = None) -> Row:
    def row(
        net: SampleGraph,
        x: torch.Tensor,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = mode,
        align_corners: bool | None = corners,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Value:
        axes = x.ndim - 2
        if antialias:
            raise Cannot("antialiased resizing")
        factors = axes_of(scale_factor, axes) if size is None else ()
        if size is None:
            size = tuple(int(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
        y = net.enter(x, batched=True)
        if mode == "area":
            return net("AdaptiveAveragePool", y, size=tupled(size, axes))
        by_scale = bool(factors) and not recompute_scale_factor
        if by_scale and len(set(factors)) > 1 and any(f != int(f) for f in factors):
            raise Cannot("axes resized by several factors that are not whole")
        by_scale = by_scale and len(set(factors)) == 1
        return net(
            "Resize",
            y,
            scale=float(factors[0]) if by_scale else None,
            size=None if by_scale else tupled(size, axes),
            mode=mode,
            align_corners=align_corners or None,
        )

    return row


def attention(
    net: SampleGraph,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """MATMUL, AFFINE, SOFTMAX, MATMUL; SOFTMAX goes along the first axis unless it can others."""
    if dropout_p:
        raise Cannot("noise that PyTorch draws")
    if enable_gqa:
        raise Cannot("heads of keys that several heads of queries share")
    q, k, v = aligned(net, *(net.enter(each) for each in (query, key, value)))
    factor = 1 / sqrt(query.shape[-1]) if scale is None else scale
    rank = len(q.shape)
    turned = permuted(net, k, (*range(rank - 2), rank - 1, rank - 2))
    scores = scaled(net, net("MatMul", q, turned), factor)
    if is_causal or (attn_mask is not None and attn_mask.dtype == torch.bool):
        length, width = scores.shape[-2:]
        keep = torch.ones(length, width, dtype=torch.bool).tril() if is_causal else attn_mask
        if not keep.any(-1).all():
            raise Cannot("a query that sees no key")
        attn_mask = torch.zeros(keep.shape, dtype=torch.float64).masked_fill(~keep, -1e9)
    if attn_mask is not None:
        scores = merged(net, "Add", scores, attn_mask)
    return net("MatMul", net("Softmax", scores, axis=rank - 1), v)


LAYERS: dict[str, Row] = {
    **{f"nn.functional.conv{d}d": conv(d) for d in RANKS},
    **{f"nn.functional.conv_transpose{d}d": conv_transpose(d) for d in RANKS},
    **{f"nn.functional.max_pool{d}d": max_pool(d) for d in RANKS},
    **{f"nn.functional.avg_pool{d}d": average_pool(d) for d in RANKS},
    **{
        f"nn.functional.adaptive_{word}_pool{d}d": adaptive(kind, d)
        for word, kind in (("avg", "AdaptiveAveragePool"), ("max", "AdaptiveMaxPool"))
        for d in RANKS
    },
    "nn.functional.glu": glu,
    "nn.functional.scaled_dot_product_attention": attention,
    **{
        f"nn.functional.interpolate/{mode}": interpolate(mode)
        for mode in ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area")
    },
    "nn.functional.upsample_nearest": interpolate("nearest"),
    "nn.functional.upsample_bilinear": interpolate("bilinear", corners=True),
}
