"""One list of calls from two runs, with what grows with the batch as a function of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as trees

from striate.errors import CaptureError
from striate.pytorch.capture.layout import LARGE, SMALL, BatchLayout, TensorShape, layout_of
from striate.pytorch.capture.recording import (
    CodeLine,
    Recorded,
    RecordedCall,
    RecordedConstant,
    Recording,
    Scope,
)


@dataclass(frozen=True)
class Scaled:
    """A whole number that depends on the pictures in a batch: that of each run."""

    small: int
    large: int

    def at(self, pictures: int) -> int:
        """It, for a batch of any size."""
        return self.small + (self.large - self.small) * (pictures - SMALL)


class Made(NamedTuple):
    """A value: its number, its shape with the smaller batch, and where the batch is in it."""

    number: int
    shape: TensorShape
    layout: BatchLayout | None
    dtype: torch.dtype

    @property
    def placed(self) -> bool:
        """Whether it can be the value of a node: numbers with a batch axis."""
        return self.layout is not None and self.dtype.is_floating_point


@dataclass(frozen=True)
class PairedCall:
    """A call that both runs made; see `recorder.RecordedCall`."""

    function: Any
    name: str
    args: dict[str, Any]
    outputs: tuple[Made, ...]
    scope: Scope
    place: CodeLine

    @property
    def refs(self) -> list[Recorded]:
        """The values that it reads."""
        return [each for each in trees.tree_leaves(self.args) if isinstance(each, Recorded)]

    @property
    def constants(self) -> list[RecordedConstant]:
        """The constants that it reads."""
        return [each for each in trees.tree_leaves(self.args) if isinstance(each, RecordedConstant)]


def paired(small: Recording, large: Recording) -> list[PairedCall]:
    """The calls of both runs.

    Raises:
        CaptureError: they are not the same calls, or differ in a number.
    """
    for a, b in zip(small.calls, large.calls, strict=False):
        if a.function != b.function or a.scope != b.scope:
            raise _parted(small, large, a, b)
    if len(small.calls) != len(large.calls):
        longer = max(small.calls, large.calls, key=len)
        extra = longer[min(len(small.calls), len(large.calls))]
        raise _parted(small, large, extra, None)
    pairs = zip(small.calls, large.calls, strict=True)
    return [_pair(a, b, [*small.reads, *large.reads]) for a, b in pairs]


def _parted(
    small: Recording, large: Recording, a: RecordedCall, b: RecordedCall | None
) -> CaptureError:
    reads = "".join(f"\ndecided: {each}" for each in dict.fromkeys([*small.reads, *large.reads]))
    other = f"one batch: {a.place}\nthe other: {b.place}" if b else f"one batch only: {a.place}"
    return CaptureError(
        f"what the module computes depends on the picture, or on how many there are: {a.name}"
        + (f" in one run, {b.name} in the other" if b and b.name != a.name else ""),
        where=other + reads,
        remedy="A graph has one way through it: capture the part behind each branch by itself.",
    )


def _pair(a: RecordedCall, b: RecordedCall, reads: list[CodeLine]) -> PairedCall:
    args = {name: _argument(each, b.args[name], a, reads) for name, each in a.args.items()}
    outputs = tuple(
        Made(number, small, layout_of(small, large), dtype)
        for (number, small, dtype), (_, large, _) in zip(a.outputs, b.outputs, strict=True)
    )
    return PairedCall(a.function, a.name, args, outputs, a.scope, a.place)


def _argument(a: Any, b: Any, call: RecordedCall, reads: list[CodeLine]) -> Any:
    if isinstance(a, Recorded) or a is None:
        return a
    if isinstance(a, RecordedConstant) and isinstance(b, RecordedConstant):
        return _constant(a, b, call)
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            raise _differs(call, "the number of values", reads)
        return [_argument(x, y, call, reads) for x, y in zip(a, b, strict=True)]
    if type(a) is int and a != b:
        return Scaled(a, b)
    if isinstance(a, float) and a != b and a == a:
        raise _differs(call, f"a number ({a:.6g}, then {b:.6g})", reads)
    return a


def _constant(a: RecordedConstant, b: RecordedConstant, call: RecordedCall) -> RecordedConstant:
    small, large = tuple(a.tensor.shape), tuple(b.tensor.shape)
    if small == large:
        if a.weight or torch.equal(a.tensor, b.tensor) or _same(a.tensor, b.tensor):
            return a
        raise _hidden(call)
    layout = layout_of(small, large)
    if layout is None:
        raise _hidden(call)
    blocks = [
        block
        for each, count in ((a.tensor, SMALL), (b.tensor, LARGE))
        for block in torch.unflatten(each, layout.batch, (count, -1)).unbind(layout.batch)
    ]
    if not all(_same(blocks[0], each) for each in blocks):
        raise _hidden(call)
    return replace(a, tensor=blocks[0].clone(), batch=layout.batch)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    if not a.dtype.is_floating_point:
        return torch.equal(a, b)
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def _differs(call: RecordedCall, what: str, reads: list[CodeLine]) -> CaptureError:
    return CaptureError(
        f"{what} in {call.name} depends on the picture",
        where="\n".join([str(call.place), *(f"read: {each}" for each in dict.fromkeys(reads))]),
        remedy="Keep it a tensor: .item() and float() take it out of the network.",
    )


def _hidden(call: RecordedCall) -> CaptureError:
    return CaptureError(
        f"{call.name} reads a value that depends on the picture in a way that PyTorch did not see",
        where=str(call.place),
        remedy="Noise, NumPy and the clock cannot be captured; compute with tensors alone.",
    )
