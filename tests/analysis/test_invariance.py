"""Moved pictures: what a layer makes of them, worked out by hand where it can be."""

from __future__ import annotations

import numpy as np
import pytest

from striate import drawing
from striate.analysis.invariance import FURTHEST, UNITS, invariance
from striate.errors import ExplanationError

NET = "INPUT 1x9x9 -> CONV 1 1x1 bias=no -> GLOBALMAXPOOL -> FC 2 bias=no"
WEIGHTS = {
    "conv1": {"weight": np.full((1, 1, 1, 1), 2.0)},
    "fc1": {"weight": np.array([[1.0], [-1.0]])},
}
DOT = np.zeros((1, 9, 9))
DOT[0, 4, 4] = 3.0


def test_a_maximum_bears_what_moves_a_map() -> None:
    """A dot that is shifted is as far from where it was as √2 of its size; its maximum stays."""
    found = invariance((NET, WEIGHTS), DOT)
    first, *others = found.moves["shift"]
    assert set(first.changes.values()) == {0.0}
    for each in others:
        moved = np.zeros_like(DOT)
        moved[0, 4, 4 + int(each.amount)] = 3.0
        assert np.allclose(each.pixels, moved, atol=1e-5)
        assert each.changes["conv1"] == pytest.approx(2**0.5, rel=1e-5)
        assert each.changes["pool1"] == pytest.approx(0, abs=1e-5)
        assert each.probability == pytest.approx(1 / (1 + np.exp(-12)), rel=1e-5)
    assert found.target == "0"


def test_a_dot_in_the_middle_is_where_rotation_scale_and_shear_leave_it() -> None:
    line = np.zeros((1, 9, 9))
    line[0, 4, 1:8] = 1.0
    found = invariance((NET, WEIGHTS), line)
    slant = found.moves["shear"][-1].pixels[0]
    assert np.allclose(slant, line[0], atol=1e-5)  # a row through the middle does not lean
    turned = found.moves["rotate"][-1].pixels[0]
    assert turned[4, 4] > 0.9
    assert turned[3, 5] > turned[4, 6]  # counterclockwise
    assert turned[3, 5] > turned[5, 5]
    larger = found.moves["scale"][-1].pixels[0]
    assert np.allclose(larger, larger[::-1], atol=1e-5)
    assert larger[4].sum() > line.sum()


def test_the_change_is_by_the_size_of_what_was() -> None:
    found = invariance((NET, WEIGHTS), DOT)
    for kind, moved in found.moves.items():
        assert moved[0].amount == (kind == "scale")
        for each in moved:
            size = np.linalg.norm(each.pixels - DOT) / np.linalg.norm(DOT)
            assert each.changes["input"] == pytest.approx(size, rel=1e-6)
    assert str(found).splitlines()[0] == found.headline
    assert list(found.to_json()["moves"]) == list(FURTHEST) == list(UNITS)  # type: ignore[call-overload]


def test_the_figure_has_a_line_for_each_layer_and_move() -> None:
    found = invariance((NET, WEIGHTS), DOT)
    figure = drawing.invariance(found, found)
    assert len(figure.axes) == 1 + 2 * 4
    lines = {line.get_gid(): line for line in figure.axes[2].lines}
    for layer in ("input", "conv1", "pool1", "fc1"):
        shown = list(lines[f"rotate {layer}"].get_ydata())
        assert shown == [each.changes[layer] for each in found.moves["rotate"]]
        assert (lines[f"rotate {layer}"].get_linestyle() == "--") == (layer == "pool1")


def test_a_network_of_no_pictures_is_refused() -> None:
    with pytest.raises(ExplanationError, match="no picture of rows"):
        invariance("INPUT 9 -> FC 3", np.ones(9))
