"""Heat: exact where a network is linear, complete where it is not, and gone with the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import striate
from striate.analysis.heat import Heat, heat
from striate.analysis.heat_methods import CAMS, METHODS
from striate.errors import ExplanationError, SettingError, UnknownNameError
from striate.lookup import explainable_of

Array = NDArray[np.float64]
rng = np.random.default_rng(0)
LINEAR = "INPUT 2x3x4 -> FC 3"
WEIGHTS = {"fc1": {"weight": rng.normal(size=(3, 24)), "bias": rng.normal(size=3)}}
X = rng.normal(size=(2, 3, 4))
NET = "INPUT 1x9x9 -> CONV 4 3x3 -> TANH -> MAXPOOL 2 -> FC 5"
PICTURE = rng.normal(size=(1, 9, 9))


def test_of_a_linear_network_heat_is_what_each_pixel_adds() -> None:
    kernel = WEIGHTS["fc1"]["weight"][1].reshape(2, 3, 4)
    adds = (kernel * X).sum(axis=0)
    for method in ("input-x-gradient", "integrated-gradients", "occlusion"):
        found = heat((LINEAR, WEIGHTS), X, 1, method=method)
        assert np.allclose(found.cells, adds, rtol=1e-9), method
    for method in ("gradient", "smoothgrad"):
        found = heat((LINEAR, WEIGHTS), X, 1, method=method)
        assert np.allclose(found.cells, kernel.sum(axis=0), rtol=1e-9), method
    assert found.score == pytest.approx((kernel * X).sum() + WEIGHTS["fc1"]["bias"][1])
    assert found.target == "1"


def test_class_activation_is_what_each_position_adds_by_hand() -> None:
    net = "INPUT 1x2x2 -> CONV 2 1x1 bias=no -> GLOBALAVGPOOL -> FC 2 bias=no"
    weights = {
        "conv1": {"weight": np.array([1.0, -2.0]).reshape(2, 1, 1, 1)},
        "fc1": {"weight": np.array([[3.0, -1.0], [0.0, 4.0]])},
    }
    x = np.array([[[1.0, -1.0], [2.0, 0.0]]])
    # Score 0 is the mean of 3 · x + 2 · x, so that each position adds 5 x / 4.
    grad = heat((net, weights), x, 0, method="grad-cam")
    assert np.allclose(grad.cells, [[1.25, 0], [2.5, 0]])
    # The gradients are 3 / 4 and -1 / 4: of the second channel nothing counts.
    layer = heat((net, weights), x, 0, method="layer-cam")
    assert np.allclose(layer.cells, [[0.75, 0], [1.5, 0]])
    assert (grad.layer, grad.score) == ("conv1", 2.5)


@pytest.mark.parametrize("method", METHODS)
def test_the_checks_of_every_method_hold(method: str) -> None:
    found = heat(NET, PICTURE, 2, method=method)
    for each in found.checks:
        if each.name.startswith(("completeness", "a step")):
            assert each.value == pytest.approx(each.wanted, rel=2e-3, abs=1e-5)
    assert found.cells.shape == ((3, 3) if method in CAMS else (9, 9))
    assert found.layer == ("pool1" if method in CAMS else "input")
    said = found.to_json()
    assert said["method"] == method
    assert str(found).startswith(found.headline)


def test_more_steps_add_up_better() -> None:
    residuals = [abs(heat(NET, 3 * PICTURE, 2, samples=n).checks[0].residual) for n in (2, 8, 64)]
    assert residuals[0] > 4 * residuals[1] > 16 * residuals[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> striate.Model:
    folder = tmp_path_factory.mktemp("heat") / "run"
    block = "CONV 16 3x3 same -> RELU"
    net = f"INPUT 1x8x8 -> {block} -> MAXPOOL 2 -> {block} -> GLOBALAVGPOOL -> FC 10"
    striate.train(net, "digits", run=Path(folder), epochs=12)
    return striate.Model.load(folder)


@pytest.mark.parametrize("method", METHODS)
def test_heat_comes_from_the_weights_and_marks_what_the_score_rests_on(
    trained: striate.Model, method: str
) -> None:
    """Shuffled weights give other maps (Adebayo et al., arXiv:1810.03292)."""
    random = np.random.default_rng(1)
    shuffled = {
        node: {
            name: random.permutation(array.reshape(-1)).reshape(array.shape)
            for name, array in own.items()
        }
        for node, own in trained.weights.items()
    }
    likeness, falls, marked = [], [], 0
    for k in range(6):
        picture = trained.read(f"digits#{k}")
        found = heat(trained, picture, method=method)
        other = heat(
            (trained.graph, shuffled),
            trained.preprocessing.normalize_array(picture.pixels),
            int(found.target),
            method=method,
        )
        likeness.append(_correlation(found, other))
        falls.append(found.checks[-1].residual)
        marked += bool(found.cells.any())
    assert np.mean(likeness) < 0.5
    assert marked > 3
    if method in ("input-x-gradient", "integrated-gradients", "occlusion", *CAMS):
        assert np.mean(falls) > 0


def _correlation(a: Heat, b: Heat) -> float:
    if not (a.cells.any() and b.cells.any()):
        return 0.0
    return float(np.corrcoef(a.cells.reshape(-1), b.cells.reshape(-1))[0, 1])


def test_penalties_and_shares_are_looked_at_as_scores() -> None:
    shares = heat(f"{LINEAR} -> SOFTMAX", X, 1, method="input-x-gradient")
    assert np.array_equal(shares.cells, heat(LINEAR, X, 1, method="input-x-gradient").cells)
    x = np.random.default_rng(3).normal(size=(1, 32, 32))
    graph = explainable_of("lenet5", 0).graph
    penalties = heat("lenet5", x, 4, method="gradient", seed=0)
    assert graph.scores.operator.is_penalty
    assert penalties.score < 0
    assert any("penalties" in note for note in penalties.notes)


def test_scores_that_are_maps_are_summed_over_their_positions() -> None:
    net = "INPUT 1x5x5 -> CONV 3 3x3"
    found = heat(net, PICTURE[:, :5, :5], 1)
    kernel = explainable_of(net).weights["conv1"]["weight"][1, 0]
    total = sum(
        (kernel * PICTURE[0, i : i + 3, j : j + 3]).sum() for i in range(3) for j in range(3)
    )
    assert found.score == pytest.approx(total + 9 * explainable_of(net).weights["conv1"]["bias"][1])


@pytest.mark.parametrize(
    ("net", "settings", "error", "said"),
    [
        (NET, {"method": "gradcam"}, UnknownNameError, "Did you mean grad-cam"),
        (NET, {"layer": "conv1"}, SettingError, "integrated-gradients has no layer"),
        (NET, {"method": "gradient", "samples": 9}, SettingError, "gradient has no samples"),
        (NET, {"samples": 1}, SettingError, "from 2 up, not 1"),
        (NET, {"method": "grad-cam", "layer": "fc1"}, UnknownNameError, "The last one is pool1"),
        (NET, {"method": "grad-cam", "layer": "conv"}, UnknownNameError, "Did you mean conv1"),
        (NET, {"target": 7}, ExplanationError, "names no class"),
        (NET, {"target": [0.0, 1, 2, 3, 4]}, ExplanationError, "heat is of one class"),
        ("INPUT 81 -> FC 3", {}, ExplanationError, "no picture of rows and columns"),
        (LINEAR, {"method": "layer-cam"}, ExplanationError, "is a map of several positions"),
    ],
)
def test_what_has_no_heat_is_said(
    net: str, settings: dict[str, object], error: type[Exception], said: str
) -> None:
    shape = explainable_of(net).graph.specs["input"].shape
    with pytest.raises(error) as caught:
        heat(net, np.ones(shape), **settings)  # type: ignore[arg-type]
    assert said in str(caught.value)
