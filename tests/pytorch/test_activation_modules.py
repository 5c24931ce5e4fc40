"""Operators of modern and of old networks, each as a PyTorch module, against its own formulas."""

from __future__ import annotations

import pytest

from agreement import assert_agrees
from striate import ops
from striate.graph import Operator, Spec

ACTIVATIONS = [
    ops.ReLU6(),
    ops.LeakyReLU(0.2),
    ops.ELU(1.3),
    ops.GELU(),
    ops.GELU(approximate=True),
    ops.SiLU(),
    ops.HardSigmoid(),
    ops.HardSwish(),
    ops.ScaledTanh(),
    ops.ScaledTanh(0.7, 1.9),
    ops.Sine(),
    ops.Cosine(),
    ops.PReLU(),
    ops.PReLU(shared=False),
    ops.NoisyReLU(0.3),
    ops.Maxout(1),
    ops.LayerNorm(epsilon=0.01),
    ops.LayerNorm("channels", epsilon=0.01),
    ops.GroupNorm(1, epsilon=0.01),
]


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("operator", ACTIVATIONS, ids=str)
def test_activations_agree(operator: Operator, shape: tuple[int, ...]) -> None:
    assert_agrees(operator, Spec(shape))


@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 5)])
@pytest.mark.parametrize(
    "operator",
    [
        ops.LocalResponseNorm(),
        ops.LocalResponseNorm(4, 0.7, 0.6, 1.5),
        ops.GlobalAveragePool(),
        ops.Maxout(2),
        ops.Maxout(4),
        ops.GroupNorm(2),
        ops.GroupNorm(4, epsilon=0.5),
    ],
    ids=str,
)
def test_operators_on_maps_agree(operator: Operator, shape: tuple[int, ...]) -> None:
    assert_agrees(operator, Spec(shape))


@pytest.mark.parametrize("shape", [(7,), (2, 3, 5)])
def test_division_agrees(shape: tuple[int, ...]) -> None:
    assert_agrees(ops.Divide(), Spec(shape), Spec(shape), seed=3)


@pytest.mark.parametrize(
    ("operator", "spec"),
    [
        (ops.HistogramPool(2), (3, 7)),
        (ops.HistogramPool(2, bins=3, low=-1.5, high=2.0), (2, 5, 6)),
        (ops.HistogramPool((3, 2), (1, 2), bins=5, low=-2.0), (2, 5, 7)),
    ],
    ids=str,
)
def test_histograms_agree(operator: Operator, spec: tuple[int, ...]) -> None:
    assert_agrees(operator, Spec(spec))


@pytest.mark.parametrize("spec", [(2, 7), (2, 5, 9)])
@pytest.mark.parametrize(
    "operator",
    [
        ops.AdaptiveAveragePool(),
        ops.AdaptiveAveragePool(3),
        ops.AdaptiveMaxPool(),
        ops.AdaptiveMaxPool(3),
        ops.AdaptiveMaxPool(8),
    ],
    ids=str,
)
def test_adaptive_pools_agree(operator: Operator, spec: tuple[int, ...]) -> None:
    assert_agrees(operator, Spec(spec))
