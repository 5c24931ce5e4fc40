"""Whether modules still are what lowering made, so that one kernel may stand for several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import attrgetter, is_
from typing import Any

from torch import Tensor, nn

from striate.fused.layer import Activation
from striate.pytorch.modules.layout import ChannelsLast
from striate.pytorch.modules.merging import Add


def are_original(
    modules: Iterable[object], activation: Activation = "identity", pool: str = "none"
) -> bool:
    """Whether nobody has replaced a module, changed its settings, or listens to it.

    Args:
        modules: of convolutions with stride 1, dense layers, pools of 2x2, activations, batch
            normalizations that keep running statistics, sums.
        activation, pool: those that they are to be ("max", "avg").
    """
    return all(
        (check := CHECKS.get(type(module))) is not None
        and not is_heard(module)
        and check(module, activation, pool)
        for module in modules
    )


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_heard(module: Any) -> bool:
    """Whether somebody listens to a module by a hook."""
    return any(getattr(module, name) for name in HOOKS)


def _is_plain_conv(conv: nn.Conv2d, *_: str) -> bool:
    usual = (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
    return usual and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


TWO, ONE, NONE = (2, (2, 2)), (1, (1, 1)), (0, (0, 0))


def _is_max_pool(module: nn.MaxPool2d, _: str, pool: str) -> bool:
    taps = module.kernel_size in TWO and module.stride in TWO and module.dilation in ONE
    plain = module.padding in NONE and not module.ceil_mode and not module.return_indices
    return pool == "max" and taps and plain


def _is_average_pool(module: nn.AvgPool2d, _: str, pool: str) -> bool:
    taps = module.kernel_size in TWO and module.stride in TWO
    plain = module.padding in NONE and not module.ceil_mode and module.divisor_override is None
    return pool == "avg" and taps and plain


def _learns_from_batches(bn: nn.BatchNorm2d, *_: str) -> bool:
    needed = (bn.weight, bn.bias, bn.running_mean, bn.running_var, bn.num_batches_tracked)
    return all(t is not None for t in (*needed, bn.momentum)) and bn.track_running_stats


def _always(*_: object) -> bool:
    return True


CHECKS: Mapping[type[object], Callable[[Any, str, str], bool]] = {
    nn.Conv2d: _is_plain_conv,
    nn.Linear: _always,
    nn.MaxPool2d: _is_max_pool,
    nn.AvgPool2d: _is_average_pool,
    nn.BatchNorm2d: _learns_from_batches,
    nn.ReLU: lambda _module, activation, _pool: activation == "relu",
    nn.Sigmoid: lambda _module, activation, _pool: activation == "sigmoid",
    nn.Tanh: lambda _module, activation, _pool: activation == "tanh",
    nn.Flatten: lambda module, *_: (module.start_dim, module.end_dim) == (1, -1),
    ChannelsLast: _always,
    Add: _always,
}


class Seen:
    """Modules as they are now; tells, in little time, whether anything has changed since.

    A step of a small network takes as long as a few hundred lines of Python.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._modules = list(modules)
        self._hooks = [getattr(module, name) for module in self._modules for name in HOOKS]
        self._looks = [
            partial(look, module)
            for module in self._modules
            if (look := SETTINGS.get(type(module))) is not None
        ]
        self._holders = [(m._parameters, name) for m in self._modules for name in m._parameters]
        self._weights = self._current()
        present = [each for each in self._weights if each is not None]
        self._looks += [partial(look, each) for each in present for look in WEIGHT]
        self._settings = [look() for look in self._looks]

    def _current(self) -> list[nn.Parameter | None]:
        return [holder[name] for holder, name in self._holders]

    def is_unchanged(self, modules: list[nn.Module]) -> bool:
        """Whether these are the same modules, weights and settings, and nobody listens."""
        return (
            modules == self._modules
            and not any(self._hooks)
            and all(map(is_, self._current(), self._weights))
            and [look() for look in self._looks] == self._settings
        )


WEIGHT = (attrgetter("dtype", "requires_grad", "shape", "is_cpu"), Tensor.is_contiguous)
SETTINGS: Mapping[type[object], Callable[[Any], Any]] = {
    nn.Conv2d: attrgetter("stride", "dilation", "groups", "padding", "padding_mode"),
    nn.MaxPool2d: attrgetter(
        *("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    ),
    nn.AvgPool2d: attrgetter("kernel_size", "stride", "padding", "ceil_mode", "divisor_override"),
    nn.Flatten: attrgetter("start_dim", "end_dim"),
}
