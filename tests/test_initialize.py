"""Initializers: the distribution each promises, what decides a draw, and what is refused."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from striate.errors import SettingError
from striate.graph import Weight
from striate.initialize import SCHEMES, STARTS, drawn, initialize
from striate.notation import parse
from striate.reference import run

KERNEL = Weight((48, 30, 5, 7), fan_in=30 * 5 * 7, fan_out=48 * 5 * 7, role="kernel")
IN, OUT = 30 * 5 * 7, 48 * 5 * 7

VARIANCES = {
    "zeros": 0.0,
    "constant(0.3)": 0.0,
    "normal(1)": 1.0,
    "normal(0.02)": 0.02**2,
    "uniform(0.6)": 0.6**2 / 3,
    "xavier": 2 / (IN + OUT),
    "xavier_normal": 2 / (IN + OUT),
    "he": 2 / IN,
    "he_uniform": 2 / IN,
    "lecun": (2.4 / IN) ** 2 / 3,
    "caffe_xavier": 1 / IN,
    "caffe_xavier(fan_out)": 1 / OUT,
    "caffe_xavier(average)": 2 / (IN + OUT),
    "msra": 2 / IN,
    "msra(fan_out)": 2 / OUT,
    "msra(average)": 4 / (IN + OUT),
}

BOUNDS = {
    "uniform(0.6)": 0.6,
    "xavier": sqrt(6 / (IN + OUT)),
    "he_uniform": sqrt(6 / IN),
    "lecun": 2.4 / IN,
    "caffe_xavier": sqrt(3 / IN),
}


def _draw(scheme: str, weight: Weight = KERNEL, seed: int = 3) -> np.ndarray:
    return drawn(np.random.default_rng(seed), weight, scheme)


@pytest.mark.parametrize("scheme", VARIANCES)
def test_variance_is_the_promised_one(scheme: str) -> None:
    w = _draw(scheme)
    # 50,400 numbers: the variance of a Gaussian is known to 0.6 % (one sigma).
    assert w.var() == pytest.approx(VARIANCES[scheme], rel=0.03, abs=1e-30)
    if "constant" not in scheme:
        assert abs(w.mean()) <= 4 * sqrt(VARIANCES[scheme] / w.size)


@pytest.mark.parametrize("scheme", BOUNDS)
def test_uniform_draws_fill_their_bounds_and_stay_inside(scheme: str) -> None:
    w, bound = _draw(scheme), BOUNDS[scheme]
    assert abs(w).max() <= bound
    assert w.max() > 0.999 * bound
    assert w.min() < -0.999 * bound


def test_every_scheme_is_tested_here() -> None:
    named = {scheme.partition("(")[0] for scheme in VARIANCES}
    assert named | {"positive_unitball", "bilinear"} == set(SCHEMES)


def test_constants() -> None:
    assert (_draw("constant(0.3)") == 0.3).all()
    assert (_draw("zeros") == 0).all()


def test_every_unit_of_positive_unitball_sums_to_one() -> None:
    w = _draw("positive_unitball")
    assert w.min() >= 0
    np.testing.assert_allclose(w.reshape(48, -1).sum(axis=1), 1, rtol=1e-12)
    assert w.std() > 0


def test_bilinear_is_a_tent_by_hand() -> None:
    w = _draw("bilinear", Weight((2, 3, 3, 4), fan_in=36, fan_out=24, role="kernel"))
    rows = np.array([0.25, 0.75, 0.75])  # Caffe's center is that of the even kernel
    columns = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(w, np.broadcast_to(np.outer(rows, columns), (2, 3, 3, 4)))
    with pytest.raises(SettingError, match="spatial"):
        _draw("bilinear", Weight((4, 5), fan_in=5, fan_out=4, role="kernel"))


def test_seed_and_name_decide_every_number() -> None:
    graph = parse("INPUT 1x9x9 -> a: CONV 4 3x3 -> b: CONV 4 3x3 pad=1 -> FC 5")
    one, again, other = (initialize(graph, seed=seed) for seed in (7, 7, 8))
    for node, own in one.items():
        for name, array in own.items():
            np.testing.assert_array_equal(array, again[node][name])
    assert (one["a"]["weight"] != other["a"]["weight"]).all()
    longer = parse("INPUT 1x9x9 -> new: CONV 1 1x1 -> a: CONV 4 3x3 -> b: CONV 4 3x3 pad=1 -> FC 5")
    np.testing.assert_array_equal(initialize(longer, seed=7)["b"]["weight"], one["b"]["weight"])


def test_layers_of_one_shape_differ() -> None:
    w = initialize(parse("INPUT 2x9x9 -> [CONV 2 3x3 same]*2 -> FC 3"), seed=1)
    assert (w["conv1"]["weight"] != w["conv2"]["weight"]).all()


@pytest.mark.parametrize(
    ("text", "variance"),
    [
        ("INPUT 8x12x12 -> CONV 40 5x5 -> RELU -> FC 3", 2 / 200),
        ("INPUT 8x12x12 -> CONV 40 5x5 -> BN -> MAXPOOL 2 -> RELU -> FC 3", 2 / 200),
        ("INPUT 8x12x12 -> CONV 40 5x5 -> TANH -> FC 3", 2 / (200 + 1000)),
        ("INPUT 8x12x12 -> CONV 40 5x5 -> SIGMOID -> RELU -> FC 3", 2 / (200 + 1000)),
        ("INPUT 8x12x12 -> CONV 40 5x5 -> FC 3 -> RELU", 2 / (200 + 1000)),
        ("INPUT 8x12x12 -> CONV 40 5x5 -> AVGPOOL 8", (2.4 / 200) ** 2 / 3),
    ],
)
def test_the_usual_scheme_looks_at_the_next_activation(text: str, variance: float) -> None:
    w = initialize(parse(text), seed=2)["conv1"]["weight"]
    assert w.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize(
    "end", ["", " -> SOFTMAX", " -> CROSSENTROPY", " -> DROPOUT 0.5 -> SOFTMAX"]
)
def test_scores_start_near_zero(end: str) -> None:
    w = initialize(parse(f"INPUT 1x30x30 -> FC 40{end}"), seed=2)["fc1"]["weight"]
    assert 0.99 * 2.4 / 900 < abs(w).max() <= 2.4 / 900 + 1e-9


def test_the_loss_starts_near_that_of_guessing() -> None:
    graph = parse(
        "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 99 -> RELU -> FC 10"
    )
    x = np.random.default_rng(1).normal(size=(3, 1, 28, 28))
    scores = run(graph, initialize(graph, seed=1), x).values["fc2"]
    assert abs(scores).max() < 1


def test_biases_gains_and_statistics() -> None:
    w = initialize(parse("INPUT 1x6x6 -> CONV 5 3x3 -> BN -> RELU -> FC 2"), seed=1)
    assert (w["conv1"]["bias"] == 0).all()
    assert (w["bn1"]["weight"] == 1).all()
    assert (w["bn1"]["bias"] == 0).all()
    assert (w["bn1"]["running_mean"] == 0).all()
    assert (w["bn1"]["running_var"] == 1).all()
    assert {array.dtype for own in w.values() for array in own.values()} == {np.dtype("float32")}
    assert set(STARTS) >= {"bias", "gain", "statistic", "statistic_one"}


def test_biases_have_a_scheme_of_their_own() -> None:
    graph = parse("INPUT 1x6x6 -> CONV 5 3x3 -> RELU -> FC 2")
    w = initialize(graph, scheme="normal(0.01)", biases="constant(0.1)")
    assert (w["conv1"]["bias"] == np.float32(0.1)).all()
    assert w["conv1"]["weight"].std() < 0.02


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ("xavierr", "Did you mean xavier"),
        ("normal(", "no initializer is called"),
        ("normal(wide)", "takes a number"),
        ("normal(nan)", "takes a number"),
        ("normal(inf)", "takes a number"),
        ("msra(fan)", "fan_in, fan_out, average"),
        ("he(2)", "Write he alone"),
        ("", "There are: usual, zeros"),
        ("__import__('os')", "no initializer is called"),
    ],
)
def test_bad_schemes_are_refused_with_a_remedy(scheme: str, message: str) -> None:
    graph = parse("INPUT 1x6x6 -> CONV 5 3x3 -> RELU -> FC 2")
    with pytest.raises(SettingError) as refused:
        initialize(graph, scheme=scheme)
    assert message in str(refused.value)
    with pytest.raises(SettingError):
        initialize(graph, biases=scheme)
