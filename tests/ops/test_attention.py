"""Attention as a graph of plain operators: against PyTorch's own, and explained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from striate import reference
from striate.analysis.verify import verify
from striate.analysis.why.inquiry import why
from striate.exchange.json import from_json, to_json
from striate.initialize import initialize
from striate.notation import parse, text
from striate.pytorch import source

HEADS, STEPS, WIDTH = 2, 5, 3

PROJECTED = f"{{ PASS | LEARNED 6x6 }} MATMUL -> RESHAPE {STEPS}x{HEADS}x{WIDTH} -> PERMUTE"
ATTENTION = f"""
    INPUT {STEPS}x6 -> {{
      {{ {PROJECTED} 1x0x2 | {PROJECTED} 1x2x0 }} MATMUL
        -> AFFINE {WIDTH**-0.5} 0 -> SOFTMAX axis=last
      | {PROJECTED} 1x0x2
    }} MATMUL -> PERMUTE 1x0x2 -> RESHAPE {STEPS}x6"""
"""Every step is a row of the input; queries meet keys in the first product, values in the last."""


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((STEPS, 6))


def test_attention_is_pytorchs(picture: np.ndarray) -> None:
    graph = parse(ATTENTION)
    weights = initialize(graph, seed=2)
    trace = reference.run(graph, weights, picture)
    error = np.random.default_rng(3).standard_normal((1, STEPS, 6))
    gradient = trace.backward({graph.scores.name: error}).nodes["input"]

    x = torch.from_numpy(picture[None]).requires_grad_()
    learned = (weights[f"learned{k}"]["value"] for k in (1, 2, 3))
    q, k, v = (
        (x @ torch.from_numpy(w).double()).reshape(1, STEPS, HEADS, WIDTH).transpose(1, 2)
        for w in learned
    )
    y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, STEPS, 6)
    y.backward(torch.from_numpy(error))
    np.testing.assert_allclose(trace.values[graph.scores.name], y.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient, x.grad, rtol=0, atol=1e-12)


def test_attention_is_verified_written_and_explained(picture: np.ndarray) -> None:
    graph = parse(ATTENTION)
    weights = initialize(graph, seed=2)
    assert parse(text(graph)) == graph
    assert from_json(to_json(graph)) == graph
    assert "nn.Softmax(dim=3)" in source(graph)
    assert verify(parse(f"{ATTENTION} -> MEAN first -> FC 4"), seed=1).ok
    found = why((graph, weights), picture, "softmax1[1,4,2]")
    assert found.formula.endswith("/ Σ exp(affine1[1,4,m])")
    assert abs(found.reference_residual) < 1e-15
    shares = [why((graph, weights), picture, f"softmax1[1,4,{key}]").value for key in range(STEPS)]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
