"""Convolutions that only predict: the numbers of PyTorch's float64, by every way there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from striate.fused import frozen_conv
from striate.fused.choose import Question
from striate.fused.frozen_conv import FrozenConv
from striate.fused.layer import LayerShape

pytestmark = pytest.mark.compiler


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def check(
    conv: tuple[int, int, tuple[int, int]],
    stride: tuple[int, int],
    padding: tuple[int, int],
    maps: tuple[int, int, int],
    extras: tuple[bool, bool, bool],
    ways: tuple[str, ...],
) -> None:
    """By each of `ways`, what float64 gives for random numbers."""
    (channels, outputs, kernel), (batch, *size), (bias, add, relu) = conv, maps, extras
    generator = torch.Generator().manual_seed(0)

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    x = random(batch, channels, *size).contiguous(memory_format=torch.channels_last)
    weight = random(outputs, channels, *kernel) * (channels * kernel[0] * kernel[1]) ** -0.5
    b = random(outputs) if bias else None
    frozen = FrozenConv(weight, b, stride, padding, relu)
    wide = None if b is None else b.double()
    exact = functional.conv2d(x.double(), weight.double(), wide, stride, padding)
    assert frozen.size_after(x.shape) == tuple(exact.shape)
    more = random(*exact.shape).contiguous(memory_format=torch.channels_last) if add else None
    exact = exact if more is None else exact + more
    exact = exact.relu() if relu else exact
    for way in ways:
        y = getattr(frozen, way)(x, more)
        assert way == "plainly" or y.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(y.double(), exact, rtol=0, atol=3e-5)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from([1, 2, 3]))
def test_direct_is_float64_within_rounding(data: st.DataObject, threads: int) -> None:
    torch.set_num_threads(threads)
    number = st.integers
    kernel = data.draw(st.tuples(number(1, 7), number(1, 7)))
    padding = data.draw(st.tuples(number(0, 3), number(0, 3)))
    stride = data.draw(st.tuples(number(1, 3), number(1, 3)))
    size = [data.draw(number(max(1, k - 2 * p), 17)) for k, p in zip(kernel, padding, strict=True)]
    channels, outputs = data.draw(number(1, 70)), data.draw(number(1, 90))
    maps = (data.draw(number(1, 9)), size[0], size[1])
    extras = data.draw(st.tuples(*[st.booleans()] * 3))
    check((channels, outputs, kernel), stride, padding, maps, extras, ("direct", "plainly"))


@pytest.mark.parametrize("channels", [3, 600])
def test_sums_of_any_length(channels: int) -> None:
    check((channels, 65, (3, 2)), (2, 1), (1, 0), (3, 6, 5), (True, True, True), ("direct",))


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from([1, 2, 3]))
def test_tiles_of_weights_laid_out(data: st.DataObject, threads: int) -> None:
    torch.set_num_threads(threads)
    number = st.integers
    channels, outputs = data.draw(number(32, 90)), data.draw(number(32, 90))
    padding = data.draw(st.tuples(number(0, 2), number(0, 2)))
    maps = data.draw(st.tuples(number(1, 5), number(3, 15), number(3, 15)))
    extras = data.draw(st.tuples(*[st.booleans()] * 3))
    check((channels, outputs, (3, 3)), (1, 1), padding, maps, extras, ("tiled",))


@pytest.mark.parametrize("sizes", [(170, 150, (9, 20, 11)), (200, 180, (1, 4, 4))])
def test_many_weights_and_many_tiles(sizes: tuple[int, int, tuple[int, int, int]]) -> None:
    channels, outputs, maps = sizes
    check((channels, outputs, (3, 3)), (1, 1), (1, 1), maps, (True, True, True), ("tiled",))


def test_tiles_are_for_3x3_and_stride_1() -> None:
    def fits(kernel: tuple[int, int] = (3, 3), stride: int = 1, channels: int = 33) -> bool:
        weight = torch.zeros(34, channels, *kernel)
        return FrozenConv(weight, None, (stride, stride), (0, 0), False).fits_tiles

    assert fits()
    assert not fits(kernel=(3, 5))
    assert not fits(stride=2)
    assert not fits(channels=31)


def test_the_measured_way_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Question] = []

    def is_faster(question: Question, first: object, second: object) -> bool:
        asked.append(question)
        return "tiled" not in question.kernel

    monkeypatch.setattr(frozen_conv, "is_faster", is_faster)
    conv = FrozenConv(torch.ones(34, 33, 3, 3), torch.ones(34), (1, 1), (0, 1), True)
    x = torch.ones(3, 33, 6, 5)
    for _ in range(2):
        y = conv(x)
    assert y[0, 0].tolist() == [[199.0, 298.0, 298.0, 298.0, 199.0]] * 4
    layer = LayerShape("conv", (33, 6, 5), (34, 33, 3, 3), True, "relu", (0, 1))
    assert [(q.kernel, q.layers, q.batch) for q in asked] == [
        ("frozen convolution, tiled", (layer,), 4),
        ("frozen convolution", (layer,), 4),
    ]
    assert (
        conv(x[:1, :, :4, :3], torch.ones(1, 34, 2, 3))[0, 0].tolist()
        == [[200.0, 299.0, 200.0]] * 2
    )
    assert len(asked) == 4
