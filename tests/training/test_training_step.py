"""One step after another: the rate follows the schedule, and noise is a function of the step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from striate.engine import lower, optimizer
from striate.notation import parse
from striate.passes.attach_loss import with_loss
from striate.training import Recipe
from striate.training.step import TrainingStep

GRAPH = with_loss(parse("INPUT 1x6x7 -> CONV 3 3x3 -> BN -> RELU -> DROPOUT 0.3 -> FC 4"))
SETTINGS = {"epochs": 2, "optimizer": "momentum", "learning_rate": 0.2, "schedule": "cosine"}


def trained(seed: int) -> tuple[Tensor, list[float]]:
    """All weights after some steps, and the rates on the way."""
    torch.manual_seed(0)
    module = lower(GRAPH)
    made = optimizer("momentum", module, 0.2)
    recipe = Recipe.from_dict({**SETTINGS, "seed": seed})
    step = TrainingStep(GRAPH, module, made, recipe, lambda x: x - 0.5, batches=4)
    random = torch.Generator().manual_seed(1)
    rates = []
    for number in range(7):
        x, y = torch.rand(5, 1, 6, 7, generator=random), torch.randint(4, (5,), generator=random)
        step(x, y, number)
        rates.append(made.param_groups[0]["lr"])
    return torch.cat([p.detach().flatten() for p in module.parameters()]), rates


def test_the_rate_follows_the_schedule() -> None:
    _, rates = trained(3)
    assert rates[0] == pytest.approx(0.2)
    assert rates == sorted(rates, reverse=True)
    assert rates[4] == pytest.approx(0.1)


@pytest.mark.parametrize("seed", [3, 2**63, 10**30])
def test_a_seed_of_any_size_decides_what_is_dropped(seed: int) -> None:
    weights, _ = trained(seed)
    assert torch.equal(weights, trained(seed)[0])
    assert not torch.equal(weights, trained(seed + 1)[0])
