"""The shape of what flows along an edge, without the batch axis, and with a name for each axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

_AXES: tuple[tuple[str, ...], ...] = (
    (),
    ("unit",),
    ("channel", "position"),
    ("channel", "row", "column"),
    ("channel", "depth", "row", "column"),
)


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and axis names of one value: channels first, then the spatial axes.

    >>> str(Spec((6, 28, 28))), Spec((6, 28, 28)).axes
    ('6x28x28', ('channel', 'row', 'column'))
    """

    shape: tuple[int, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """A name for each axis: channel first, then the spatial ones; `unit` for a flat value."""
        if len(self.shape) < len(_AXES):
            return _AXES[len(self.shape)]
        return ("channel", *(f"axis{k}" for k in range(1, len(self.shape))))

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """The length of the first axis: channels of a map, units of a flat value."""
        return self.shape[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The lengths of the axes after the channels."""
        return self.shape[1:]

    def __str__(self) -> str:
        return "x".join(map(str, self.shape)) or "scalar"
