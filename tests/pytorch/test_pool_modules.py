"""The pooling modules that PyTorch has no class for."""

from __future__ import annotations

import pytest
import torch

from agreement import assert_agrees
from striate.graph import Operator, Spec
from striate.ops import AdaptiveAveragePool, L2Pool, StochasticPool
from striate.pytorch.pools import L2Pool as L2PoolModule
from striate.pytorch.pools import StochasticPool as StochasticPoolModule

SIGNAL, PICTURE = Spec((3, 12)), Spec((3, 8, 12))


@pytest.mark.parametrize(
    ("operator", "x"),
    [
        (L2Pool(2), SIGNAL),
        (L2Pool((3, 2), 2, padding=((0, 1), (1, 0))), PICTURE),
        (L2Pool(3, 2, padding=1, ceil=True), PICTURE),
        (StochasticPool(2), SIGNAL),
        (StochasticPool((3, 2), (2, 1)), PICTURE),
        (AdaptiveAveragePool(3), SIGNAL),
        (AdaptiveAveragePool((2, 4)), PICTURE),
    ],
    ids=str,
)
def test_they_agree_with_the_formulas(operator: Operator, x: Spec) -> None:
    assert_agrees(operator, x)


def test_the_norm_of_nothing_has_a_gradient() -> None:
    x = torch.zeros(1, 1, 4, requires_grad=True)
    L2PoolModule((2,), (2,), (0, 0))(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.0] * 4]]


def test_strong_cells_are_drawn_in_proportion() -> None:
    torch.manual_seed(3)
    x = torch.tensor([[[1.0, -5.0, 3.0]]]).repeat(20_000, 1, 1)
    drawn = StochasticPoolModule((3,), (3,)).train()(x)
    assert set(drawn.unique().tolist()) == {1.0, 3.0}
    assert drawn.eq(3.0).float().mean().item() == pytest.approx(0.75, abs=0.015)
