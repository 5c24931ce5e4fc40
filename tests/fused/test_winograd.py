"""Winograd against float64 and PyTorch: values, gradients, memory formats, threads, compilers."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused import winograd
from striate.fused.winograd import conv3x3, supports
from striate.fused.winograd_kernels import release_workspaces

pytestmark = pytest.mark.compiler
EPSILON = 2.0**-23
Numbers = dict[str, Tensor]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def operands(shape: tuple[int, int, int, int], outputs: int, padding: tuple[int, int]) -> Numbers:
    batch, channels, height, width = shape
    generator = torch.Generator().manual_seed(batch + 10 * channels + 100 * outputs)

    def normal(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=generator)

    return {
        "x": normal(batch, channels, height, width),
        "weight": normal(outputs, channels, 3, 3),
        "bias": normal(outputs),
        "cotangent": normal(
            batch, outputs, height + 2 * padding[0] - 2, width + 2 * padding[1] - 2
        ),
    }


def with_gradients(convolve, given: Numbers) -> Numbers:
    x, weight, bias = (given[k].detach().requires_grad_() for k in ("x", "weight", "bias"))
    y = convolve(x, weight, bias)
    gradients = torch.autograd.grad(y, (x, weight, bias), given["cotangent"])
    return {"y": y.detach(), **dict(zip(("dx", "dweight", "dbias"), gradients, strict=True))}


def ours(given: Numbers, padding, relu=False) -> Numbers:
    return with_gradients(lambda x, w, b: conv3x3(x, w, b, padding, relu), given)


def exact(given: Numbers, padding) -> Numbers:
    double = {name: value.double() for name, value in given.items()}
    return with_gradients(lambda x, w, b: functional.conv2d(x, w, b, padding=padding), double)


def assert_within_the_stated_bound(given: Numbers, padding) -> None:
    """8 ε times a sum of products of magnitudes, as the docstring of conv3x3 says."""
    result, truth = ours(given, padding), exact(given, padding)
    size = {name: value.abs().double() for name, value in given.items()}
    x_c, dy_o = size["x"].amax((0, 2, 3)), size["cotangent"].amax((0, 2, 3))
    weight_oc = size["weight"].sum((2, 3))
    magnitude = {
        "y": (weight_oc @ x_c).max(),
        "dx": (dy_o @ weight_oc).max(),
        "dweight": x_c.max() * size["cotangent"].sum((0, 2, 3)).max(),
    }
    for name, most in magnitude.items():
        error = (result[name].double() - truth[name]).abs().max()
        assert error < 8 * EPSILON * most, name
    torch.testing.assert_close(result["dbias"].double(), truth["dbias"], rtol=1e-5, atol=1e-4)


shapes = st.tuples(st.integers(1, 3), st.integers(1, 37), st.integers(1, 14), st.integers(1, 14))
pads = st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(shape=shapes, outputs=st.integers(1, 41), padding=pads, threads=st.integers(1, 3))
def test_is_float64_within_the_stated_bound(shape, outputs, padding, threads):
    padding = tuple(max(p, (3 - size + 1) // 2) for p, size in zip(padding, shape[2:], strict=True))
    given = operands(shape, outputs, padding)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_within_the_stated_bound(given, padding)
    finally:
        torch.set_num_threads(before)


# Channels x outputs above and below the switch between the two schedules; rows above one pass.
SIZES = [
    ((1, 61, 23, 18), 67),
    ((5, 3, 33, 30), 70),
    ((1, 301, 6, 5), 290),
    ((9, 130, 17, 15), 140),
]


@pytest.mark.parametrize(("shape", "outputs"), SIZES)
def test_large_sizes_are_float64_within_the_stated_bound(shape, outputs):
    assert_within_the_stated_bound(operands(shape, outputs, (1, 1)), (1, 1))


@pytest.mark.parametrize(("shape", "outputs"), SIZES)
def test_the_number_of_threads_does_not_change_a_bit(shape, outputs, threads):
    given = operands(shape, outputs, (1, 1))
    results = []
    for count in (1, 2, 3, 2):
        threads(count)
        results.append(ours(given, (1, 1)))
    for name in ("y", "dx", "dweight"):
        assert all(torch.equal(results[0][name], other[name]) for other in results[1:]), name


def test_relu_on_the_way_out():
    given = operands((2, 7, 9, 11), 13, (0, 1))
    result = ours(given, (0, 1), relu=True)
    truth = with_gradients(
        lambda x, w, b: functional.conv2d(x, w, b, padding=(0, 1)).relu(),
        {name: value.double() for name, value in given.items()},
    )
    assert (result["y"] == 0).any()
    assert (result["y"] >= 0).all()
    for name, value in result.items():
        scale = truth[name].abs().max()
        torch.testing.assert_close(value.double() / scale, truth[name] / scale, rtol=0, atol=2e-6)


@pytest.mark.parametrize("weight_format", [torch.contiguous_format, torch.channels_last])
def test_memory_formats_do_not_change_the_numbers(weight_format):
    plain = operands((2, 18, 7, 10), 21, (1, 0))
    expected = ours(plain, (1, 0))
    strided = torch.stack([plain["x"], torch.full_like(plain["x"], 9.0)], dim=-1)[..., 0]
    cotangent = plain["cotangent"].transpose(2, 3).contiguous().transpose(2, 3)
    given = {
        "x": strided,
        "weight": plain["weight"].contiguous(memory_format=weight_format),
        "bias": torch.stack([plain["bias"], plain["bias"]], dim=1)[:, 0],
        "cotangent": cotangent,
    }
    result = ours(given, (1, 0))
    assert result["y"].is_contiguous(memory_format=torch.channels_last)
    assert result["dweight"].stride() == given["weight"].stride()
    for name in ("y", "dx", "dweight"):
        assert torch.equal(result[name], expected[name])


def test_an_expanded_cotangent_as_sum_makes_it():
    given = operands((2, 5, 6, 9), 4, (1, 1))
    given["cotangent"] = torch.ones(()).expand(given["cotangent"].shape)
    result, truth = ours(given, (1, 1)), exact(given, (1, 1))
    torch.testing.assert_close(result["dweight"].double(), truth["dweight"], rtol=1e-4, atol=1e-4)


def test_nothing_leaks_between_calls():
    """A workspace full of NaN from one call must not reach the next, smaller one."""
    bad = operands((4, 40, 16, 16), 40, (1, 1))
    bad["x"].fill_(float("nan"))
    ours(bad, (1, 1))
    given = operands((1, 5, 7, 6), 3, (1, 1))
    assert all(value.isfinite().all() for value in ours(given, (1, 1)).values())


def test_an_empty_batch():
    x, weight = torch.zeros(0, 3, 8, 9), torch.randn(4, 3, 3, 3, requires_grad=True)
    y = conv3x3(x, weight)
    y.sum().backward()
    assert y.shape == (0, 4, 8, 9)
    assert torch.equal(weight.grad, torch.zeros_like(weight))


def test_many_callers_at_once():
    cases = [operands((2, 9 + k, 12 + k, 11), 17 - k, (1, 1)) for k in range(6)]
    expected = [ours(given, (1, 1)) for given in cases]
    wrong: list[int] = []

    def call(k: int) -> None:
        for _ in range(10):
            result = ours(cases[k], (1, 1))
            if not all(torch.equal(result[n], expected[k][n]) for n in ("y", "dx", "dweight")):
                wrong.append(k)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(len(cases))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []
    release_workspaces()
    assert torch.equal(ours(cases[0], (1, 1))["y"], expected[0]["y"])


def test_the_gradient_of_a_gradient():
    given = operands((2, 3, 5, 6), 4, (1, 1))

    def penalty(convolve) -> tuple[Tensor, ...]:
        x, weight = given["x"].detach().requires_grad_(), given["weight"].requires_grad_()
        (dx,) = torch.autograd.grad(convolve(x, weight), x, given["cotangent"], create_graph=True)
        return torch.autograd.grad(dx.square().sum(), weight)

    torch.testing.assert_close(
        penalty(conv3x3),
        penalty(lambda x, w: functional.conv2d(x, w, padding=1)),
        rtol=1e-4,
        atol=1e-3,
    )


def test_off_is_plain_pytorch(monkeypatch):
    monkeypatch.setenv("STRIATE_FUSED", "off")
    given = operands((2, 5, 9, 7), 4, (1, 0))
    result = ours(given, (1, 0))
    plain = with_gradients(lambda x, w, b: functional.conv2d(x, w, b, padding=(1, 0)), given)
    for name, value in result.items():
        torch.testing.assert_close(value, plain[name])
    assert not winograd.available()


def test_what_it_supports():
    x, weight = torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3)
    assert supports(x, weight)
    assert not supports(x, torch.zeros(6, 4, 3, 5))
    assert not supports(x.double(), weight.double())
    assert torch.equal(conv3x3(x.double(), weight.double()), torch.zeros(1, 6, 8, 8).double())


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 5, 5)), ShapeError, "(6, 4, 5, 5)"),
        ((torch.zeros(1, 3, 8, 8), torch.zeros(6, 4, 3, 3)), ShapeError, "(1, 3, 8, 8)"),
        ((torch.zeros(1, 4, 2, 8), torch.zeros(6, 4, 3, 3), None, 0), ShapeError, "(2, 8)"),
        ((torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3), torch.zeros(5)), ShapeError, "(5,)"),
        ((torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3), None, -1), SettingError, "-1"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(arguments, error, text):
    with pytest.raises(error) as caught:
        conv3x3(*arguments)
    assert text in str(caught.value)
