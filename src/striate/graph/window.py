"""Sliding-window arithmetic, once: sizes, taps and padding of one axis.

Convolution, pooling and the receptive field all ask here. One output position ``o`` sees the
input positions ``o * stride - before + u * dilation`` for ``u = 0 … kernel - 1``; positions
outside the input are padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from striate.display import shape_text
from striate.errors import SettingError

T = TypeVar("T")

Sizes: TypeAlias = int | tuple[int, ...]
"""One number for every axis, or one number per axis."""

Side: TypeAlias = str | int | tuple[int, int]

Padding: TypeAlias = str | int | tuple[int, ...] | tuple[tuple[int, int], ...]
"""One of `PADDINGS`, a number for every side, one per axis, or (before, after) per axis."""

PADDINGS = {
    "valid": "none, as everywhere.",
    "same": "(window - 1) cells in all, the odd one after the input, as PyTorch's padding='same'; "
    "with a stride too, as padding=window//2 there.",
    "same_upper": "as few as give ceil(size / stride) positions, the odd one after the input: "
    "Keras' and TensorFlow's 'same', ONNX's SAME_UPPER. With stride 1 it is same.",
    "same_lower": "the same cells, the odd one before the input: ONNX's SAME_LOWER.",
    "full": "(window - 1) cells on both sides: the wide convolution.",
}
"""The words for padding, and which cells of zeros each stands for."""

_FITTED = ("same_upper", "same_lower")
"""Paddings that depend on the input's size."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window of `kernel` taps sliding along one axis.

    Output size: floor((n - extent + before + after) / stride) + 1, or with `ceil` the ceiling of
    it as long as the last window starts inside the input (Dumoulin and Visin,
    arXiv:1603.07285, relationship 6).

    >>> Window(kernel=5, stride=2, before=2, after=2).outputs(28)
    14
    >>> list(Window(kernel=3, before=1, after=1).taps(0, size=4))
    [(1, 0), (2, 1)]
    >>> list(Window(kernel=2).uses(1, size=3))
    [(0, 1), (1, 0)]
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Input positions from the first tap to the last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    def outputs(self, size: int) -> int:
        """How many positions the window has on an axis of `size`; 0 when it does not fit."""
        room = size + self.before + self.after - self.extent
        if room < 0:
            return 0
        count = room // self.stride + 1
        last_start = count * self.stride
        if self.ceil and room % self.stride and last_start < size + self.before:
            count += 1
        return count

    def overhang(self, size: int) -> int:
        """Positions after the input that the last window reaches, at least `after`."""
        reach = (self.outputs(size) - 1) * self.stride + self.extent - self.before - size
        return max(self.after, reach)

    def start(self, output: int) -> int:
        """The input position of the first tap; negative inside the padding."""
        return output * self.stride - self.before

    def taps(self, output: int, size: int) -> Iterator[tuple[int, int]]:
        """(tap, input position) for each tap of one output that lies inside the input."""
        for tap in range(self.kernel):
            position = self.start(output) + tap * self.dilation
            if 0 <= position < size:
                yield tap, position

    def uses(self, position: int, size: int) -> Iterator[tuple[int, int]]:
        """(output, tap) for each output that sees one input position."""
        for output in range(self.outputs(size)):
            tap, rest = divmod(position - self.start(output), self.dilation)
            if not rest and 0 <= tap < self.kernel:
                yield output, tap


def checked_sizes(name: str, value: Sizes, *, least: int = 1) -> Sizes:
    """`value` in its one canonical form: a number when every axis is alike, else a tuple.

    >>> checked_sizes("stride", (2, 2)), checked_sizes("stride", (3, 2))
    (2, (3, 2))

    Raises:
        SettingError: not a whole number of at least `least`.
    """
    axes = value if isinstance(value, tuple) else (value,)
    if not axes or any(type(each) is not int or each < least for each in axes):
        shown = shape_text(axes, "nothing")
        raise SettingError(
            f"{name} is {shown}, but it needs a whole number of {least} or more",
            remedy=f"Write one number ({name}={max(least, 2)}) or one per axis "
            f"({name}={max(least, 3)}x{max(least, 2)}).",
        )
    return axes[0] if len(set(axes)) == 1 else axes


def checked_padding(value: Padding) -> Padding:
    """`value` in its one canonical form; no padding is always "valid".

    >>> checked_padding(0), checked_padding((2, 2)), checked_padding(((0, 1), (0, 1)))
    ('valid', 2, ((0, 1), (0, 1)))

    Raises:
        SettingError: not a known word and not whole numbers of at least 0.
    """
    if isinstance(value, str):
        if value not in PADDINGS:
            raise SettingError(
                f"padding is {value!r}",
                remedy=f"Write {', '.join(PADDINGS)} or a number of cells.",
            )
        return value
    axes = value if isinstance(value, tuple) else (value,)
    pairs = tuple(each if isinstance(each, tuple) else (each, each) for each in axes)
    if not pairs or any(
        len(pair) != 2 or any(type(n) is not int or n < 0 for n in pair) for pair in pairs
    ):
        raise SettingError(
            f"padding is {value!r}, but it needs whole numbers of 0 or more",
            remedy="Write pad=2, one number per axis (pad=2x1), or "
            f"{', '.join(list(PADDINGS)[:-1])} or full.",
        )
    if any(before != after for before, after in pairs):
        return pairs
    plain = tuple(before for before, _ in pairs)
    if len(set(plain)) > 1:
        return plain
    return plain[0] or "valid"


def windows(
    rank: int,
    kernel: Sizes,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    *,
    ceil: bool = False,
    sizes: Sequence[int] = (),
) -> tuple[Window, ...]:
    """One `Window` for each of `rank` spatial axes, from settings as an operator keeps them.

    Args:
        sizes: of the input, per axis; same_upper and same_lower pad by them.

    >>> windows(1, 3, 2, "same", sizes=(8,)) == windows(1, 3, 2, ((1, 1),))
    True
    >>> windows(1, 3, 2, "same_upper", sizes=(8,)) == windows(1, 3, 2, ((0, 1),))
    True

    Raises:
        SettingError: a setting names another number of axes, or a padding needs sizes.
    """
    kernels = spread("kernel", kernel, rank)
    strides = spread("stride", stride, rank)
    dilations = spread("dilation", dilation, rank)
    given: tuple[Side, ...] = spread("padding", padding, rank)
    if padding in _FITTED and len(sizes) != rank:
        raise SettingError(
            f"{padding} is for CONV and pools alone", remedy="Write a number of cells: pad=1."
        )
    made = []
    for k, s, d, pad, n in zip(kernels, strides, dilations, given, sizes or kernels, strict=True):
        before, after = _sides(pad, d * (k - 1), s, n)
        made.append(Window(k, s, d, before, after, ceil))
    return tuple(made)


def _sides(pad: Side, reach: int, stride: int, size: int) -> tuple[int, int]:
    """Cells before and after an input of `size`, where a window reaches `reach` cells on."""
    if isinstance(pad, tuple):
        return pad
    if isinstance(pad, int):
        return pad, pad
    if pad == "valid":
        return 0, 0
    if pad == "full":
        return reach, reach
    if pad in _FITTED:
        last = (size - 1) // stride * stride
        reach = max(last + reach + 1 - size, 0)
    half = reach // 2
    return (reach - half, half) if pad == "same_lower" else (half, reach - half)


def spread(name: str, value: T | tuple[T, ...], rank: int) -> tuple[T, ...]:
    """`value` once an axis, or the tuple it is when that has `rank` entries."""
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) == 1:
        return value * rank
    if len(value) != rank:
        raise SettingError(
            f"{name} has {len(value)} numbers, but the input has {rank} spatial "
            f"{'axis' if rank == 1 else 'axes'}",
            remedy=f"Write one number for all, or {rank}.",
        )
    return value
