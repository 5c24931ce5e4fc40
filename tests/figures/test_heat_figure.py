"""The figure of heat: the cells of the answer, its checks beside them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from striate import drawing
from striate.analysis.heat import Heat, heat

NET = "INPUT 3x9x12 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 5"
X = np.random.default_rng(0).normal(size=(3, 9, 12))


@pytest.fixture(scope="module")
def answers() -> list[Heat]:
    return [heat(NET, X, 1, method=method) for method in ("integrated-gradients", "layer-cam")]


def test_the_cells_are_the_answer_on_a_scale_around_zero(answers: list[Heat]) -> None:
    shown = {str(each.get_gid()): each for each in drawing.heat(*answers).axes[0].images}
    for answer in answers:
        image = shown[answer.method]
        assert np.array_equal(np.asarray(image.get_array()), answer.cells)
        low, high = image.get_clim()
        assert -low == high == np.abs(answer.cells).max()
        assert (answer.cells.max() < high) == (answer.method == "integrated-gradients")
        over = np.asarray(shown[f"{answer.method} over the picture"].get_array())
        assert over.shape == (9, 12, 3)
        assert 0 <= over.min() <= over.max() <= 1


def test_the_checks_stand_beside_it_and_no_text_over_another(answers: list[Heat]) -> None:
    figure = drawing.heat(*answers)
    said = " ".join(each.get_text() for each in figure.axes[0].texts)
    for answer in answers:
        for each in (*answer.checks, *answer.notes):
            assert f"{each}"[-12:] in said
    figure.canvas.draw()
    boxes = [each.get_window_extent() for each in figure.axes[0].texts if each.get_text()]
    assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]
    width, height = figure.canvas.get_width_height()
    assert all(a.x0 >= 0 and a.x1 <= width and a.y0 >= 0 and a.y1 <= height for a in boxes)
