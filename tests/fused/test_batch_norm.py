"""Batch normalization and ReLU, perhaps a sum in between, against PyTorch in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from striate.fused.batch_norm import batch_norm, plainly, supports

pytestmark = [pytest.mark.compiler, pytest.mark.usefixtures("required")]

SIZES = [(2, 1, 1, 1), (1, 3, 2, 1), (3, 5, 7, 2), (33, 17), (2, 16, 5, 3), (5, 33, 4, 9)]
SIZES += [(7, 64, 3, 5), (2, 70, 9, 11), (3, 127, 6, 5), (1, 200, 13, 3), (129, 8), (4, 9, 31, 17)]


def laid_out(x: Tensor) -> Tensor:
    return x.to(memory_format=torch.channels_last) if x.ndim == 4 else x


def case(size: tuple[int, ...], adds: bool, offset: float = 0.0) -> list[Tensor]:
    """x, weight, bias, a cotangent that looks away from ReLU's corner, and the other map."""
    generator = torch.Generator().manual_seed(sum(size))
    x, gradient, other = (torch.randn(size, generator=generator) for _ in range(3))
    weight, bias = (torch.randn(size[1], generator=generator) for _ in range(2))
    x = x * 3 + offset
    given = [t.double() for t in (x, weight, bias)]
    z = functional.batch_norm(given[0], None, None, *given[1:], training=True)
    z = z + other if adds else z
    gradient[(z.abs() < 1e-3 * (1 + abs(offset))).expand(size)] = 0.0
    found = [laid_out(x), weight, bias, laid_out(gradient)]
    return [*found, laid_out(other)] if adds else found


def ours(x: Tensor, w: Tensor, b: Tensor, other: Tensor | None) -> Tensor:
    return batch_norm(x, w, b, 1e-5, other)[0]


def theirs(x: Tensor, w: Tensor, b: Tensor, other: Tensor | None) -> Tensor:
    return plainly(x, w, b, 1e-5, other)


def results(
    function: object, given: list[Tensor], dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """y, and the gradients of x, weight, bias and the other map."""
    x, weight, bias, gradient, *more = (t.to(dtype) for t in given)
    leaves = [t.requires_grad_() for t in (x, weight, bias, *more)]
    y = function(*leaves[:3], *(leaves[3:] or [None]))  # type: ignore[operator]
    return [y.detach(), *torch.autograd.grad(y, leaves, gradient)]


def errors(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    return [
        ((mine - true).abs().max() / true.abs().max().clamp_min(1e-30)).item()
        for mine, true in zip(found, exact, strict=True)
    ]


@given(
    size=st.sampled_from(SIZES),
    adds=st.booleans(),
    offset=st.sampled_from([0.0, -2.0, 50.0]),
    threads=st.integers(1, 3),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_error_is_at_most_twice_that_of_pytorch(
    size: tuple[int, ...], adds: bool, offset: float, threads: int
) -> None:
    torch.set_num_threads(threads)
    given = case(size, adds, offset)
    exact = results(theirs, given, torch.float64)
    mine, yardstick = (errors(results(f, given), exact) for f in (ours, theirs))
    # with two numbers per channel the gradient of x is all rounding, whoever computes it
    for k, (error, allowed) in enumerate(zip(mine, yardstick, strict=True)):
        if k != 1 or size[0] * torch.Size(size[2:]).numel() > 2:
            assert error <= 2 * allowed + 1e-6 * (1 + abs(offset))


def test_statistics_of_numbers_far_from_zero() -> None:
    generator = torch.Generator().manual_seed(3)
    x = laid_out(torch.randn(8, 20, 9, 7, generator=generator) + 3000.0)
    _, statistics = batch_norm(x, torch.ones(20), torch.zeros(20))
    mean, scale, variance = statistics.double()
    true = x.double()
    torch.testing.assert_close(mean, true.mean((0, 2, 3)), rtol=1e-7, atol=0)
    torch.testing.assert_close(variance, true.var((0, 2, 3)), rtol=1e-6, atol=0)
    biased = true.var((0, 2, 3), correction=0)
    torch.testing.assert_close(scale, (biased + 1e-5).rsqrt(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_again_gives_the_same_bits(adds: bool, threads: int) -> None:
    torch.set_num_threads(threads)
    given = case((5, 70, 9, 11), adds)
    for first, again in zip(*(results(ours, given) for _ in range(2)), strict=True):
        assert torch.equal(first, again)


def test_layouts_and_strange_numbers() -> None:
    x, weight, bias, gradient, other = case((3, 18, 5, 4), True)
    x[1, 3, 2, 2], x[0, 4, 1, 1] = torch.nan, torch.inf
    y = ours(x, weight, bias, None)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, theirs(x, weight, bias, None), equal_nan=True)
    # a gradient in the other order of memory, and weights that are views
    given = [x.nan_to_num(0, 0), weight, bias, gradient, other]
    straight = results(ours, given)
    given[3] = gradient.contiguous()
    given[1] = torch.stack([weight, bias], 1)[:, 0]
    for mine, other_order in zip(straight, results(ours, given), strict=True):
        assert torch.equal(mine, other_order)


@pytest.mark.parametrize("adds", [False, True])
def test_gradients_of_gradients(adds: bool) -> None:
    found = []
    for function, dtype in ((ours, torch.float32), (theirs, torch.float64)):
        x, weight, bias, gradient, *more = (t.to(dtype) for t in case((3, 6, 4, 5), adds))
        leaves = [t.requires_grad_() for t in (x, weight, bias, *more)]
        y = function(*leaves[:3], *(leaves[3:] or [None]))
        first = torch.autograd.grad((y * gradient).sum(), leaves, create_graph=True)
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), leaves[:2]))
    for mine, exact in zip(*found, strict=True):
        scale = exact.abs().max().item()
        torch.testing.assert_close(mine.double(), exact, rtol=1e-4, atol=1e-5 * scale)


def test_only_what_is_wanted_has_gradients() -> None:
    x, weight, bias, gradient, other = case((3, 6, 4, 5), True)
    y, statistics = batch_norm(x, weight.requires_grad_(), bias, 1e-5, other)
    y.backward(gradient)
    assert [each.grad is None for each in (x, other, weight)] == [True, True, False]
    assert not statistics.requires_grad
    with torch.no_grad():
        assert not batch_norm(x, weight, bias)[0].requires_grad


def test_other_requests_are_not_supported() -> None:
    x, w = laid_out(torch.zeros(2, 3, 5, 4)), torch.ones(3)
    assert supports(x, w, w, x)
    wrong = [x.contiguous(), x.double(), x[:1, :, :1, :1], x[:0], x[0], x.unsqueeze(0)]
    assert not any(supports(each, w, w) for each in wrong)
    assert not supports(x, w[:2], w[:2])
    assert not supports(x, w, w, x[:1])
    with torch.autocast("cpu", torch.bfloat16):
        assert not supports(x, w, w)


def test_gradients_of_gradients_of_the_other_map_alone() -> None:
    x, other = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    x, other = (t.to(memory_format=torch.channels_last) for t in (x, other))
    other.requires_grad_()
    y, _ = batch_norm(x, torch.ones(5), torch.zeros(5), 1e-5, other)
    (found,) = torch.autograd.grad(y.square().sum(), other, create_graph=True)
    torch.testing.assert_close(found, 2 * y)
    (again,) = torch.autograd.grad(found.sum(), other)
    torch.testing.assert_close(again, 2.0 * (y > 0))
