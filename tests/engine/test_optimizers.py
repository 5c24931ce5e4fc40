from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn, optim

from nets import branching, lenet
from striate.engine import lower, optimizer
from striate.engine.optimizers import OPTIMIZERS
from striate.errors import UnknownNameError
from striate.pytorch import loss_function


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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_pytorch_to_the_last_bit(name: str) -> None:
    """Through changes of the rate, weights without gradients, hooks, and a copy of the state."""
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(size, generator=generator) for size in ((7, 5), (33,), (2, 3, 5, 5))]
    kind, usual = OPTIMIZERS[name]
    found = []
    for lean in (True, False):
        weights = [nn.Parameter(t.clone()) for t in start]
        if lean:
            made = optimizer(name, weights, 0.1, weight_decay=0.02)
        else:
            groups = [
                {"params": [weights[0], weights[2]], "weight_decay": 0.02},
                {"params": [weights[1]], "weight_decay": 0.0},
            ]
            made = kind(groups, lr=0.1, fused=True, **usual)
        heard: list[object] = []
        draws = torch.Generator().manual_seed(1)
        for step in range(8):
            for k, weight in enumerate(weights):
                gradient = torch.randn(weight.shape, generator=draws)
                weight.grad = None if (step, k) == (3, 1) else gradient
            made.param_groups[0]["lr"] = 0.1 / (1 + step)
            if step == 5:
                made.load_state_dict(copy.deepcopy(made.state_dict()))
                made.register_step_post_hook(lambda *given, heard=heard: heard.append(given))
            made.step()
        assert len(heard) == 3
        found.append([*weights, *(t for s in made.state.values() for t in s.values())])
    assert all(map(torch.equal, *found))


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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_does_not_load_the_compiler_and_takes_the_steps_it_would_with_it(
    name: str,
) -> None:
    code = f"""
import sys, copy, torch
from striate.engine import optimizer
def run():
    p = torch.nn.Parameter(torch.tensor([3.0, -2.0, 0.5]))
    made = optimizer({name!r}, [p], 0.1, weight_decay=0.01)
    for k in range(6):
        made.zero_grad()
        (p * p * (k + 1)).sum().backward()
        made.step()
        state = copy.deepcopy(made.state_dict())
        made.load_state_dict(state)
    assert made.step(lambda: torch.tensor(float(torch.is_grad_enabled()))) == 1
    return p.detach()
first = run()
assert "torch._dynamo" not in sys.modules, "the compiler was loaded"
import torch._dynamo
assert torch.equal(first, run()), "other steps"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_hooks_and_schedules_work_as_on_any_optimizer() -> None:
    weight = nn.Parameter(torch.ones(2, 3))
    made = optimizer("momentum", [weight], 0.5)
    called: list[str] = []
    made.register_step_pre_hook(lambda *_: called.append("before"))
    made.register_step_post_hook(lambda *_: called.append("after"))
    schedule = optim.lr_scheduler.StepLR(made, 1, 0.1)
    for _ in range(2):
        made.zero_grad()
        weight.sum().backward()
        made.step()
        schedule.step()
    assert called == ["before", "after"] * 2
    assert made.param_groups[0]["lr"] == pytest.approx(0.005)
    torch.testing.assert_close(weight.detach(), torch.full((2, 3), 1 - 0.5 - 0.05 * 1.9))
    assert isinstance(copy.deepcopy(made), optim.SGD)


def embedding(sparse: bool) -> nn.Embedding:
    torch.manual_seed(0)
    return nn.Embedding(7, 3, sparse=sparse)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sgd", {}),
        ("sgd", {"maximize": True}),
        ("adam", {"amsgrad": True}),
        ("adamw", {"maximize": True}),
    ],
)
def test_unusual_requests_are_pytorchs(name: str, settings: dict[str, bool]) -> None:
    """And so is a group that is added later, with weights that step otherwise."""
    kind, usual = OPTIMIZERS[name]
    found = []
    for lean in (True, False):
        first, second = embedding(sparse=False), embedding(sparse=False)
        made: optim.Optimizer
        if lean:
            made = optimizer(name, first, 0.1, **settings)
        else:
            made = kind(first.parameters(), lr=0.1, **{"weight_decay": 0.0, **usual, **settings})
        for step in range(4):
            if step == 2:
                made.add_param_group({"params": second.parameters(), "lr": 0.01})
            made.zero_grad()
            (first.weight.square().sum() + second.weight.square().sum()).backward()
            made.step()
        found.append([first.weight.detach(), second.weight.detach()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_sparse_gradients_are_answered_as_pytorch_answers() -> None:
    found = []
    for fast in (True, False):
        layer = embedding(sparse=True)
        made = optimizer("sgd", layer, 0.1, fast=fast)
        layer(torch.tensor([1, 1, 4])).sum().backward()
        try:
            made.step()
            made.step()
            found.append(str(layer.weight.sum().item())[:6])
        except RuntimeError as error:
            found.append(type(error).__name__)
    assert found[1] == str(embedding(True).weight.sum().item() - 0.1 * 3 * 3 * 2)[:6]
    assert found[0] in (found[1], "RuntimeError")  # a fused step takes none, and says so
