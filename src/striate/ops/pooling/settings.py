"""The settings that every sliding pooling window has, checked once."""

from __future__ import annotations

from typing import Protocol

from striate.errors import SettingError, ShapeError
from striate.graph import Padding, Sizes, Spec, Window
from striate.graph.window import checked_padding, checked_sizes, windows


class Pooling(Protocol):
    """What a pooling operator is set by."""

    @property
    def kernel(self) -> Sizes: ...
    @property
    def stride(self) -> Sizes | None: ...
    @property
    def padding(self) -> Padding: ...
    @property
    def dilation(self) -> Sizes: ...
    @property
    def ceil(self) -> bool: ...


def checked_pool(pool: Pooling) -> None:
    """Put the settings of a frozen pooling operator into their canonical form.

    A stride equal to the kernel is the usual case and kept as None.

    Raises:
        SettingError: a setting cannot mean anything.
    """
    kernel = checked_sizes("kernel", pool.kernel)
    stride = None if pool.stride is None else checked_sizes("stride", pool.stride)
    object.__setattr__(pool, "kernel", kernel)
    object.__setattr__(pool, "stride", None if stride == kernel else stride)
    object.__setattr__(pool, "padding", checked_padding(pool.padding))
    object.__setattr__(pool, "dilation", checked_sizes("dilation", pool.dilation))


def pool_windows(pool: Pooling, x: Spec) -> tuple[Window, ...]:
    """The windows of a pooling operator over the spatial axes of `x`.

    Raises:
        ShapeError: the input is flat.
        SettingError: a window could lie in the padding alone.
    """
    needs_maps(x)
    stride = pool.kernel if pool.stride is None else pool.stride
    sizes, settings = x.spatial, (pool.kernel, stride, pool.padding, pool.dilation)
    axes = windows(len(sizes), *settings, ceil=pool.ceil, sizes=sizes)
    for axis, size in zip(axes, x.spatial, strict=True):
        # Taps further apart than the input is long can straddle it.
        straddles = axis.dilation > size and any(
            not any(axis.taps(output, size)) for output in range(axis.outputs(size))
        )
        if straddles or max(axis.before, axis.after) >= axis.extent:
            raise SettingError(
                f"a {axis.kernel}-cell pooling window of {{self}} could lie in the padding alone",
                remedy=f"Pad by {axis.extent - 1} or less, and dilate by {size} or less.",
            )
    return axes


def is_even(axes: tuple[Window, ...]) -> bool:
    """Whether a layer of PyTorch's pads so by itself: as much at both ends, half a window at most.

    Else the padding is a layer's own copy of the input.
    """
    return all(w.before == w.after and 2 * w.before <= w.kernel for w in axes)


def needs_maps(x: Spec) -> None:
    """Refuse to pool a flat value.

    Raises:
        ShapeError: the input has no spatial axis.
    """
    if x.rank < 2:
        raise ShapeError(
            f"{{self}} pools maps, but its input is flat ({x} units)",
            remedy="Put pooling before FLATTEN and FC.",
        )
