"""One run of a module: its calls, and what they read and made."""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from striate.pytorch.capture.layout import TensorShape

Template: TypeAlias = Any
"""Arguments of a call, with `Recorded` and `RecordedConstant` in place of tensors."""


class CodeLine(NamedTuple):
    """A line of somebody's code."""

    file: str
    line: int

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.file}, line {self.line}: {code}" if code else f"{self.file}, {self.line}"


@dataclass(frozen=True)
class Recorded:
    """A value that depends on the picture, by its number."""

    number: int


@dataclass(frozen=True, eq=False)
class RecordedConstant:
    """A value that does not.

    Args:
        tensor: the value as it was when it was read.
        weight: the name of the parameter or buffer that it is, or is another view of.
        origins: the parameters and buffers that it was computed from.
        recipe: by which calls.
        batch: the axis that it was spread along for the pictures of a batch, here of length 1, or
            of as many numbers as a picture has there.
    """

    tensor: Tensor
    weight: str = ""
    trainable: bool = False
    origins: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    batch: int | None = None
    place: CodeLine | None = None


class Scope(NamedTuple):
    """A call of a submodule: its path, and the how manyth module call it is."""

    path: str
    call: int


@dataclass(frozen=True)
class RecordedCall:
    """One call of PyTorch.

    Args:
        function: an `OpOverload`.
        outputs: numbers, shapes and types of the tensors that it returned.
        place: the line that caused it.
    """

    function: Any
    args: Template
    outputs: tuple[tuple[int, TensorShape, torch.dtype], ...]
    scope: Scope
    place: CodeLine

    @property
    def name(self) -> str:
        """Its name without the overload: conv2d, relu_."""
        return str(self.function.overloadpacket.__name__)


@dataclass
class Recording:
    """One run of a module.

    Args:
        calls: those that depend on the input, in order.
        reads: the lines at which a number of such a value became a number of Python.
        values: what was computed, by number, but for what was written over.
    """

    calls: list[RecordedCall] = field(default_factory=list)
    reads: list[CodeLine] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    answer: Any = None
    values: dict[int, Tensor] = field(default_factory=dict)
