"""Optimizers by name, in PyTorch's fastest form."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import starmap
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn, optim

from striate.errors import UnknownNameError, did_you_mean
from striate.fused import private

OPTIMIZERS: Mapping[str, tuple[Callable[..., optim.Optimizer], Mapping[str, Any]]] = {
    "sgd": (optim.SGD, {}),
    "momentum": (optim.SGD, {"momentum": 0.9}),
    "nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, {}),
    "adamw": (optim.AdamW, {}),
}
"""Classes and their usual settings. `weight_decay` is 0 unless given, for all of them."""

FUSED_DEVICES = ("cpu", "cuda")
"""Where one kernel that updates a whole weight is used."""


def optimizer(
    name: str,
    parameters: nn.Module | Iterable[nn.Parameter],
    lr: float | Tensor,
    *,
    weight_decay: float = 0.0,
    fast: bool = True,
    **settings: Any,
) -> optim.Optimizer:
    """An optimizer of `torch.optim`, fused where PyTorch can.

    Weight decay pulls at kernels and matrices only: biases and the gains of normalization (all
    weights with one axis) are left alone, as in He et al., arXiv:1812.01187, section 3.1.

    A fused optimizer takes a weight, its gradient and its state to lie in memory in one order. A
    lowered network keeps its weights row-major, and so must a state that is loaded from a file.

    Args:
        name: sgd, momentum, nesterov, adam or adamw.
        parameters: a module, or the weights to train.
        lr: the learning rate, in units of the weights per unit of gradient.
        settings: more for the class, such as `momentum=0.95` or `betas=(0.9, 0.99)`.

    Raises:
        UnknownNameError: no optimizer has this name.
    """
    if name not in OPTIMIZERS:
        raise UnknownNameError(
            f"no optimizer is called {name}",
            remedy=did_you_mean(name, OPTIMIZERS) or f"There are: {', '.join(OPTIMIZERS)}.",
        )
    kind, usual = OPTIMIZERS[name]
    given = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    trained = [each for each in given if each.requires_grad]
    fused = {"fused": True} if fast and _fusible(trained) else {}
    made = LEAN[kind] if fast else kind
    groups = _groups(trained, weight_decay)
    return made(groups, lr=lr, weight_decay=weight_decay, **{**usual, **settings, **fused})


def _groups(trained: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    if not weight_decay:
        return [{"params": trained, "weight_decay": 0.0}]
    decaying = [each for each in trained if each.ndim > 1]
    others = [each for each in trained if each.ndim <= 1]
    return [
        {"params": each, "weight_decay": decay}
        for each, decay in ((decaying, weight_decay), (others, 0.0))
        if each
    ]


def _fusible(trained: list[nn.Parameter]) -> bool:
    known = None not in (private.fused_sgd, private.fused_adam, private.fused_adamw)
    return known and all(p.is_floating_point() and p.device.type in FUSED_DEVICES for p in trained)


class Lean(optim.Optimizer):
    """An optimizer that does not load torch.compile, which takes a second, before anyone compiles.

    These methods carry `@_disable_dynamo_if_unsupported`, whose first call imports torch._dynamo.
    From the second step on the fused kernel is called at once where settings, weights and gradients
    are the usual ones: what `torch.optim` does around it takes a tenth of a small network's step.
    Everything else is PyTorch's own step: hooks, scaled gradients, sparse ones, a closure.
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _bare(super().add_param_group)(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        _bare(super().zero_grad)(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = _bare(super().state_dict)()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        _bare(super().load_state_dict)(state_dict)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        updates = [(g, g["params"], [w.grad for w in g["params"]]) for g in self.param_groups]
        is_usual = closure is None and not _has_hooks(self) and not _is_scaled(self)
        if is_usual and all(starmap(self._knows, updates)):
            with torch.no_grad():
                for update in updates:
                    self._update(*update)
            return None
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            # Bare always: PyTorch's wrapping calls the hooks, and this class is wrapped itself.
            return _bare(super().step, always=True)(closure)

    def _knows(
        self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor | None]
    ) -> bool:
        unusual = any(map(group.get, ("differentiable", "maximize", "amsgrad", "capturable")))
        usual = (
            group["fused"] is True
            and private.foreach_add is not None
            and type(group["lr"]) is float
            and not unusual
        )
        return (
            usual
            and bool(weights)
            and all(map(_is_usual, weights, gradients))
            and self._has_state(group, weights)
        )

    def _has_state(self, group: dict[str, Any], weights: list[Tensor]) -> bool:
        """Whether there is all that an update of these weights reads."""
        raise NotImplementedError

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Any]) -> None:
        """By the fused kernel."""
        raise NotImplementedError


def _has_hooks(optimizer: optim.Optimizer) -> bool:
    own = any(getattr(optimizer, name, None) for name in private.OPTIMIZER_HOOKS)
    world = private.optimizer_world
    return own or any(getattr(world, name, None) for name in private.GLOBAL_OPTIMIZER_HOOKS)


def _is_scaled(optimizer: optim.Optimizer) -> bool:
    """Whether a GradScaler left word of the scale, or of an overflow."""
    own = vars(optimizer)
    return own.get("grad_scale") is not None or own.get("found_inf") is not None


def _is_usual(weight: Tensor, gradient: Tensor | None) -> bool:
    return (
        gradient is not None
        and type(gradient) is Tensor
        and type(weight) is nn.Parameter
        and weight.is_cpu
        and gradient.layout is torch.strided
        and gradient.dtype is weight.dtype
        and gradient.stride() == weight.stride()
    )


class SGD(Lean, optim.SGD):
    """`torch.optim.SGD`, lean."""

    def _has_state(self, group: dict[str, Any], weights: list[Tensor]) -> bool:
        states = [self.state[weight] for weight in weights] if group["momentum"] else []
        return all(state.get("momentum_buffer") is not None for state in states)

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Any]) -> None:
        momentum = group["momentum"]
        private.fused_sgd(
            weights,
            gradients,
            [self.state[weight]["momentum_buffer"] for weight in weights] if momentum else [],
            weight_decay=group["weight_decay"],
            momentum=momentum,
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=False,
        )


class Adam(Lean, optim.Adam):
    """`torch.optim.Adam`, lean."""

    decays_apart = False
    """Whether weights decay beside the gradient."""

    def _has_state(self, group: dict[str, Any], weights: list[Tensor]) -> bool:
        return all("step" in self.state[weight] for weight in weights)

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Any]) -> None:
        kernel: Any = private.fused_adamw if self.decays_apart else private.fused_adam
        states = [self.state[weight] for weight in weights]
        steps = [state["step"] for state in states]
        private.foreach_add(steps, 1)
        kernel(
            weights,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam, optim.AdamW):
    """`torch.optim.AdamW`, lean."""

    decays_apart = True


LEAN: Mapping[Callable[..., optim.Optimizer], Callable[..., optim.Optimizer]] = {
    optim.SGD: SGD,
    optim.Adam: Adam,
    optim.AdamW: AdamW,
}


def _bare(method: Callable[..., Any], *, always: bool = False) -> Callable[..., Any]:
    """The method without what PyTorch has wrapped around it, while there is no compiler."""
    compiles = "torch._dynamo" in sys.modules and not always
    if compiles or not isinstance(method, MethodType):
        return method
    return partial(inspect.unwrap(method.__func__), method.__self__)
