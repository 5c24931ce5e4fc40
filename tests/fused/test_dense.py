"""A fused dense layer against PyTorch in float64, on shapes drawn at random."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused.dense import dense
from striate.fused.layer import ACTIVATIONS, Activation, apply

pytestmark = [pytest.mark.compiler, pytest.mark.usefixtures("required")]


def plainly(x: Tensor, w: Tensor, b: Tensor, activation: Activation) -> Tensor:
    return apply(functional.linear(x, w, b), activation)


def gradients(
    function: Callable[..., Tensor], tensors: list[Tensor], dtype: torch.dtype, activation: str
) -> tuple[Tensor, ...]:
    inputs = [t.detach().to(dtype).requires_grad_() for t in tensors]
    y = function(*inputs, activation)
    generator = torch.Generator().manual_seed(4)
    y.backward(torch.randint(-3, 4, y.shape, generator=generator).to(dtype))
    return (y.detach(), *(t.grad for t in inputs if t.grad is not None))


def case(rows: int, inputs: int, outputs: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(rows + inputs)
    shapes = ((rows, inputs), (outputs, inputs), (outputs,))
    return [torch.randint(-3, 4, shape, generator=generator).float() for shape in shapes]


@given(
    rows=st.sampled_from([1, 2, 5, 6, 7, 13, 64, 129]),
    inputs=st.sampled_from([1, 3, 15, 16, 17, 100, 257, 530]),
    outputs=st.sampled_from([1, 4, 10, 16, 31, 33, 64, 70, 150]),
    activation=st.sampled_from(["identity", "relu"]),
    threads=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_integers_are_exact(
    rows: int, inputs: int, outputs: int, activation: str, threads: int
) -> None:
    torch.set_num_threads(threads)
    tensors = case(rows, inputs, outputs)
    ours = gradients(dense, tensors, torch.float32, activation)
    true = gradients(plainly, tensors, torch.float64, activation)
    for mine, exact in zip(ours, true, strict=True):
        assert torch.equal(mine.double(), exact)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(33, 900, 70), (100, 40, 17)])
def test_error_is_at_most_twice_that_of_pytorch(
    activation: Activation, sizes: tuple[int, int, int]
) -> None:
    torch.manual_seed(1)
    rows, inputs, outputs = sizes
    tensors = [torch.randn(rows, inputs), torch.randn(outputs, inputs) / inputs**0.5]
    tensors.append(torch.randn(outputs))
    ours, theirs = (gradients(f, tensors, torch.float32, activation) for f in (dense, plainly))
    true = gradients(plainly, tensors, torch.float64, activation)
    for mine, their, exact in zip(ours, theirs, true, strict=True):
        scale = exact.abs().max()
        error, yardstick = (mine - exact).abs().max() / scale, (their - exact).abs().max() / scale
        assert error <= 2 * yardstick + 2e-7


def test_second_gradients() -> None:
    linear, x = nn.Linear(7, 5), torch.randn(4, 7, requires_grad=True)
    y = dense(x, linear.weight, linear.bias, "tanh")
    (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(dx.square().sum(), x)
    y = torch.tanh(linear(x))
    (true,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(true.square().sum(), x)[0])


def test_other_requests() -> None:
    x, w = torch.randn(2, 3, 7), torch.randn(5, 7)
    assert torch.equal(dense(x, w), functional.linear(x, w))
    assert torch.equal(
        dense(x[0].double(), w.double()), functional.linear(x[0].double(), w.double())
    )
    with pytest.raises(ShapeError, match="do not fit"):
        dense(x[0], w[:, :6])
    with pytest.raises(SettingError, match="gelu"):
        dense(x[0], w, None, "gelu")  # type: ignore[arg-type]
