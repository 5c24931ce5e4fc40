"""Optimizers by name, in PyTorch's fastest form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn, optim

from striate.errors import UnknownNameError, did_you_mean

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
    lr: float,
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
    return kind(_groups(trained, weight_decay), lr=lr, **{**usual, **settings, **fused})


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
    return all(p.is_floating_point() and p.device.type in FUSED_DEVICES for p in trained)
