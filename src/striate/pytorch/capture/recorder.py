"""What a module does with a picture: every call of PyTorch that its values depend on.

Under inference mode PyTorch hands whole layers (convolution, linear, attention) to whoever listens,
before it takes them apart. Values that no picture reaches are constants, taken when they are read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from os import sep
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.utils import _pytree as trees
from torch.utils._python_dispatch import TorchDispatchMode

from striate.errors import CaptureError
from striate.pytorch.capture.recording import (
    CodeLine,
    Recorded,
    RecordedCall,
    RecordedConstant,
    Recording,
    Scope,
    Template,
)
from striate.pytorch.capture.storage import Storages, is_same

_SKIPPED = tuple(f"{Path(file).parent}{sep}" for file in (torch.__file__, __file__))


class _KnownTensor(NamedTuple):
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
        self._known: dict[int, _KnownTensor] = {}
        self._storages = Storages()
        self._stale: dict[int, CodeLine] = {}
        for name, tensor in _named(module):
            trainable = isinstance(tensor, nn.Parameter)
            self._known.setdefault(id(tensor), _KnownTensor(name, trainable, (name,)))
            self._storages.keep(tensor)
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
            self._viewed(function, _bound(function, args, kwargs), output)
            return output
        place, given = _place(), _bound(function, args, kwargs)
        bound = trees.tree_map_only(Tensor, self._argument, given)
        written = list(_written_to(function, given)) if function._schema.is_mutable else []
        before = [self._parents(each) for each in written]
        output = function(*args, **kwargs)
        self._depends(function, bound, output, place)
        self._viewed(function, given, output)
        for each, parents in zip(written, before, strict=True):
            self._written(each, parents, place)
        return output

    def _depends(self, function: Any, bound: Template, output: Any, place: CodeLine) -> None:
        tensors = [x for x in trees.tree_leaves(output) if isinstance(x, Tensor)]
        if not tensors:
            self.found.reads.append(place)
        outputs = tuple((self._number(each), tuple(each.shape), each.dtype) for each in tensors)
        self.found.calls.append(RecordedCall(function, bound, outputs, self._scopes[-1], place))

    def _viewed(self, function: Any, given: Mapping[str, Any], output: Any) -> None:
        made = [each for each in trees.tree_leaves(output) if isinstance(each, Tensor)]
        self._storages.made(str(function.overloadpacket.__name__), given, made)

    def _parents(self, tensor: Tensor) -> dict[int, Template]:
        """What the tensors are of which one is a view; those left out that nothing is known of."""
        views = self._storages.parents(tensor)
        known = [view.parent for view in views if id(view.parent) not in self._stale]
        return {id(each): self._argument(each) for each in known}

    def _fixed(self, function: Any, tensors: list[Tensor], output: Any) -> None:
        """Note what a constant was computed from."""
        name = str(function.overloadpacket.__name__)
        known = [self._known.get(id(each), _KnownTensor()) for each in tensors]
        origins = tuple(dict.fromkeys(o for each in known for o in each.origins))
        recipe = tuple(dict.fromkeys((*(r for each in known for r in each.recipe), name)))
        for made in trees.tree_leaves(output):
            if isinstance(made, Tensor):
                same = name in VIEWS and len(known) == 1
                weight, trainable = known[0][:2] if same else ("", False)
                self._known[id(made)] = _KnownTensor(weight, trainable, origins, recipe)
                self._storages.keep(made)

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

    def _argument(self, tensor: Tensor) -> Recorded | RecordedConstant:
        if id(tensor) in self._stale:
            self._fresh(tensor, f"read: {_place()}")
        if id(tensor) in self._numbers:
            return Recorded(self._numbers[id(tensor)])
        known = self._known.get(id(tensor), _KnownTensor())
        whole = isinstance(tensor, nn.Parameter)
        return RecordedConstant(tensor if whole else tensor.clone(), *known, place=_place())

    def _number(self, tensor: Tensor) -> int:
        """A new number for a value; its object may have had another before it was written to."""
        self._storages.keep(tensor)
        self._stale.pop(id(tensor), None)
        self._known.pop(id(tensor), None)
        self.found.values.pop(self._numbers.get(id(tensor), -1), None)
        number = self._numbers[id(tensor)] = next(self._counted)
        self.found.values[number] = tensor
        return number

    def _written(self, written: Tensor, before: Mapping[int, Template], place: CodeLine) -> None:
        """After a write, other tensors in that memory are new values, made from what was written.

        Args:
            before: what the tensors were of which this one is a view.
        """
        if id(written) not in self._numbers:
            self._number(written)
        fresh = [written]
        for view in self._storages.parents(written):
            if not self._renewed(view.parent, fresh, view.write, before, place):
                break
        for other in self._storages.overlapping(written):
            if not any(other is each for each in fresh):
                self._reread(other, fresh, place)

    def _renewed(
        self,
        parent: Tensor,
        fresh: list[Tensor],
        write: tuple[Any, Mapping[str, Any]],
        before: Mapping[int, Template],
        place: CodeLine,
    ) -> bool:
        """Record what a tensor is after the last of the `fresh`, a view of it, was written to."""
        function, settings = write
        part = Recorded(self._numbers[id(fresh[-1])])
        if is_same(parent, fresh[-1]):
            self._same_as(parent, fresh[-1])
        elif "src" not in {each.name for each in function._schema.arguments}:
            self._made_again(parent, function, {"self": part, **settings}, place)
        elif id(parent) in before:
            whole = {"self": before[id(parent)], "src": part, **settings}
            self._made_again(parent, function, whole, place)
        else:
            return False
        fresh.append(parent)
        return True

    def _reread(self, other: Tensor, fresh: list[Tensor], place: CodeLine) -> None:
        """Record what a tensor is after what it shares memory with was written to."""
        self.found.values.pop(self._numbers.get(id(other), -1), None)
        same = next((each for each in fresh if is_same(each, other)), None)
        view = self._storages.view(other)
        if same is not None:
            self._same_as(other, same)
        elif view is not None and any(view.parent is each for each in fresh):
            function, settings = view.read
            whole = Recorded(self._numbers[id(view.parent)])
            self._made_again(other, function, {"self": whole, **settings}, place)
        else:
            self._stale[id(other)] = place
            return
        fresh.append(other)

    def _same_as(self, tensor: Tensor, other: Tensor) -> None:
        self.found.values.pop(self._numbers.get(id(tensor), -1), None)
        self._known.pop(id(tensor), None)
        self._stale.pop(id(tensor), None)
        self._numbers[id(tensor)] = self._numbers[id(other)]

    def _made_again(
        self, tensor: Tensor, function: Any, args: dict[str, Any], place: CodeLine
    ) -> None:
        """Record a call that nobody made: what it returns is in the tensor already."""
        made = (self._number(tensor), tuple(tensor.shape), tensor.dtype)
        self.found.calls.append(RecordedCall(function, args, (made,), self._scopes[-1], place))


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


def _written_to(function: Any, given: Mapping[str, Any]) -> Iterator[Tensor]:
    """The tensors that a call writes into."""
    for argument in function._schema.arguments:
        if argument.alias_info is not None and argument.alias_info.is_write:
            leaves = trees.tree_leaves(given.get(argument.name))
            yield from (each for each in leaves if isinstance(each, Tensor))


def _place() -> CodeLine:
    """The innermost line that is not PyTorch's or ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if not frame.f_code.co_filename.startswith((*_SKIPPED, "<")):
            break
        frame = frame.f_back
    return CodeLine(frame.f_code.co_filename, frame.f_lineno)
