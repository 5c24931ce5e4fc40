"""What pooling modules of our own do where the formulas do not look."""

from __future__ import annotations

import pytest
import torch

from striate.pytorch.modules.special_pooling import L2Pool as L2PoolModule
from striate.pytorch.modules.special_pooling import StochasticPool as StochasticPoolModule


def test_the_norm_of_nothing_has_a_gradient() -> None:
    x = torch.zeros(1, 1, 4, requires_grad=True)
    L2PoolModule((2,), (2,), (0, 0), (1,))(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.0] * 4]]


def test_strong_cells_are_drawn_in_proportion() -> None:
    torch.manual_seed(3)
    x = torch.tensor([[[1.0, -5.0, 3.0]]]).repeat(20_000, 1, 1)
    drawn = StochasticPoolModule((3,), (3,)).train()(x)
    assert set(drawn.unique().tolist()) == {1.0, 3.0}
    assert drawn.eq(3.0).float().mean().item() == pytest.approx(0.75, abs=0.015)
