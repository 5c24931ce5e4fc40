"""The one answer to whether compiled code may stand for PyTorch's layers.

`allows` answers for tensors, `Guard` for the modules of a network, again and again: a step of a
small network takes as long as a few hundred lines of Python. Every kernel asks, and in doubt the
layers run one by one. Only hooks that were put on the nodes in which autograd adds up a weight's
gradient cannot be seen: `DistributedDataParallel` does that, and is called as a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from striate.fused import private
from striate.fused.private import (
    any_autocast,
    dispatch_modes,
    function_modes,
    functorch_level,
    legacy_batched,
    saved_tensor_hooks,
    tracing_state,
)

PLAIN = (Tensor, nn.Parameter)


def allows(*tensors: Tensor | None) -> bool:
    """Whether compiled code may read the memory of these tensors, here and now.

    They are float32 on the CPU, of no subclass, not empty, and nobody listens to their gradients;
    no compiler, tracer, mode, transform of `torch.func`, autocast or hook on saved tensors is
    under way.

    >>> allows(torch.zeros(2, 3)), allows(torch.zeros(2, 3).double()), allows(torch.zeros(0, 3))
    (True, False, False)
    """
    if (
        torch.compiler.is_compiling()
        or torch.compiler.is_exporting()
        or private.MISSING
        or tracing_state() is not None
        or dispatch_modes()
        or function_modes()
        or functorch_level() is not None
        or private.forward_ad._current_level >= 0
        or any_autocast()
        or saved_tensor_hooks(True) is not None
    ):
        return False
    for each in tensors:  # noqa: SIM110 (`all` of a generator takes as long as the questions)
        if each is not None and not _is_readable(each):
            return False
    return True


def _is_readable(x: Tensor) -> bool:
    return (
        type(x) in PLAIN
        and x.dtype is torch.float32
        and x.is_cpu
        and x.layout is torch.strided
        and x.numel() > 0
        and not x._backward_hooks
        and not getattr(x, "_post_accumulate_grad_hooks", None)
        and not x.is_neg()  # an imaginary part of a conjugate: its memory has the other sign
        and not x._is_zerotensor()
        and not legacy_batched(x)
    )


LIVE = frozenset({"training", "eps", "momentum", "p", "inplace"})
"""Settings that modules and kernels read at every call, or that change no number."""
SAID_BY_WEIGHTS = frozenset(
    {"in_channels", "out_channels", "in_features", "out_features", "num_features"}
    | {"transposed", "output_padding"}
)
"""Settings that a module is made with and does not read again."""


PLAIN_VALUES = (int, float, str, tuple, list, type(None))


class Original(NamedTuple):
    """A module as it was made: its class, its settings, what hides an attribute of its class."""

    kind: type[nn.Module]
    settings: Mapping[str, Any]
    hides: frozenset[str]


def originals(root: nn.Module) -> dict[str, Original]:
    """The modules below `root` as they are now, by path."""
    return {path: _original(module) for path, module in root.named_modules() if path}


def _original(module: nn.Module) -> Original:
    own = vars(module)
    settings = {
        name: value
        for name, value in own.items()
        if not name.startswith("_")
        and name not in LIVE | SAID_BY_WEIGHTS
        and isinstance(value, PLAIN_VALUES)  # arrays have no one answer to whether they are equal
    }
    return Original(type(module), settings, frozenset(k for k in own if hasattr(type(module), k)))


_hooks_of_module = itemgetter(*private.MODULE_HOOKS)
_hooks_of_tensor = attrgetter(*private.TENSOR_HOOKS)
_global_hooks = attrgetter(*private.GLOBAL_HOOKS)


class Guard:
    """Whether compiled code may stand for the modules of a network, and read its weights.

    It may while each module below the network is what it was when it was made (its class, its
    settings, its methods), nobody listens by a hook, and `allows` says yes to the weights.

    Args:
        made: the modules as they were made.
        copied: whether kernels read copies of the weights, made when the answer was first yes.
            Then a weight that was written to or moved is a change too.

    Hooks are counted from when the guard was made, before which nobody had the modules.
    """

    def __init__(self, made: Mapping[str, Original], *, copied: bool = False) -> None:
        self.made, self.copied = made, copied
        self._look: _Snapshot | None = None
        self._handles = private.handles.next_id if not _has_global_hooks() else -1

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (dict(self.made), self.copied)

    def look(self, root: nn.Module, inputs: Iterable[Any]) -> object | None:
        """None where the layers must run one by one; else the same object until a change.

        Args:
            root: the network.
            inputs: what it is called with.
        """
        if not allows(*inputs):
            return None
        look = self._look
        if look is None or look.root is not root or not look.holds():
            look = self._look = _Snapshot(root, self.made, self.copied, self._handles)
        return look if look.is_original else None

    def forget(self) -> None:
        """Look at everything anew when asked next, as after a change."""
        self._look = None


def _has_global_hooks() -> bool:
    return any(_global_hooks(private.module_world))


def _again(made: Mapping[str, Original], copied: bool) -> Guard:
    return Guard(made, copied=copied)


class _Snapshot:
    """The modules and weights of a network at one time. Lists are filled and compared in C."""

    def __init__(
        self, root: nn.Module, made: Mapping[str, Original], copied: bool, handles: int
    ) -> None:
        found = dict(root.named_modules())
        modules = list(found.values())
        own: list[dict[str, Any]] = [vars(module) for module in modules]
        folders: list[dict[str, Any]] = [m._modules for m in modules if m._modules]
        holders = [each for m in modules for each in (m._parameters, m._buffers) if each]
        self.root, self._dicts, self._handles = root, own, handles
        self._weights = [w for m in modules for w in m._parameters.values() if w is not None]
        self._classes = list(dict.fromkeys(map(type, modules)))
        # Each of these calls is compared by equality, with each of the things beside it.
        children = [each.values() for each in folders]
        self._calls: list[Callable[[Any], Any]] = [len, list, type, _forward]
        self._things: list[Sequence[Any]] = [[*own, *holders], children, modules, self._classes]
        for call in _states_of(self._weights, copied):
            self._calls.append(call)
            self._things.append(self._weights)
        # Tensors are compared by identity: equality is one of their operators.
        self._views = [each.values() for each in holders]
        self._settings = [
            (itemgetter(*names), vars(module))
            for path, module in found.items()
            if path in made and (names := [n for n in made[path].settings if n in vars(module)])
        ]
        self._held = [*chain.from_iterable(self._views)]
        self._found = [*chain.from_iterable(map(map, self._calls, self._things))]
        self._values = [get(own) for get, own in self._settings]
        self.is_original = self._is_original(found, made)

    def _is_original(self, found: Mapping[str, nn.Module], made: Mapping[str, Original]) -> bool:
        below = {path: module for path, module in found.items() if path}
        return (
            below.keys() == made.keys()
            and all(_is_as_made(module, made[path]) for path, module in below.items())
            and "forward" not in vars(self.root)
            and all(map(_is_own_forward, self._classes))
            and not self._has_hooks()
            and all(t is None or (type(t) in PLAIN and t.is_cpu) for t in self._held)
            and all(map(_is_readable, self._weights))
        )

    def _has_hooks(self) -> bool:
        return (
            any(chain.from_iterable(map(_hooks_of_module, self._dicts)))
            or any(chain.from_iterable(map(_hooks_of_tensor, self._weights)))
            or _has_global_hooks()
        )

    def holds(self) -> bool:
        """Whether all is as it was then, and nobody listens.

        Written for speed: a single picture waits for it. Lengths come first, so that `map` ends
        with neither list before the other.
        """
        return (
            [*chain.from_iterable(map(map, self._calls, self._things))] == self._found
            and all(map(is_, chain.from_iterable(self._views), self._held))
            and [get(own) for get, own in self._settings] == self._values
            and not (self._handles != private.handles.next_id and self._has_hooks())
        )


def _is_as_made(module: nn.Module, made: Original) -> bool:
    own = vars(module)
    return (
        type(module) is made.kind
        and all(name in own and own[name] == value for name, value in made.settings.items())
        and frozenset(k for k in own if hasattr(made.kind, k)) <= made.hides
    )


def _is_own_forward(kind: type[nn.Module]) -> bool:
    """Whether nobody has put another `forward` into a class."""
    base = next((base for base in kind.__mro__ if "forward" in vars(base)), nn.Module)
    return getattr(kind.forward, "__module__", None) == base.__module__


def _states_of(weights: Iterable[Tensor], copied: bool) -> list[Callable[[Tensor], Any]]:
    """What of a weight may change while it stays the same object."""
    if not copied:
        return [_lie, Tensor.data_ptr, Tensor.is_contiguous]
    # Nobody counts the writes to tensors of `torch.inference_mode`.
    counted = not any(each.is_inference() for each in weights)
    return [attrgetter("_version" if counted else "dtype"), Tensor.data_ptr]


_forward = attrgetter("forward")
_lie = attrgetter("requires_grad", "shape", *private.TENSOR_HOOKS)
