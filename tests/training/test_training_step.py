"""One step, asked for and replayed: the same weights. (Recording itself needs a GPU.)"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from striate.engine import lower, optimizer
from striate.notation import parse
from striate.passes.attach_loss import with_loss
from striate.training import Recipe
from striate.training.step import Replayed, Step, replays

GRAPH = with_loss(parse("INPUT 1x6x7 -> CONV 3 3x3 -> BN -> RELU -> DROPOUT 0.3 -> FC 4"))
RECIPE = Recipe(epochs=2, optimizer="momentum", learning_rate=0.2, schedule="cosine", seed=3)


def batches() -> list[tuple[Tensor, Tensor]]:
    random = torch.Generator().manual_seed(1)
    sizes = (5, 5, 5, 5, 3, 5, 5)
    return [
        (torch.rand(n, 1, 6, 7, generator=random), torch.randint(4, (n,), generator=random))
        for n in sizes
    ]


def trained(change: Callable[[Step], None], lr: float | Tensor = 0.2) -> tuple[Tensor, Tensor]:
    """All weights after some steps, and the losses and right answers on the way."""
    torch.manual_seed(0)
    module = lower(GRAPH)
    made = optimizer("momentum", module, lr)
    step = Step(GRAPH, module, made, RECIPE, lambda x: x - 0.5, batches=4)
    change(step)
    found = [torch.stack([v.float() for v in step(x, y, n)]) for n, (x, y) in enumerate(batches())]
    return torch.cat([p.detach().flatten() for p in module.parameters()]), torch.stack(found)


def test_a_replayed_step_trains_as_one_that_is_asked_for() -> None:
    recorded: list[int] = []

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        recorded.append(1)
        return work

    def replay(step: Step) -> None:
        step._run = Replayed(step._update, capture)

    weights, found = trained(lambda step: None)
    again, replayed = trained(replay, torch.tensor(0.2))
    assert recorded == [1]
    torch.testing.assert_close(again, weights)
    torch.testing.assert_close(replayed, found)


def test_the_rate_follows_the_schedule() -> None:
    rates: list[float] = []

    def listen(step: Step) -> None:
        run = step._run

        def noted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            rates.append(float(step.optimizer.param_groups[0]["lr"]))
            return run(x, y)

        step._run = noted

    trained(listen, torch.tensor(0.2))
    assert rates[0] == pytest.approx(0.2)
    assert rates == sorted(rates, reverse=True)
    assert rates[4] == pytest.approx(0.1)


def test_graphs_are_for_gpus_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not replays(torch.device("cuda"))
    monkeypatch.setenv("STRIATE_GPU", "graph")
    assert replays(torch.device("cuda"))
    assert not replays(torch.device("cpu"))
