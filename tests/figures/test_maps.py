"""Maps, gradients and kernels: what stands in the cells is what the engine computes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from striate import drawing
from striate.analysis.why.inquiry import why
from striate.errors import ExplanationError, UnknownNameError
from striate.lookup import graph_of

NET = "INPUT 1x6x6 -> CONV 3 3x3 -> RELU -> MAXPOOL 2 -> FC 4"
X = np.random.default_rng(0).normal(size=(1, 6, 6))


def cells(figure: Figure) -> dict[str, NDArray[np.float64]]:
    """The pictures of a figure by what they show, without the bars."""
    found = {}
    for image in figure.axes[0].images:
        array = image.get_array()
        assert array is not None
        if image.get_gid() != "scale":
            assert image.get_gid() not in found
            found[str(image.get_gid())] = np.asarray(array)
    return found


def test_maps_hold_every_value_of_the_network() -> None:
    shown = cells(drawing.maps(NET, X))
    assert np.array_equal(shown["input[0]"], X[0])
    for what in ("conv1[2,1,3]", "relu1[0,0,0]", "pool1[1,1,1]"):
        node, _, index = what.rstrip("]").partition("[")
        channel, row, column = map(int, index.split(","))
        value = why(NET, X, what).value
        assert shown[f"{node}[{channel}]"][row, column] == pytest.approx(value, rel=1e-12)
    for unit in range(4):
        value = why(NET, X, f"fc1[{unit}]").value
        assert shown[f"fc1[{unit}]"].item() == pytest.approx(value, rel=1e-12)
    assert [f"flatten1[{k}]" in shown for k in range(13)] == [True] * 12 + [False]


def test_errors_are_the_gradients_for_the_target() -> None:
    shown = cells(drawing.errors(NET, X, target=2))
    for what in ("conv1[2,1,3]", "relu1[0,2,0]", "input[0,3,3]"):
        node, _, index = what.rstrip("]").partition("[")
        channel, row, column = map(int, index.split(","))
        value = why(NET, X, f"{what}.grad", 2).value
        assert shown[f"{node}[{channel}]"][row, column] == pytest.approx(value, rel=1e-9)


def test_errors_without_a_target_are_those_of_the_predicted_class() -> None:
    scores = [why(NET, X, f"fc1[{unit}]").value for unit in range(4)]
    guess = int(np.argmax(scores))
    figure = drawing.errors(NET, X)
    said = figure.axes[0].texts[0].get_text()
    assert said.endswith(f"for the target {guess}, the class that is predicted")
    assert np.array_equal(
        cells(figure)["conv1[0]"], cells(drawing.errors(NET, X, target=guess))["conv1[0]"]
    )


def test_one_scale_around_zero_for_all_channels_of_a_layer() -> None:
    figure = drawing.maps(NET, X)
    limits: dict[str, set[tuple[float, float]]] = {}
    for image in figure.axes[0].images:
        name = str(image.get_gid()).partition("[")[0]
        if name != "scale":
            limits.setdefault(name, set()).add(image.get_clim())
    for name, (each, *others) in limits.items():
        assert not others
        assert each[0] == -each[1]
        node = [a for key, a in cells(figure).items() if key.partition("[")[0] == name]
        assert each[1] == max(np.abs(a).max() for a in node)
    ends = {text.get_text() for text in figure.axes[0].texts}
    assert {f"{high:.3g}" for each in limits.values() for _, high in each} <= ends


def test_kernels_are_the_weights() -> None:
    weights = {
        "conv1": {"weight": np.arange(27.0).reshape(3, 1, 3, 3), "bias": np.zeros(3)},
        "fc1": {"weight": np.arange(48.0).reshape(4, 12), "bias": np.zeros(4)},
    }
    shown = cells(drawing.kernels((NET, weights)))
    assert sorted(shown) == [
        "conv1.weight[0,0]",
        "conv1.weight[1,0]",
        "conv1.weight[2,0]",
        "fc1.weight",
    ]
    assert np.array_equal(shown["conv1.weight[1,0]"], weights["conv1"]["weight"][1, 0])
    assert np.array_equal(shown["fc1.weight"], weights["fc1"]["weight"])


@pytest.mark.parametrize(
    "name",
    [
        NET,
        "lenet5",
        "INPUT 2x9 -> CONV 3 3 -> FC 2",
        "INPUT 1x4x5x6 -> CONV 2 2x2x2 -> GLOBALAVGPOOL -> FC 20",
    ],
)
def test_no_picture_stands_over_another(name: str) -> None:
    shape = graph_of(name).specs["input"].shape
    x = np.random.default_rng(1).normal(size=shape)
    for figure in (drawing.maps(name, x), drawing.kernels(name)):
        boxes = [image.get_extent() for image in figure.axes[0].images]
        right, low = figure.get_size_inches() * 72
        for a, b in combinations(boxes, 2):
            beside = a[1] <= b[0] or b[1] <= a[0]
            assert beside or a[2] <= b[3] or b[2] <= a[3]
        for left, end, foot, top in boxes:
            assert 0 <= left < end <= right
            assert 0 <= top < foot <= low


def test_one_layer_is_shown_with_all_its_channels() -> None:
    net = "INPUT 1x6x6 -> CONV 40 3x3 -> RELU -> FC 4"
    assert len([k for k in cells(drawing.maps(net, X)) if k.startswith("conv1[")]) < 40
    assert len(cells(drawing.maps(net, X, "conv1"))) == 40
    assert len(cells(drawing.kernels("INPUT 8x6x6 -> CONV 2 3x3", "conv1"))) == 16


def test_what_cannot_be_shown_is_said() -> None:
    with pytest.raises(UnknownNameError, match="no layer is called conv9"):
        drawing.maps(NET, X, "conv9")
    with pytest.raises(ExplanationError, match="relu1 has no kernels"):
        drawing.kernels(NET, "relu1")
    with pytest.raises(ExplanationError, match="has no loss"):
        drawing.errors("INPUT 1x6x6 -> CONV 2 3x3", X)
    with pytest.raises(ExplanationError, match="loss is one number"):
        drawing.maps(NET, X, "loss")
