"""Chains of layers that learn, in one compiled call: the bits of their kernels one by one."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_chains import chains
from torch import Tensor
from torch.nn import functional

from striate.fused.conv_pool import conv_pool
from striate.fused.dense import dense
from striate.fused.layer import LayerShape, workspace
from striate.fused.trained import TrainedLayers, plainly

Drawn = tuple[list[LayerShape], list[Tensor | None]]
pytestmark = [pytest.mark.compiler, pytest.mark.usefixtures("required")]


def one_by_one(
    layers: list[LayerShape], x: Tensor, weights: list[Tensor | None], winograd: bool = True
) -> Tensor:
    """By the kernel of each layer."""
    for k, (layer, weight, bias) in enumerate(
        zip(layers, weights[::2], weights[1::2], strict=True)
    ):
        assert weight is not None
        if layer.kind == "dense":
            x = dense(x.flatten(1), weight, bias, layer.activation)
        else:
            last = all(each.kind != "dense" for each in layers[k + 1 : k + 2])
            more = layer.activation, layer.kind, last, False, winograd
            x = conv_pool(x, weight, bias, layer.padding, *more)
    return x


def leaves(tensors: list[Tensor | None]) -> list[Tensor | None]:
    return [None if t is None else t.clone().requires_grad_() for t in tensors]


def random(*sizes: int, seed: int = 1) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(
    *(chains(), st.sampled_from([1, 2, 5, 19, 33]), st.sampled_from([1, 2, 3])),
    *(st.booleans(), st.booleans()),
)
def test_a_chain_is_its_kernels(
    chain: Drawn, batch: int, threads: int, wants_dx: bool, winograd: bool
) -> None:
    torch.set_num_threads(threads)
    layers, given = chain
    x, weights = random(batch, *layers[0].size).requires_grad_(wants_dx), leaves(given)
    wanted = [t for t in (x, *weights) if t is not None and t.requires_grad]
    workspace(1 << 22).fill_(math.nan)
    y = TrainedLayers(layers, batch, wants_dx, winograd)(x, weights)
    cotangent = random(*y.shape, seed=2)
    workspace(1 << 22).fill_(math.nan)
    found = torch.autograd.grad(y, wanted, cotangent)
    each = one_by_one(layers, x, weights, winograd)
    torch.testing.assert_close(y, each, rtol=0, atol=0)
    for ours, theirs in zip(found, torch.autograd.grad(each, wanted, cotangent), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@settings(max_examples=30, deadline=None)
@given(chains(), st.sampled_from([1, 2, 5, 19]), st.sampled_from([1, 2]))
def test_a_step_is_forward_loss_and_backward(drawn: Drawn, batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    layers, numbers = drawn
    if layers[-1].kind != "dense":
        units = math.prod(layers[-1].size_after)
        layers = [*layers, LayerShape("dense", (units,), (7, units), False)]
        numbers = [*numbers, random(7, units) / 9, None]
    x, weights = random(batch, *layers[0].size), leaves(numbers)
    labels = torch.arange(batch) * 5 % layers[-1].weight[0]
    chain = TrainedLayers(layers, batch)
    gradients = [None if t is None else torch.full_like(t, math.nan) for t in weights]
    done = chain.step(x, labels, weights, chain.memory(), gradients)
    assert done is not None
    scores, loss = done
    y = one_by_one(layers, x, weights)
    wanted = [t for t in weights if t is not None]
    plain = functional.cross_entropy(y.double(), labels)
    torch.testing.assert_close(scores, y, rtol=0, atol=0)
    torch.testing.assert_close(loss.double(), plain, rtol=1e-6, atol=1e-7)
    exact = torch.autograd.grad(plain, wanted)
    for ours, theirs in zip((g for g in gradients if g is not None), exact, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=3e-6 * scale + 1e-9)


def pair(batch: int, *, threads: int = 1) -> tuple[TrainedLayers, Tensor, list[Tensor | None]]:
    torch.set_num_threads(threads)
    layers = [
        LayerShape("max", (2, 14, 13), (5, 2, 5, 3), False, "tanh"),
        LayerShape("dense", (125,), (21, 125)),
    ]
    weights = leaves([random(5, 2, 5, 3), None, random(21, 125), random(21)])
    return TrainedLayers(layers, batch), random(batch, 2, 14, 13), weights


def test_labels_that_are_no_class_are_told() -> None:
    chain, x, weights = pair(3)
    gradients = [None if t is None else torch.zeros_like(t) for t in weights]
    for wrong in (21, -1, -100):
        labels = torch.tensor([4, wrong, 7])
        assert chain.step(x, labels, weights, chain.memory(), gradients) is None
    assert all(not g.any() for g in gradients if g is not None)


def test_scores_that_overflow_give_what_pytorch_gives() -> None:
    chain, x, weights = pair(4)
    gradients = [None if t is None else torch.zeros_like(t) for t in weights]
    labels = torch.tensor([4, 0, 20, 7])
    for value in (1e30, math.inf, math.nan):
        with torch.no_grad():
            assert weights[3] is not None
            weights[3][5] = value
        done = chain.step(x, labels, weights, chain.memory(), gradients)
        assert done is not None
        expected = functional.cross_entropy(done[0], labels)
        torch.testing.assert_close(done[1], expected, equal_nan=True)


def test_the_same_bits_every_time() -> None:
    for threads in (1, 2, 3):
        chain, x, weights = pair(64, threads=threads)
        labels = torch.arange(64) % 21
        runs = []
        for _ in range(2):
            gradients = [None if t is None else torch.empty_like(t) for t in weights]
            done = chain.step(x, labels, weights, chain.memory(), gradients)
            assert done is not None
            runs.append([*done, *(g for g in gradients if g is not None)])
        assert all(map(torch.equal, *runs))


def test_gradients_of_gradients() -> None:
    chain, x, weights = pair(3)
    wanted = [t for t in weights if t is not None]
    first = torch.autograd.grad(chain(x, weights).square().sum(), wanted, create_graph=True)
    found = torch.autograd.grad(sum(g.square().sum() for g in first), wanted)

    exact: list[Tensor | None] = [None if t is None else t.detach().double() for t in weights]
    leaf = [t.requires_grad_() for t in exact if t is not None]
    y = plainly(chain.layers, x.double(), *exact)
    first = torch.autograd.grad(y.square().sum(), leaf, create_graph=True)
    for ours, theirs in zip(
        found, torch.autograd.grad(sum(g.square().sum() for g in first), leaf), strict=True
    ):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5 * scale)
