"""Whether modules still are what lowering made, so that one kernel may stand for several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn

from striate.fused.layer import Activation
from striate.pytorch.layers import ChannelsLast


def are_original(
    modules: Iterable[object], activation: Activation = "identity", pool: str = "none"
) -> bool:
    """Whether nobody has replaced a module, changed its settings, or listens to it.

    Args:
        modules: of convolutions with stride 1, dense layers, pools of 2x2, activations.
        activation, pool: those that they are to be ("max", "avg").
    """
    return all(
        (check := CHECKS.get(type(module))) is not None
        and not _is_heard(module)
        and check(module, activation, pool)
        for module in modules
    )


def _is_heard(module: Any) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


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


def _always(*_: object) -> bool:
    return True


CHECKS: Mapping[type[object], Callable[[Any, str, str], bool]] = {
    nn.Conv2d: _is_plain_conv,
    nn.Linear: _always,
    nn.MaxPool2d: _is_max_pool,
    nn.AvgPool2d: _is_average_pool,
    nn.ReLU: lambda _module, activation, _pool: activation == "relu",
    nn.Sigmoid: lambda _module, activation, _pool: activation == "sigmoid",
    nn.Tanh: lambda _module, activation, _pool: activation == "tanh",
    nn.Flatten: lambda module, *_: (module.start_dim, module.end_dim) == (1, -1),
    ChannelsLast: _always,
}
