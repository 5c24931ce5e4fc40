from __future__ import annotations

import pytest
import torch
from nets import branching, lenet
from torch import nn, optim

from striate.errors import UnknownNameError
from striate.pytorch import loss_function, lower, optimizer
from striate.pytorch.optimizers import OPTIMIZERS


def trained(name: str, *, fast: bool) -> nn.Module:
    torch.manual_seed(0)
    graph = lenet()
    module = lower(graph, fast=fast)
    step, loss = optimizer(name, module, 0.01, weight_decay=0.1, fast=fast), loss_function(graph)
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(6, 1, 13, 12, generator=generator)
        step.zero_grad()
        loss(module(x), torch.tensor([0, 1, 2, 3, 4, 0])).backward()
        step.step()
    return module


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fast_training_takes_the_same_steps(name: str) -> None:
    for plain, fast in zip(
        trained(name, fast=False).parameters(), trained(name, fast=True).parameters(), strict=True
    ):
        # Adam divides by the size of the gradient, and so multiplies the rounding of tiny ones.
        torch.testing.assert_close(fast, plain, rtol=1e-3, atol=2e-4)


def test_fused_forms_are_asked_for() -> None:
    parameters = [nn.Parameter(torch.zeros(2, 3))]
    for name in OPTIMIZERS:
        assert optimizer(name, parameters, 0.1).defaults["fused"] is True
        assert not optimizer(name, parameters, 0.1, fast=False).defaults["fused"]


def test_only_kernels_decay() -> None:
    module = lower(branching())
    decaying, others = optimizer("adamw", module, 0.1, weight_decay=0.02).param_groups
    assert decaying["weight_decay"] == 0.02
    assert others["weight_decay"] == 0
    assert {p.ndim for p in decaying["params"]} == {2, 4}
    assert {p.ndim for p in others["params"]} == {1}


def test_nothing_decays_unless_asked() -> None:
    (group,) = optimizer("adamw", lower(branching()), 0.1).param_groups
    assert group["weight_decay"] == 0


def test_settings_reach_the_class() -> None:
    made = optimizer("nesterov", [nn.Parameter(torch.zeros(2))], 0.1, momentum=0.8)
    assert isinstance(made, optim.SGD)
    assert (made.defaults["momentum"], made.defaults["nesterov"]) == (0.8, True)


def test_unknown_names_are_answered() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean adam"):
        optimizer("adamm", [], 0.1)
