"""What a row of the table sees: one node of the file, its inputs, and where to add ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from striate.errors import OnnxError
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.file import Item
from striate.graph import Operator, Spec
from striate.ops import Flatten, Reshape
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from striate.exchange.onnx.drafts import Drafts


class NotOurs(OnnxError):
    """A node that no operators of ours compute; it stays opaque, for this reason."""


class MixesError(OnnxError):
    """A node that mixes pictures with each other, or moves them to another axis."""


@dataclass(frozen=True)
class Flow:
    """A value that depends on the picture.

    Args:
        key: the draft that makes it, in which the pictures always stand first.
        dtype: the type of its numbers.
        at: which of its axes is that of the pictures, in the file.
    """

    key: str
    dtype: np.dtype[Any]
    at: int = 0

    def sizes(self, batch: int, spec: Spec) -> tuple[int, ...]:
        """The length of all axes, as the file has them."""
        return (*spec.shape[: self.at], batch, *spec.shape[self.at :])


@dataclass(frozen=True)
class Relocated:
    """What a row made, where the axis of the pictures is not where it was."""

    key: str
    at: int


KnownOrArray: TypeAlias = Known | Array


@dataclass(frozen=True)
class OnnxNode:
    """One node of the file on its way to ours. Axes are counted as ONNX does, the batch first.

    Args:
        version: of ONNX's operators.
        batch: how many pictures the file was written for.
        once: whether nothing but this node reads its input of that number.
    """

    item: Item
    inputs: tuple[Flow | Known | None, ...]
    version: int
    batch: int
    drafts: Drafts
    once: Callable[[int], bool]
    note: Callable[[str], None]

    def get(self, name: str, usual: Any) -> Any:
        """An attribute."""
        return self.item.attributes.get(name, usual)

    @property
    def x(self) -> str:
        """The first input."""
        return self.flow(0)

    @property
    def spec(self) -> Spec:
        """The first input's, without the batch."""
        return self.drafts.spec(self.x)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The lengths of all axes of the first input."""
        return (*self.spec.shape[: self.at], self.batch, *self.spec.shape[self.at :])

    @property
    def at(self) -> int:
        """Which of them is that of the pictures."""
        first = self.inputs[0]
        return first.at if isinstance(first, Flow) else 0

    @property
    def per_channel(self) -> tuple[int, ...]:
        """The shape of an array with a number for each channel of the first input."""
        return (self.spec.channels, *[1] * len(self.spec.spatial))

    def flow(self, k: int) -> str:
        """The draft of an input that depends on the picture."""
        found = self.inputs[k] if k < len(self.inputs) else None
        if not isinstance(found, Flow):
            raise NotOurs(f"its input {k} does not depend on the picture")
        return found.key

    def known(self, k: int) -> Known | None:
        """An input that the file gives; None where it is left out."""
        found = self.inputs[k] if k < len(self.inputs) else None
        if isinstance(found, Flow):
            raise NotOurs(f"its input {k} depends on the picture")
        return found

    def needed(self, k: int) -> Known:
        """An input that the file gives, and must."""
        found = self.known(k)
        if found is None:
            raise OnnxError(f"{self.item.title} lacks its input {k}")
        return found

    def parameter(self, name: str, k: int) -> Array | None:
        """What older files have as an attribute and newer ones as an input."""
        if name in self.item.attributes:
            return np.asarray(self.item.attributes[name])
        found = self.known(k)
        return None if found is None or not found.array.size else found.array

    def numbers(self, name: str, k: int) -> tuple[int, ...] | None:
        """Such a parameter as whole numbers."""
        found = self.parameter(name, k)
        return None if found is None else tuple(int(n) for n in found.ravel())

    def number(self, name: str, k: int) -> float | None:
        """Such a parameter as one number."""
        found = self.parameter(name, k)
        return None if found is None else float(found.ravel()[0])

    def axis(self, axis: int, rank: int | None = None) -> int:
        """The number of an axis as we count, without the batch."""
        rank = self.spec.rank + 1 if rank is None else rank
        if not -rank <= axis < rank:
            raise OnnxError(f"{self.item.title} names the axis {axis} of {rank}")
        axis %= rank
        if axis == self.at:
            raise MixesError("it works along the axis of the pictures")
        return axis - (axis > self.at)

    def called(self, axis: int, x: str = "") -> str | int:
        """How a setting names an axis: by its number, but for channels that stand first."""
        first = self.drafts.spec(x or self.x).axes[0] in ("channel", "unit")
        return "channel" if axis == 0 and first else axis

    def without(self, gone: tuple[int, ...], x: str = "") -> Relocated:
        """A value without some axes of length 1, numbered as ours are."""
        x = x or self.x
        shape = self.drafts.spec(x).shape
        left = tuple(n for k, n in enumerate(shape) if k not in gone)
        if not left:
            raise NotOurs("it leaves no axis beside that of the pictures")
        made = x if left == shape else self.add(Flatten() if len(left) == 1 else Reshape(left), x)
        return Relocated(made, self.at - sum(k < self.at for k in gone))

    def axes(self, axes: Iterable[int], rank: int | None = None) -> tuple[int, ...]:
        """Several of them, in order."""
        return tuple(sorted({self.axis(each, rank) for each in axes}))

    def add(self, operator: Operator, *inputs: str, **weights: KnownOrArray) -> str:
        """A node of ours; without inputs it reads the first of this one's."""
        read = inputs or ((self.x,) if operator.arity[0] else ())
        return self.drafts.add(self.item, operator, read, weights)


Outcome: TypeAlias = str | Relocated | tuple[str | Relocated | None, ...]
OnnxRow: TypeAlias = Callable[[OnnxNode], Outcome]
OnnxRows: TypeAlias = Mapping[str, OnnxRow]


def array(given: KnownOrArray) -> Array:
    """Its numbers."""
    return given.array if isinstance(given, Known) else given
