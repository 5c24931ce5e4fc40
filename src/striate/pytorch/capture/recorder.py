"""What a module does with a picture: every call of PyTorch that its values depend on.

Under inference mode PyTorch hands whole layers (convolution, linear, attention) to whoever listens,
before it takes them apart. Values that no picture reaches are constants, taken when they are read.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from os import sep
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.utils import _pytree as trees
from torch.utils._python_dispatch import TorchDispatchMode

from striate.errors import CaptureError
from striate.pytorch.capture.layout import Shape

Template: TypeAlias = Any
"""Arguments of a call, with `Recorded` and `Constant` in place of tensors."""

_SKIPPED = tuple(f"{Path(file).parent}{sep}" for file in (torch.__file__, __file__))


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
class Constant:
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
    outputs: tuple[tuple[int, Shape, torch.dtype], ...]
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


class _Known(NamedTuple):
    """What is known of a tensor that does not depend on the input."""

    weight: str = ""
    trainable: bool = False
    origins: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()


VIEWS = frozenset(
    {
        "detach",
        "alias",
        "contiguous",
        "clone",
        "expand",
        "view",
        "reshape",
        "unsqueeze",
        "squeeze",
        "flatten",
        "unflatten",
        "permute",
        "transpose",
        "t",
        "movedim",
        "swapaxes",
        "expand_as",
        "view_as",
        "to",
        "lift_fresh",
        "broadcast_to",
        "_unsafe_view",
    }
)
"""Calls after which a weight is still the same numbers, each once (but for the batch)."""


SIZED = frozenset(
    {
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "rand_like",
        "randn_like",
        "randint_like",
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
        "new_empty_strided",
        "new_tensor",
    }
)
"""Calls that read the size of a value, and no number."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Listens to every call while a module runs."""

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = Recording()
        self._paths = {id(each): path for path, each in module.named_modules()}
        self._scopes = [Scope("", 0)]
        self._modules = 0
        self._numbers: dict[int, int] = {}
        self._counted = count()
        self._known: dict[int, _Known] = {}
        self._alive: list[Tensor] = []
        self._sharing: dict[int, list[Tensor]] = {}
        self._stale: dict[int, CodeLine] = {}
        for name, tensor in _named(module):
            trainable = isinstance(tensor, nn.Parameter)
            self._known.setdefault(id(tensor), _Known(name, trainable, (name,)))
            self._keep(tensor)
        for each in inputs:
            self.found.inputs.append(self._number(each))

    @contextmanager
    def listening(self) -> Iterator[Recording]:
        """While it listens, with hooks that tell which submodule runs."""
        enter = hooks.register_module_forward_pre_hook(self._entered)
        leave = hooks.register_module_forward_hook(self._left, always_call=True)
        try:
            with torch.inference_mode(), self:
                yield self.found
        finally:
            enter.remove()
            leave.remove()

    def answer(self, output: Any) -> None:
        """Keep what the module returned, with numbers in place of tensors."""
        for each in trees.tree_leaves(output):
            if isinstance(each, Tensor):
                self._fresh(each, "read: what the module returns")
        self.found.answer = trees.tree_map_only(Tensor, self._argument, output)

    def _entered(self, module: nn.Module, args: object) -> None:
        self._modules += 1
        path = self._paths.get(id(module), self._scopes[-1].path)
        self._scopes.append(Scope(path, self._modules))

    def _left(self, module: nn.Module, args: object, output: object) -> None:
        self._scopes.pop()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [x for x in trees.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        read = [] if function.overloadpacket.__name__ in SIZED else tensors
        if not any(id(each) in self._numbers for each in read):
            output = function(*args, **kwargs)
            self._fixed(function, read, output)
            return output
        place = _place()
        bound = trees.tree_map_only(Tensor, self._argument, _bound(function, args, kwargs))
        output = function(*args, **kwargs)
        self._depends(function, bound, output, place)
        if function._schema.is_mutable:
            self._written(function, args, kwargs, place)
        return output

    def _depends(self, function: Any, bound: Template, output: Any, place: CodeLine) -> None:
        tensors = [x for x in trees.tree_leaves(output) if isinstance(x, Tensor)]
        if not tensors:
            self.found.reads.append(place)
        outputs = tuple((self._number(each), tuple(each.shape), each.dtype) for each in tensors)
        self.found.calls.append(RecordedCall(function, bound, outputs, self._scopes[-1], place))

    def _fixed(self, function: Any, tensors: list[Tensor], output: Any) -> None:
        """Note what a constant was computed from."""
        name = str(function.overloadpacket.__name__)
        known = [self._known.get(id(each), _Known()) for each in tensors]
        origins = tuple(dict.fromkeys(o for each in known for o in each.origins))
        recipe = tuple(dict.fromkeys((*(r for each in known for r in each.recipe), name)))
        for made in trees.tree_leaves(output):
            if isinstance(made, Tensor):
                same = name in VIEWS and len(known) == 1
                weight, trainable = known[0][:2] if same else ("", False)
                self._known[id(made)] = _Known(weight, trainable, origins, recipe)
                self._keep(made)

    def _fresh(self, tensor: Tensor, reader: str) -> None:
        """Whether a value still is what was recorded of it.

        Raises:
            CaptureError: a part of it was written over.
        """
        if id(tensor) in self._stale:
            raise CaptureError(
                "a value is read after a part of it, or what it is a part of, was written over",
                where=f"written: {self._stale[id(tensor)]}\n{reader}",
                remedy="Write the whole value, or make a new one: torch.cat, y + x, y.clone().",
            )

    def _argument(self, tensor: Tensor) -> Recorded | Constant:
        if id(tensor) in self._stale:
            self._fresh(tensor, f"read: {_place()}")
        if id(tensor) in self._numbers:
            return Recorded(self._numbers[id(tensor)])
        known = self._known.get(id(tensor), _Known())
        whole = isinstance(tensor, nn.Parameter)
        return Constant(tensor if whole else tensor.clone(), *known, place=_place())

    def _number(self, tensor: Tensor) -> int:
        """A new number for a value; its object may have had another before it was written to."""
        self._keep(tensor)
        self._stale.pop(id(tensor), None)
        self._known.pop(id(tensor), None)
        self.found.values.pop(self._numbers.get(id(tensor), -1), None)
        number = self._numbers[id(tensor)] = next(self._counted)
        self.found.values[number] = tensor
        return number

    def _keep(self, tensor: Tensor) -> None:
        """Keep a tensor, so that no other gets its identity, and know what shares its memory."""
        self._alive.append(tensor)
        if tensor.layout == torch.strided and tensor.numel():
            sharing = self._sharing.setdefault(tensor.untyped_storage().data_ptr(), [])
            if not any(tensor is each for each in sharing):
                sharing.append(tensor)

    def _written(self, function: Any, args: Any, kwargs: Any, place: CodeLine) -> None:
        """After a write, other tensors in that memory are no longer what was recorded of them."""
        for argument, given in _arguments(function, args, kwargs):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            for written in (x for x in trees.tree_leaves(given) if isinstance(x, Tensor)):
                if id(written) not in self._numbers:
                    self._number(written)
                for other in self._sharing.get(written.untyped_storage().data_ptr(), []):
                    if other is not written and _overlap(written, other):
                        self._overwritten(written, other, place)

    def _overwritten(self, written: Tensor, other: Tensor, place: CodeLine) -> None:
        self.found.values.pop(self._numbers.get(id(other), -1), None)
        if _geometry(written) == _geometry(other):
            self._numbers[id(other)] = self._numbers[id(written)]
            self._stale.pop(id(other), None)
        else:
            self._stale[id(other)] = place


def _named(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _arguments(function: Any, args: Any, kwargs: Any) -> Iterator[tuple[Any, Any]]:
    """Every argument of a call as its schema has it, with what was given for it."""
    for k, argument in enumerate(function._schema.arguments):
        if k < len(args):
            yield argument, args[k]
        elif argument.name in kwargs:
            yield argument, kwargs[argument.name]
        elif argument.has_default_value():
            yield argument, argument.default_value


def _bound(function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {argument.name: given for argument, given in _arguments(function, args, kwargs)}


def _geometry(tensor: Tensor) -> tuple[object, ...]:
    return (tuple(tensor.shape), tensor.stride(), tensor.storage_offset())


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors in one memory have a number in common."""
    if a.dtype != b.dtype:
        return True
    size = a.untyped_storage().nbytes() // a.element_size()
    touched = torch.zeros(size, dtype=torch.bool)
    touched.as_strided(a.shape, a.stride(), a.storage_offset()).fill_(True)
    return bool(touched.as_strided(b.shape, b.stride(), b.storage_offset()).any())


def _place() -> CodeLine:
    """The innermost line that is not PyTorch's or ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if not frame.f_code.co_filename.startswith((*_SKIPPED, "<")):
            break
        frame = frame.f_back
    return CodeLine(frame.f_code.co_filename, frame.f_lineno)
