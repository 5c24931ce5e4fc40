"""Attention by PyTorch's one function, where nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from striate.engine import lower
from striate.engine.attended import attend
from striate.graph import Graph
from striate.initialize import initialize
from striate.notation import parse


def attentions(graph: Graph) -> Iterator[object]:
    """The calls that compute a whole attention."""
    network = lower(graph)
    assert network.shortcut is not None
    for plan in network.shortcut._plans:  # type: ignore[attr-defined]
        for step in plan.steps:
            if getattr(step.call, "func", None) is attend:
                yield step.call


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("INPUT 12x7 -> ATTENTION 3 heads", 1),
        ("INPUT 12x7 -> ATTENTION 3 heads causal -> ATTENTION dot", 2),
        ("{ INPUT 12x7 | INPUT 6x4 } ATTENTION 2 heads causal", 1),
        ("INPUT 12x7 -> ATTENTION 3 heads dropout=0.5", 0),
        ("INPUT 12x7 -> ATTENTION additive", 0),
        ("m: INPUT 7; INPUT 12x7 -> ATTENTION mask=m", 0),
    ],
)
def test_values_and_gradients_stay_what_they_are(text: str, count: int) -> None:
    graph = parse(text)
    assert len(list(attentions(graph))) == 2 * count, "for each of the two modes"
    torch.manual_seed(0)
    inputs = [torch.randn(2, *graph.specs[node.name].shape) for node in graph.inputs]
    found = []
    for fast in (True, False):
        module = lower(graph, initialize(graph, seed=3), fast=fast).eval()
        leaves = [each.clone().requires_grad_() for each in inputs]
        y = module(*leaves)
        (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
        slopes = {name: each.grad for name, each in module.named_parameters()}
        found.append(
            (y, *(each.grad for each in leaves if each.grad is not None), *slopes.values())
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


SCORES = "{ PERMUTE 0x2x1 | PASS } MATMUL"


@pytest.mark.parametrize(
    "text",
    [
        f"{{ PASS | {SCORES} -> SOFTMAX -> PERMUTE 0x2x1 }} MATMUL",
        f"{{ PASS | {SCORES} -> AFFINE 2 1 -> SOFTMAX axis=last -> PERMUTE 0x2x1 }} MATMUL",
        f"{{ PASS | {SCORES} -> SOFTMAX axis=last -> PERMUTE 0x1x2 }} MATMUL",
        f"{{ {SCORES} -> SOFTMAX axis=last -> PERMUTE 0x2x1 | PASS }} MATMUL",
        f"{{ PASS | {SCORES} -> SOFTMAX axis=last -> w: PERMUTE 0x2x1 }} MATMUL"
        " -> { PASS | @w } ADD",
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert not list(attentions(parse(f"INPUT 3x3x3 -> {text}")))


def test_a_hook_hears_the_weights() -> None:
    graph = parse("INPUT 12x7 -> ATTENTION 3 heads")
    module, heard = graph.module(), []
    module.get_submodule("attention1.weights").register_forward_hook(
        lambda _module, _given, shares: heard.append(shares.sum(-1))
    )
    module(torch.randn(2, 12, 7))
    torch.testing.assert_close(heard[0], torch.ones(2, 3, 7))
