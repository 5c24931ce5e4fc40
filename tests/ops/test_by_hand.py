"""One example an operator that can be followed with pencil and paper: value and gradient."""

from __future__ import annotations

from dataclasses import replace
from math import e, erf, inf, pi, sqrt, tanh
from typing import Any

import numpy as np
import pytest

from striate import ops
from striate.errors import SettingError
from striate.graph import Call, Cost, Operator, Spec

S = 1 / (1 + e)
"""σ(-1)."""

PHI = (1 + erf(1 / sqrt(2))) / 2
"""The share of a Gaussian below 1."""

CURVES: list[tuple[Operator, list[float], list[float], list[float]]] = [
    (ops.ReLU6(), [-1, 0, 2, 6, 8], [0, 0, 2, 6, 6], [0, 0, 1, 0, 0]),
    (ops.LeakyReLU(), [-3, 0, 2], [-0.03, 0, 2], [0.01, 0.01, 1]),
    (ops.ELU(3), [-1, 0, 2], [3 / e - 3, 0, 2], [3 / e, 3, 1]),
    (ops.SiLU(), [-1, 0], [-S, 0], [S - S * (1 - S), 0.5]),
    (ops.HardSigmoid(), [-3, -1, 0, 3], [0, 1 / 3, 0.5, 1], [0, 1 / 6, 1 / 6, 0]),
    (ops.HardSigmoid(0.2, 0.5), [-4, -2.5, 1, 2.5], [0, 0, 0.7, 1], [0, 0, 0.2, 0]),
    (ops.SELU(2, 3), [-1, 0, 2], [6 / e - 6, 0, 6], [6 / e, 6, 3]),
    (ops.HardSwish(), [-3, -1, 2, 3], [0, -1 / 3, 5 / 3, 3], [0, 1 / 6, 7 / 6, 1]),
    (ops.ScaledTanh(2, 3), [0, 1], [0, 2 * tanh(3)], [6, 6 - 6 * tanh(3) ** 2]),
    (ops.GELU(), [0, 1], [0, PHI], [0.5, PHI + 1 / sqrt(2 * pi * e)]),
    (ops.GELU(True), [0, 40], [0, 40], [0.5, 1]),
    (ops.Sine(), [0, pi / 6], [0, 0.5], [1, sqrt(3) / 2]),
    (ops.LogSigmoid(), [-1, 0], [np.log(S), -np.log(2)], [1 - S, 0.5]),
    (ops.TanhShrink(), [0, 1], [0, 1 - tanh(1)], [0, tanh(1) ** 2]),
    (ops.SoftShrink(2), [-5, -2, 1, 3], [-3, 0, 0, 1], [1, 0, 0, 1]),
    (ops.HardShrink(2), [-5, -2, 1, 3], [-5, 0, 0, 3], [1, 0, 0, 1]),
    (ops.Threshold(2, 7), [-1, 2, 3], [7, 7, 3], [0, 0, 1]),
    (ops.Sign(), [-4, 0, 2], [-1, 0, 1], [0, 0, 0]),
    (ops.Log(), [0, 1, e], [-inf, 0, 1], [inf, 1, 1 / e]),
    (ops.Sqrt(), [0, 0.25, 9], [0, 0.5, 3], [inf, 1, 1 / 6]),
    (ops.Power(-1.0), [0, 2], [inf, 0.5], [-inf, -0.25]),
    (ops.Cosine(), [0, pi / 6], [1, sqrt(3) / 2], [0, -0.5]),
]
"""Operator, numbers, what becomes of them, and the slopes there."""


@pytest.mark.parametrize(("operator", "x", "y", "slopes"), CURVES, ids=lambda case: str(case))
def test_curves(operator: Operator, x: list[float], y: list[float], slopes: list[float]) -> None:
    found, (gradient,) = run(operator, x, error=[2.0] * len(x))
    near(found, y)
    near(gradient, 2 * np.array(slopes))


def test_a_quotient_and_its_two_gradients() -> None:
    y, (above, below) = run(ops.Divide(), [5, 1], [2, -4], error=[8, 32])
    near(y, [2.5, -0.25])
    near(above, [4, -8])
    near(below, [-10, -2])


def test_local_response_of_three_channels() -> None:
    """Two channels count: the own one and the one before. S = 1 + (1, 1 + 4, 4 + 4)."""
    norm = ops.LocalResponseNorm(2, alpha=2.0, beta=1.0)
    y, (gradient,) = run(norm, [[[1]], [[2]], [[2]]], error=[[[0]], [[36]], [[0]]])
    near(y, [[[1 / 2]], [[2 / 6]], [[2 / 9]]])
    near(gradient, [[[-2 * 1 * 2]], [[6 - 2 * 2 * 2]], [[0]]])


def test_the_mean_of_a_map() -> None:
    y, (gradient,) = run(ops.GlobalAveragePool(), [[[1, 2, 3], [4, 5, 9]]], error=[[[12]]])
    near(y, [[[4]]])
    near(gradient, [[[2, 2, 2], [2, 2, 2]]])


CUBE = [[[1, 7], [3, 3]], [[0, 2], [7, 4]]]
"""2 channels of 2 rows and 2 columns."""

REDUCTIONS: list[tuple[Operator, Any, Any, Any]] = [
    (ops.Mean(), [3.5, 3.25], [4, 8], [[[1, 1], [1, 1]], [[2, 2], [2, 2]]]),
    (ops.Mean("row"), [[2, 5], [3.5, 3]], [[2, 4], [6, 8]], [[[1, 2]] * 2, [[3, 4]] * 2]),
    (ops.Sum("column channel"), [10, 17], [5, 6], [[[5, 5], [6, 6]]] * 2),
    (ops.Sum(0, keep=True), [[[1, 9], [10, 7]]], [[[1, 2], [3, 4]]], [[[1, 2], [3, 4]]] * 2),
    (ops.Max(), [7, 7], [5, 6], [[[0, 5], [0, 0]], [[0, 0], [6, 0]]]),
    (ops.Max("last"), [[7, 3], [2, 7]], [[1, 2], [3, 4]], [[[0, 1], [2, 0]], [[0, 3], [4, 0]]]),
    (ops.Max("0 1 2", True), [[[7]]], [[[5]]], [[[0, 5], [0, 0]], [[0, 0], [0, 0]]]),
    (ops.Min("1 2"), [1, 0], [5, 6], [[[5, 0], [0, 0]], [[6, 0], [0, 0]]]),
]
"""Operator, what becomes of the cube, errors, and the gradient; of two equals the first wins."""


@pytest.mark.parametrize(
    ("operator", "y", "error", "slopes"), REDUCTIONS, ids=lambda case: str(case)
)
def test_reductions_of_a_cube(operator: Operator, y: Any, error: Any, slopes: Any) -> None:
    found, (gradient,) = run(operator, CUBE, error=error)
    near(found, y)
    near(gradient, slopes)


def test_shares_of_rows_and_their_logarithms() -> None:
    """Scores log 1, log 3 and log 4 have the shares 1/8, 3/8 and 1/2."""
    scores, shares = np.log([[1, 3, 4], [2, 6, 8]]), np.array([[1, 3, 4], [1, 3, 4]]) / 8
    error = [[8, 0, 0], [0, 8, 8]]
    y, (gradient,) = run(ops.Softmax("last"), scores, error=error)
    near(y, shares)
    near(gradient, [[1 - 1 / 8, -3 / 8, -4 / 8], [-7 / 8, 3 - 21 / 8, 4 - 28 / 8]])
    y, (gradient,) = run(ops.LogSoftmax("last"), scores, error=error)
    near(y, np.log(shares))
    near(gradient, [[8 - 1, -3, -4], [-2, 8 - 6, 8 - 8]])


def test_rows_of_tokens_gather_the_errors_of_their_places() -> None:
    rows = np.array([[1.0, 10], [2, 20], [3, 30]])
    call = Call((np.array([[2.0, 0, 2], [1, 2, 1]]),), {"weight": rows})
    embedding = ops.Embedding(3, 2)
    near(embedding.forward(call), [[[3, 1, 3], [30, 10, 30]], [[2, 3, 2], [20, 30, 20]]])
    errors = np.array([[[1.0, 2, 4], [0, 0, 1]], [[8, 16, 32], [0, 1, 0]]])
    gradients = embedding.backward(call, errors)
    near(gradients.weights["weight"], [[2, 0], [8 + 32, 0], [1 + 4 + 16, 1 + 1]])
    near(gradients.inputs[0], [[0, 0, 0], [0, 0, 0]])
    for token, said in ((3, "3 is not a token, at place 1 of sequence 0"), (0.5, "0.5 is not")):
        with pytest.raises(SettingError, match=said):
            embedding.forward(Call((np.array([[0, token]]),), {"weight": rows}))


@pytest.mark.parametrize(
    ("softmax", "mask", "shares"),
    [
        (ops.MaskedSoftmax(), [1, 0, 1], [[1 / 5, 0, 4 / 5]] * 3),
        (ops.MaskedSoftmax(), [[1], [0], [-1]], [[1 / 8, 3 / 8, 4 / 8], [0] * 3, [0] * 3]),
        (ops.MaskedSoftmax(lengths=True), [2], [[1 / 4, 3 / 4, 0]] * 3),
        (
            ops.MaskedSoftmax(causal=True),
            None,
            [[1, 0, 0], [1 / 4, 3 / 4, 0], [1 / 8, 3 / 8, 1 / 2]],
        ),
        (ops.MaskedSoftmax(causal=True), [0, 1, 1], [[0] * 3, [0, 1, 0], [0, 3 / 7, 4 / 7]]),
    ],
)
def test_shares_of_what_is_seen(softmax: Operator, mask: Any, shares: Any) -> None:
    """Scores log 1, log 3 and log 4; the gradient is y · (e - Σ e·y), here for e = (1, 0, 0)."""
    inputs = [np.log([[1, 3, 4]] * 3)] + [mask] * (mask is not None)
    y, gradients = run(softmax, *inputs, error=[[1, 0, 0]] * 3)
    near(y, shares)
    near(gradients[0], [[a * (1 - a), -a * b, -a * c] for a, b, c in shares])
    near(gradients[1:], [np.zeros(np.shape(mask))] * (mask is not None))


@pytest.mark.parametrize(("shared", "slopes"), [(True, [-1 * 2 - 3 * 4]), (False, [-2, -12])])
def test_a_learned_slope_gathers_its_negative_units(shared: bool, slopes: list[float]) -> None:
    prelu = ops.PReLU(shared)
    call = Call((np.array([[[-1.0, 5], [-3, 0]]]),), {"weight": np.array([0.5, 0.1])[: 2 - shared]})
    near(prelu.forward(call), [[[-0.5, 5], [-1.5 if shared else -0.3, 0]]])
    near(prelu.backward(call, np.array([[[2.0, 9], [4, 7]]])).weights["weight"], slopes)


def test_slopes_of_columns() -> None:
    """One slope for both rows of a column, whatever the channel."""
    prelu = ops.PReLU(size=(1, 1, 2))
    call = Call((np.array([[[[-1.0, 5], [-3, -2]]]]),), {"weight": np.array([[[0.5, 0.1]]])})
    near(prelu.forward(call), [[[[-0.5, 5], [-1.5, -0.2]]]])
    gradients = prelu.backward(call, np.array([[[[2.0, 9], [4, 7]]]]))
    near(gradients.weights["weight"], [[[-1 * 2 - 3 * 4, -2 * 7]]])
    near(gradients.inputs[0], [[[[1, 9], [2, 0.7]]]])


def test_rows_gate_rows() -> None:
    """σ(log 3) = 3/4, whose slope is 3/16; σ(0) = 1/2, whose slope is 1/4."""
    y, (gradient,) = run(ops.GLU("row"), [[[8, 6], [np.log(3), 0]]], error=[[[16, 2]]])
    near(y, [[[6, 3]]])
    near(gradient, [[[12, 1], [16 * 8 * 3 / 16, 2 * 6 / 4]]])


def test_noise_moves_the_threshold_while_training() -> None:
    relu, noise = ops.NoisyReLU(), np.array([[2.0, -4.0]])
    y, (gradient,) = run(relu, [-1, 3], error=[5, 7], training=True, noise=noise)
    near(y, [1, 0])
    near(gradient, [5, 0])
    near(run(relu, [-1, 3], error=[5, 7])[0], [0, 3])


def test_maxout_of_two_pairs() -> None:
    y, (gradient,) = run(ops.Maxout(2), [[3], [4], [-1], [-1]], error=[[5], [7]])
    near(y, [[4], [-1]])
    near(gradient, [[0], [5], [7], [0]])


@pytest.mark.parametrize("axis", ["last", "channel"])
def test_a_dense_layer_at_every_place(axis: str) -> None:
    """Two places, (3, 4) and (1, 0), of two numbers each; one weight for both."""
    weights = {"weight": np.array([[1.0, 2], [0, -1], [5, 0]]), "bias": np.array([0.5, 0, 0])}
    places, error = np.array([[3.0, 4], [1, 0]]), np.array([[1.0, 0, 0], [0, 10, 100]])
    turned = (lambda a: a) if axis == "last" else np.transpose
    layer, call = ops.Dense(3, axis=axis), Call((turned(places)[None],), weights)
    near(layer.forward(call)[0], turned(np.array([[11.5, -4, 15], [1.5, 0, 5]])))
    found = layer.backward(call, turned(error)[None])
    near(found.inputs[0][0], turned(np.array([[1.0, 2], [500, -10]])))
    near(found.weights["weight"], [[3, 4], [10, 0], [100, 0]])
    near(found.weights["bias"], [1, 10, 100])


@pytest.mark.parametrize("norm", [ops.LayerNorm(epsilon=1.0), ops.GroupNorm(1, epsilon=1.0)])
def test_layer_and_group_normalization_of_four_units(norm: Operator) -> None:
    """Mean 4, variance 3, divisor √(3 + 1) = 2; g = (4, 0, 0, 0) has mean 1, g · x̂ mean 1.5."""
    weights = {"weight": np.array([2.0, 1, 1, 1]), "bias": np.array([0.0, 0, 0, 5])}
    y, (gradient,) = run(norm, [7, 3, 3, 3], error=[2, 0, 0, 0], weights=weights)
    near(y, [3, -0.5, -0.5, 4.5])
    near(gradient, np.array([4 - 1 - 1.5 * 1.5, *[0 - 1 + 0.5 * 1.5] * 3]) / 2)


def test_layer_normalization_by_place() -> None:
    weights = {"weight": np.array([1.0, 2]), "bias": np.array([0.0, 1])}
    norm = ops.LayerNorm("channel", epsilon=3.0)
    y, _ = run(norm, [[1, 6], [3, 4]], error=[[0, 0], [0, 0]], weights=weights)
    near(y, [[-0.5, 0.5], [2, 0]])


@pytest.mark.parametrize("axis", ["last", "column", 2, "channel column", ("-1", "0")])
def test_layer_normalization_of_rows(axis: str | int | tuple[str, ...]) -> None:
    """Both rows have variance 1, divisor √(1 + 3) = 2; the two channels are alike."""
    norm = ops.LayerNorm(axis, affine=False, epsilon=3.0)
    y, (gradient,) = run(norm, [[[1, 3], [7, 5]]] * 2, error=[[[8, 0], [0, 0]], [[0, 0], [0, 0]]])
    near(y, [[[-0.5, 0.5], [0.5, -0.5]]] * 2)
    m = 2 if axis in ("last", "column", 2) else 4
    others = -8 / m * (1 + np.array([0.25, -0.25]))
    near(gradient[0, 0], (others + np.array([8, 0])) / 2)
    near(gradient[1, 0], others / 2 if m == 4 else [0, 0])


def test_the_root_of_the_mean_square() -> None:
    """(1, 7) has mean square 25: x̂ = (0.2, 1.4); g = (50, 0) has mean(g · x̂) = 5."""
    norm, weights = ops.RMSNorm("last", epsilon=1e-30), {"weight": np.array([5.0, 3])}
    y, (gradient,) = run(norm, [[1, 7]], error=[[10, 0]], weights=weights)
    near(y, [[1, 4.2]])
    near(gradient, [[(50 - 5 * 0.2) / 5, -5 * 1.4 / 5]])


def test_a_channel_of_its_own_mean() -> None:
    """Each channel has variance 1, divisor √(1 + 3) = 2."""
    norm, weights = (
        ops.InstanceNorm(epsilon=3.0),
        {"weight": np.array([1, 4.0]), "bias": np.ones(2)},
    )
    y, _ = run(norm, [[1, 3], [10, 8]], error=[[0, 0]] * 2)
    near(y, [[-0.5, 0.5], [0.5, -0.5]])
    learned = replace(norm, affine=True)
    y, _ = run(learned, [[1, 3], [10, 8]], error=[[0, 0]] * 2, weights=weights)
    near(y, [[0.5, 1.5], [3, -1]])


def test_a_length_of_one() -> None:
    """(3, 4) has length 5, and e · y = 6; (0.3, 0.4) is shorter than 1 and is left as it is."""
    norm = ops.L2Norm("last", 1.0)
    y, (gradient,) = run(norm, [[3, 4], [0.3, 0.4]], error=[[10, 0], [10, 20]])
    near(y, [[0.6, 0.8], [0.3, 0.4]])
    near(gradient, [[(10 - 6 * 0.6) / 5, -6 * 0.8 / 5], [10, 20]])


def test_batch_normalization_that_learns_nothing() -> None:
    """Mean 4 and variance 5 of the batch, divisor √(5 + 4) = 3."""
    norm, batch = ops.BatchNorm(4.0, affine=False), np.array([[1.0], [3], [5], [7]])
    assert list(norm.weights(Spec((1,)))) == ["running_mean", "running_var"]
    near(norm.forward(Call((batch,), training=True)), [[-1], [-1 / 3], [1 / 3], [1]])


def test_groups_do_not_meet() -> None:
    weights = {"weight": np.ones(4), "bias": np.zeros(4)}
    y, _ = run(ops.GroupNorm(2, epsilon=3.0), [1, 3, 10, 8], error=[0] * 4, weights=weights)
    near(y, [-0.5, 0.5, 0.5, -0.5])


def test_a_histogram_of_four_numbers() -> None:
    """Bins at 0, 2 and 4: 0.5 counts 3/4 and 1/4, 3 counts 1/2 and 1/2, -1 and 9 the ends."""
    pool = ops.HistogramPool(4, bins=3, low=0.0, high=4.0)
    y, (gradient,) = run(pool, [[0.5, 3, -1, 9]], error=[[4], [8], [24]])
    near(y, [[1.75 / 4], [0.75 / 4], [1.5 / 4]])
    near(gradient, [[(8 - 4) / 2 / 4, (24 - 8) / 2 / 4, 0, 0]])


def test_five_cells_for_three_outputs() -> None:
    """Output 0 sees cells 0-1, output 1 cells 1-3, output 2 cells 3-4."""
    y, (gradient,) = run(ops.AdaptiveAveragePool(3), [[1, 3, 5, 4, 8]], error=[[2, 6, 10]])
    near(y, [[2, 4, 6]])
    near(gradient, [[1, 1 + 2, 2, 2 + 5, 5]])
    y, (gradient,) = run(ops.AdaptiveMaxPool(3), [[1, 6, 5, 4, 4]], error=[[2, 6, 10]])
    near(y, [[6, 6, 4]])
    near(gradient, [[0, 2 + 6, 0, 10, 0]])


def test_two_cells_become_four() -> None:
    """The new cells lie a quarter before and after the middles of the old ones."""
    resize = ops.Resize(2, mode="linear")
    y, (gradient,) = run(resize, [[0, 8]], error=[[1, 2, 3, 4]])
    near(y, [[0, 2, 6, 8]])
    near(gradient, [[1 + 3 / 4 * 2 + 1 / 4 * 3, 1 / 4 * 2 + 3 / 4 * 3 + 4]])
    corners = ops.Resize(size=(5,), mode="linear", align_corners=True)
    near(run(corners, [[0, 8]], error=[[0] * 5])[0], [[0, 2, 4, 6, 8]])
    near(run(ops.Resize(size=(3,)), [[5, 6, 7, 8]], error=[[0] * 3])[0], [[5, 6, 7]])


def test_a_cubic_curve_through_four_cells() -> None:
    """A quarter of the way: k(5/4), k(1/4), k(3/4) and k(7/4) are -27, 225, 67 and -9 of 256."""
    error = [[[0, 0, 0, 1, 0, 0, 0, 0]] * 2]
    y, (gradient,) = run(ops.Resize(2, mode="bicubic"), [[[0, 256, 512, 0]]], error=error)
    near(y[0, :, 3], [225 * 1 + 67 * 2] * 2)
    near(gradient, [[np.array([-27, 225, 67, -9]) / 128]])


def test_the_length_of_a_window() -> None:
    y, (gradient,) = run(ops.L2Pool(2), [[3, 4, 0, 0]], error=[[10, 7]])
    near(y, [[5, 0]])
    near(gradient, [[6, 8, 0, 0]])


def test_other_norms_of_a_window_with_gaps() -> None:
    """Every second number: 1 + 8 = 9 has the cube root y; 1/y² and 4/y² are its slopes."""
    x, y = [[-1, 50, 2, 60]], 9 ** (1 / 3)
    value, (gradient,) = run(ops.L2Pool(2, 2, dilation=2, p=3.0), x, error=[[1]])
    near(value, [[y]])
    near(gradient, [[-1 / y**2, 0, 4 / y**2, 0]])
    value, (gradient,) = run(ops.L2Pool(2, 2, dilation=2, p=1.0), x, error=[[5]])
    near(value, [[3]])
    near(gradient, [[-5, 0, 5, 0]])


def test_sums_divided_by_what_is_given() -> None:
    """Windows of two cells with one between them, around a padding of one cell."""
    x, settings = [[1, 2, 5]], {"stride": 2, "padding": 1, "dilation": 2}
    y, (gradient,) = run(ops.AveragePool(2, divisor=4, **settings), x, error=[[8, 4]])
    near(y, [[2 / 4, 2 / 4]])
    near(gradient, [[0, 2 + 1, 0]])
    near(run(ops.AveragePool(2, include_padding=False, **settings), x, error=[[8, 4]])[0], [[2, 2]])


def test_a_cell_drawn_by_its_strength() -> None:
    """1, 2 and 5 have 1/8, 2/8 and 5/8 of the draws; on average they give 30/8."""
    x, pool = [[1, 2, -4, 5]], ops.StochasticPool(4)
    for draw, cell in ((0.1, 0), (0.2, 1), (0.9, 3)):
        y, (gradient,) = run(pool, x, error=[[6]], training=True, noise=np.array([[[draw]]]))
        near(y, [[x[0][cell]]])
        near(gradient, 6 * np.eye(4)[[cell]])
    y, (gradient,) = run(pool, x, error=[[32]])
    near(y, [[3.75]])
    near(gradient, [[4 * (2 - 3.75), 4 * (4 - 3.75), 0, 4 * (10 - 3.75)]])


def run(operator: Operator, *inputs: Any, error: Any, **more: Any) -> tuple[Any, tuple[Any, ...]]:
    """Output and gradients of the inputs for one picture."""
    call = Call(tuple(np.array([x], dtype=float) for x in inputs), **more)
    call = call.with_output(operator.forward(call))
    gradients = operator.backward(call, np.array([error], dtype=float))
    return call.y[0], tuple(each[0] for each in gradients.inputs)


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_window_of_padding_alone_hands_nothing_back() -> None:
    """Two rows of zeros before one row, and a step of three: the only window sees the zeros."""
    conv = ops.Conv(1, (1, 2), stride=(3, 1), padding=((2, 0), (0, 0)), bias=False)
    call = Call((np.array([[[[5.0, 7.0]]]]),), {"weight": np.array([[[[1.0, 10.0]]]])})
    call = call.with_output(conv.forward(call))
    assert call.y.tolist() == [[[[0.0]]]]
    assert conv.backward(call, np.ones_like(call.y)).inputs[0].tolist() == [[[[0.0, 0.0]]]]


def test_a_map_of_the_size_it_has_costs_nothing() -> None:
    assert ops.Resize(size=(1,)).cost(Spec((2, 1))) == Cost()


def test_a_division_by_zero_is_infinite_without_a_warning() -> None:
    call = Call((np.array([[5.0]]), np.array([[0.0]])))
    assert ops.Divide().forward(call).item() == np.inf
    (term,) = ops.Divide().terms(call, (0, 0))
    assert [factor.value for factor in term.factors] == [5, np.inf]
