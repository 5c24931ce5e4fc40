"""The picture of an explanation: its cells are its products, and they come to its sum."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from striate import drawing
from striate.analysis.why.inquiry import why

NET = "INPUT 2x6x6 -> CONV 3 3x3 pad=1 -> RELU -> MAXPOOL 2 -> FC 4"
X = np.random.default_rng(0).normal(size=(2, 6, 6))


def cells(figure: Figure) -> dict[str, NDArray[np.float64]]:
    """The tiles of a figure by what they show."""
    found = {str(each.get_gid()): each.get_array() for each in figure.axes[0].images}
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def lines(figure: Figure) -> list[str]:
    return [each.get_text() for each in figure.axes[0].texts]


def test_a_window_times_a_kernel_is_the_products() -> None:
    answer = why(NET, X, "conv1[1,2,3]")
    shown = cells(drawing.why(answer))
    for c in range(2):
        window, kernel = shown[f"input[{c}]"], shown[f"conv1.weight[1,{c}]"]
        assert np.array_equal(window, X[c, 1:4, 2:5])
        assert np.allclose(shown[f"products[{c}]"], window * kernel, rtol=1e-15)
    (bias,) = (term.value for term in answer.terms if len(term.factors) == 1)
    total = sum(array.sum() for name, array in shown.items() if name.startswith("products"))
    assert total + bias == pytest.approx(answer.value, rel=1e-12)


def test_cells_on_the_padding_stay_empty() -> None:
    shown = cells(drawing.why(why(NET, X, "conv1[1,0,0]")))
    assert shown["input[0]"].shape == (2, 2)
    assert np.array_equal(shown["conv1.weight[1,0]"].shape, (2, 2))


@pytest.mark.parametrize(
    "what",
    [
        "conv1[0,3,3]",
        "input[1,2,2].grad",
        "conv1.weight[0,1,2,2].grad",
        "fc1[2]",
        "pool1[0,1,1]",
        "relu1[0,0,0].grad",
        "probability[1]",
        "loss",
        "conv1.bias[0].grad",
        "input[0,0,0]",
    ],
)
def test_what_is_drawn_and_said_comes_to_the_number(what: str) -> None:
    answer = why(NET, X, what, 1)
    figure = drawing.why(answer)
    *_, last = lines(figure)
    assert last.startswith(f"{answer.value:+.6g}  = {answer.what}")
    ends = [k for k, line in enumerate(lines(figure)) if line[0] in "+-" and "  " in line]
    parts = [float(lines(figure)[k].split()[0]) for k in ends[:-1]]
    assert sum(parts) == pytest.approx(answer.value, abs=2e-5 * sum(map(abs, parts)))


def test_no_text_stands_over_another() -> None:
    for what in ("conv1[0,3,3]", "fc1[2]", "loss"):
        figure = drawing.why(why(NET, X, what, 1))
        figure.canvas.draw()
        boxes = [each.get_window_extent() for each in figure.axes[0].texts if each.get_text()]
        assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]
        width, height = figure.canvas.get_width_height()
        assert all(a.x0 >= 0 and a.x1 <= width and a.y0 >= 0 and a.y1 <= height for a in boxes)


def test_of_many_channels_those_of_the_largest_sums_are_drawn() -> None:
    net = "INPUT 9x4x4 -> CONV 1 3x3"
    x = np.random.default_rng(1).normal(size=(9, 4, 4))
    answer = why(net, x, "conv1[0,1,1]")
    sums = np.zeros(9)
    for term in answer.terms:
        if len(term.factors) == 2:
            sums[int(term.factors[0].what[6])] += term.value
    drawn = sorted(np.argsort(-np.abs(sums))[:6])
    names = [name for name in cells(drawing.why(answer)) if name.startswith("products")]
    assert names == [f"products[{c}]" for c in drawn]
    assert any("products of other channels (27)" in line for line in lines(drawing.why(answer)))
