"""Chains of layers in one compiled call: the numbers of PyTorch's float64, in every layout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_chains import chains
from torch import Tensor

from striate.fused import build
from striate.fused.frozen import FrozenLayers
from striate.fused.layer import LayerShape
from striate.fused.trained import plainly

pytestmark = pytest.mark.compiler


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


Drawn = tuple[list[LayerShape], list[Tensor | None]]


@settings(max_examples=60, deadline=None)
@given(chains(), st.sampled_from([1, 2, 5, 16, 19, 33]), st.sampled_from([1, 2, 3]))
def test_a_chain_is_its_layers(drawn: Drawn, batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    layers, weights = drawn
    x = torch.randn(batch, *layers[0].size, generator=torch.Generator().manual_seed(1))
    y = FrozenLayers(layers, weights)(x)
    wanted = plainly(layers, x.double(), *(None if t is None else t.double() for t in weights))
    assert y.shape == wanted.shape
    scale = wanted.abs().max().item()
    torch.testing.assert_close(y.double(), wanted, rtol=0, atol=3e-5 * max(scale, 1.0))


def net(batch: int, units: int = 21) -> tuple[FrozenLayers, Tensor]:
    generator = torch.Generator().manual_seed(0)
    layers = [
        LayerShape("avg", (2, 14, 13), (5, 2, 5, 3), False, "tanh"),
        LayerShape("dense", (125,), (units, 125), True, "relu"),
        LayerShape("dense", (units,), (10, units)),
    ]
    assert layers[0].size_after == (5, 5, 5)
    first, second, third = (torch.randn(each.weight, generator=generator) for each in layers)
    weights = [first, None, second, torch.ones(units), third, torch.ones(10)]
    return FrozenLayers(layers, weights), torch.randn(batch, 2, 14, 13, generator=generator)


@pytest.mark.parametrize(("batch", "units"), [(64, 21), (1, 21), (1, 5000), (2, 5000)])
def test_the_same_bits_every_time_whatever_the_threads(batch: int, units: int) -> None:
    """One picture's convolutions are one thread's, and few numbers too: the team changes."""
    chain, x = net(batch, units)
    first = chain(x)
    torch.testing.assert_close(chain(x), first, rtol=0, atol=0)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.testing.assert_close(chain(x), first, rtol=0, atol=0)


def test_a_picture_scores_alike_alone_and_in_a_batch() -> None:
    chain, x = net(35)
    whole = chain(x)
    for k in (0, 15, 34):
        torch.testing.assert_close(chain(x[k : k + 1]), whole[k : k + 1], rtol=1e-5, atol=1e-5)


def test_not_a_number_stays() -> None:
    chain, x = net(17)
    clean = chain(x)
    x[3] = float("nan")
    y = chain(x)
    assert y[3].isnan().all()
    torch.testing.assert_close(y[4:], clean[4:], rtol=0, atol=0)


def test_off_means_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "off")
    layer = LayerShape("dense", (3,), (2, 3), bias=False)
    from striate.fused import frozen

    frozen.library.cache_clear()
    with pytest.raises(build.Unavailable, match="off"):
        FrozenLayers([layer], [torch.zeros(2, 3), None])
