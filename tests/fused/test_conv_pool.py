"""Fused convolution, activation and pool against PyTorch in float64, on shapes drawn at random."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from striate.errors import SettingError, ShapeError
from striate.fused import build
from striate.fused.conv_pool import available, conv_pool, supports
from striate.fused.layer import ACTIVATIONS, POOLS, Activation, Pool, plain, workspace
from striate.fused.pool_operator import TILES_ARE_FASTER

pytestmark = [pytest.mark.compiler, pytest.mark.usefixtures("required")]
Grads = tuple[Tensor, ...]
Drawn = tuple[list[Tensor], tuple[int, int], int, bool]


def gradients(
    function: Callable[..., Tensor], given_: list[Tensor], dtype: torch.dtype, seed: int
) -> Grads:
    """The result and the gradient of each input, for a cotangent of small integers."""
    inputs = [t.detach().to(dtype).requires_grad_() for t in given_]
    workspace(1 << 22).fill_(math.nan)
    y = function(*inputs)
    generator = torch.Generator().manual_seed(seed)
    workspace(1 << 22).fill_(math.nan)
    y.backward(torch.randint(-3, 4, y.shape, generator=generator).to(dtype))
    return (y.detach(), *(t.grad for t in inputs if t.grad is not None))


def case(seed: int, x: tuple[int, ...], w: tuple[int, ...], last: bool, top: int) -> list[Tensor]:
    """Small integers: every sum is exact in float32, and windows are full of ties."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (x, w, w[:1])
    tensors = [torch.randint(-top, top + 1, s, generator=generator).float() for s in shapes]
    if last:
        tensors[0] = tensors[0].contiguous(memory_format=torch.channels_last)
    return tensors


@st.composite
def layers(draw: st.DrawFn) -> Drawn:
    kernel = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    padding = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    size = [
        max(1, k - 2 * p + 1) + draw(st.integers(0, 12))
        for k, p in zip(kernel, padding, strict=True)
    ]
    batch = draw(st.sampled_from([1, 2, 3, 5, 17, 19]))
    channels = draw(st.sampled_from([1, 2, 3, 5, 8, 17, 33]))
    outputs = draw(st.sampled_from([1, 2, 6, 9, 16, 31, 50, 70]))
    seed, last = draw(st.integers(0, 999)), draw(st.booleans())
    tensors = case(seed, (batch, channels, *size), (outputs, channels, *kernel), last, 3)
    return tensors, padding, draw(st.integers(1, 3)), draw(st.booleans())


def against_float64(pool: Pool, layer: Drawn, activation: Activation) -> list[Grads]:
    """Our result and gradients, each with PyTorch's in float64."""
    tensors, padding, threads, last = layer
    torch.set_num_threads(threads)
    ours = gradients(
        lambda x, w, b: conv_pool(x, w, b, padding, activation, pool, last, winograd=False),
        tensors,
        torch.float32,
        5,
    )
    judge = gradients(
        lambda x, w, b: plain(x, w, b, padding, activation, pool), tensors, torch.float64, 5
    )
    return list(zip(ours, judge, strict=True))


@pytest.mark.parametrize("pool", POOLS)
@given(layer=layers(), activation=st.sampled_from(["identity", "relu"]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_integers_are_exact(pool: Pool, layer: Drawn, activation: Activation) -> None:
    for mine, true in against_float64(pool, layer, activation):
        assert torch.equal(mine.double(), true)


@pytest.mark.parametrize("pool", POOLS)
@given(layer=layers(), activation=st.sampled_from(["tanh", "sigmoid"]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_smooth_activations(pool: Pool, layer: Drawn, activation: Activation) -> None:
    tensors, *more = layer
    for mine, true in against_float64(pool, ([t / 8 for t in tensors], *more), activation):
        assert (mine - true).abs().max() <= 2e-6 * true.abs().max() + 1e-12


REAL = [
    ((9, 1, 28, 28), (32, 1, 5, 5), (2, 2)),
    ((5, 32, 14, 14), (64, 32, 5, 5), (2, 2)),
    ((11, 20, 12, 12), (50, 20, 5, 5), (0, 0)),
    ((33, 6, 14, 14), (16, 6, 5, 5), (0, 0)),
]


# of the error, in that of PyTorch, which takes the mean of four before an average pool
MOST = {"max": 2, "max in tiles": 4, "avg": 2, "avg in tiles": 9}


@pytest.mark.parametrize("kernels", MOST)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("x_shape", "w_shape", "padding"), REAL)
def test_error_against_that_of_pytorch(
    kernels: str,
    activation: Activation,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    padding: tuple[int, int],
) -> None:
    torch.manual_seed(2)
    pool: Pool = "avg" if kernels.startswith("avg") else "max"
    tiles = kernels.endswith("in tiles")
    if tiles and not TILES_ARE_FASTER[pool](w_shape):
        return
    fan_in = w_shape[1] * w_shape[2] * w_shape[3]
    tensors = [torch.randn(x_shape), torch.randn(w_shape) / fan_in**0.5, torch.randn(w_shape[0])]

    def plainly(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return plain(x, w, b, padding, activation, pool)

    def fused(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return conv_pool(x, w, b, padding, activation, pool, winograd=tiles)

    true = gradients(plainly, tensors, torch.float64, 3)
    theirs = gradients(plainly, tensors, torch.float32, 3)
    ours = gradients(fused, tensors, torch.float32, 3)
    for mine, their, exact in zip(ours, theirs, true, strict=True):
        scale = exact.abs().max()
        error, yardstick = (mine - exact).abs().max() / scale, (their - exact).abs().max() / scale
        assert error <= MOST[kernels] * yardstick + 2e-7


TILED = [
    ((3, 16, 8, 9), (17, 16, 3, 3), (1, 0)),
    ((2, 33, 13, 12), (16, 33, 5, 5), (2, 3)),
    ((1, 19, 7, 31), (70, 19, 3, 3), (0, 1)),
    ((19, 20, 12, 12), (50, 20, 5, 5), (0, 0)),
    ((2, 160, 30, 28), (16, 160, 5, 5), (1, 1)),
]
FEW_CHANNELS = [((33, 6, 14, 13), (16, 6, 5, 5), (0, 1)), ((9, 7, 5, 4), (19, 7, 5, 5), (4, 6))]


@pytest.mark.parametrize(
    ("pool", "x_shape", "w_shape", "padding"),
    [("max", *each) for each in TILED] + [("avg", *each) for each in TILED + FEW_CHANNELS],
)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_tiles_agree_with_float64(
    pool: Pool,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    padding: tuple[int, int],
    last: bool,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    x, w, b = tensors = case(7, x_shape, w_shape, last, 3)

    def fused(*given: Tensor, winograd: bool = True) -> Tensor:
        return conv_pool(*given, padding, "identity", pool, winograd=winograd)

    # behind a max-pool backward has no tiles, and a tie may go to another place
    compared = 1 if pool == "max" else 3
    for tiles, exact in zip(
        gradients(fused, tensors, torch.float32, 5)[:compared],
        gradients(partial(fused, winograd=False), tensors, torch.float32, 5)[:compared],
        strict=True,
    ):
        # halves of integers are exact, thirds are not: this also tells that the tiles ran
        assert torch.equal(tiles, exact) == (w_shape[2] == 3)
        assert (tiles - exact).abs().max() <= 4e-6 * exact.abs().max()
    with_bias = conv_pool(torch.zeros_like(x), w, b, padding, "relu", pool)
    assert torch.equal(with_bias, b.relu()[:, None, None].expand_as(with_bias))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("kernel", [(3, 4), (5, 5)])
def test_the_same_bits_every_time(pool: Pool, kernel: tuple[int, int]) -> None:
    tensors = [torch.randn(37, 17, 13, 11), torch.randn(21, 17, *kernel), torch.randn(21)]

    def fused(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return conv_pool(x, w, b, (1, 2), "tanh", pool)

    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        first, second = (gradients(fused, tensors, torch.float32, 1) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("batch", [1, 3, 40])
@pytest.mark.parametrize("kernel", [(3, 4), (3, 3)])
def test_inference_gives_the_same_bits(pool: Pool, batch: int, kernel: tuple[int, int]) -> None:
    x, w = torch.randn(batch, 17, 13, 11), torch.randn(21, 17, *kernel, requires_grad=True)
    trained = conv_pool(x, w, None, 1, "sigmoid", pool)
    with torch.no_grad():
        assert torch.equal(conv_pool(x, w, None, 1, "sigmoid", pool), trained)


def test_the_first_maximum_has_the_gradient() -> None:
    x = torch.zeros(1, 1, 2, 4, requires_grad=True)
    conv_pool(x, torch.ones(1, 1, 1, 1)).sum().backward()
    assert torch.equal(x.grad, torch.tensor([[[[1.0, 0, 1, 0], [0, 0, 0, 0]]]]))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_and_infinity_go_where_pytorch_lets_them(pool: Pool, activation: Activation) -> None:
    x = torch.randn(3, 2, 10, 12)
    x[0, 0, 0, 0], x[1, 1, 5, 6], x[2, 0, 9, 2] = torch.nan, torch.inf, -torch.inf
    weight = torch.randn(19, 2, 3, 3)
    ours = conv_pool(x, weight, None, 1, activation, pool)
    theirs = plain(x, weight, None, (1, 1), activation, pool)
    assert torch.isnan(ours).any()
    torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_extreme_values_do_not_overflow() -> None:
    x = torch.tensor([-1e38, -200.0, -88.0, -20.0, -1e-30, 0.0, 1e-30, 0.3, 9.5, 90.0, 3e38])
    maps = x.repeat_interleave(4).reshape(11, 1, 2, 2)
    for name in ("tanh", "sigmoid"):
        ours = conv_pool(maps, torch.ones(1, 1, 1, 1), None, 0, name).flatten()
        true = getattr(torch, name)(x.double())
        assert ((ours - true).abs() <= 2e-7 * true.abs() + 1e-37).all()


@pytest.mark.parametrize("pool", POOLS)
def test_two_threads_at_once(pool: Pool) -> None:
    x, w = torch.randn(40, 3, 16, 18), torch.randn(9, 3, 5, 5)
    expected = conv_pool(x, w, None, 2, "relu", pool)
    right: list[bool] = []

    def work() -> None:
        results = [conv_pool(x, w, None, 2, "relu", pool) for _ in range(20)]
        right.append(all(torch.equal(result, expected) for result in results))

    started = [threading.Thread(target=work) for _ in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert right == [True] * 3


def test_what_the_kernels_do_not_know_runs_in_pytorch() -> None:
    x, w = torch.randn(2, 3, 9, 9).double(), torch.randn(4, 3, 3, 3).double()
    assert not supports(x, w)
    assert torch.equal(conv_pool(x, w, None, 1, "relu"), plain(x, w, None, (1, 1), "relu", "max"))
    big = torch.randn(4, 3, 8, 8)
    assert not supports(x.float(), big)
    per_image = torch.vmap(lambda one: conv_pool(one[None], w, None, 1, "relu")[0])(x)
    torch.testing.assert_close(per_image, conv_pool(x, w, None, 1, "relu"))


@pytest.mark.parametrize("pool", POOLS)
def test_gradients_of_gradients(pool: Pool) -> None:
    tensors = [torch.randn(2, 2, 6, 7), torch.randn(3, 2, 3, 2), torch.randn(3)]

    def penalty(function: Callable[..., Tensor], dtype: torch.dtype) -> Grads:
        x, w, b = (t.to(dtype).requires_grad_() for t in tensors)
        y = function(x, w, b, (0, 1), "tanh", pool)
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return torch.autograd.grad(dx.square().sum(), (x, w, b))

    ours, true = penalty(conv_pool, torch.float32), penalty(plain, torch.float64)
    for mine, exact in zip(ours, true, strict=True):
        torch.testing.assert_close(mine.double(), exact, rtol=1e-4, atol=1e-4)


def test_wrong_requests_say_what_would_fit() -> None:
    x, w = torch.zeros(1, 3, 6, 6), torch.zeros(4, 3, 5, 6)
    with pytest.raises(ShapeError, match="too little for a 2x2 pool"):
        conv_pool(x, w)
    with pytest.raises(ShapeError, match="do not fit maps"):
        conv_pool(x[:, :2], w)
    with pytest.raises(ShapeError, match="a bias of"):
        conv_pool(x, w, torch.zeros(3), 1)
    with pytest.raises(SettingError, match="softplus"):
        conv_pool(x, w, None, 1, "softplus")  # type: ignore[arg-type]


def test_off_means_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "off")
    x, w = torch.randn(2, 3, 9, 9), torch.randn(4, 3, 3, 3)
    assert not available("max")
    assert torch.equal(conv_pool(x, w, None, 1, "relu"), plain(x, w, None, (1, 1), "relu", "max"))
    assert build.mode() == "off"
