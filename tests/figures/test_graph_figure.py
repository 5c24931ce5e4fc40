"""The figure of a computation graph: the numbers in its boxes, and nothing over anything."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import cos, sin

import numpy as np
import pytest
from matplotlib.figure import Figure

from striate import drawing
from striate.analysis.expression import expression
from striate.analysis.why.inquiry import why
from striate.drawing.layered import layered
from striate.errors import ExplanationError, UnknownNameError

EXPRESSION = """
x: INPUT 1; y: INPUT 1;
{ { @x -> cos: COSINE | @y -> sin: SINE } product: MUL | { @x | @y } quotient: DIV } sum: ADD
"""
NET = "INPUT 1x6x6 -> CONV 2 3x3 -> RELU -> { CONV 3 1x1 | PASS } CONCAT -> FC 4"
BLOCK = "{ CONV 2 3x3 same -> RELU | PASS } CONCAT -> CONV 1 1x1 -> RELU"
LARGE = f"INPUT 1x6x6 -> [{BLOCK}]*7 -> FC 3"
X = np.random.default_rng(0).normal(size=(1, 6, 6))


def test_an_expression_has_the_values_and_gradients_worked_out_by_hand() -> None:
    found = expression(EXPRESSION, {"x": 5, "y": 3})
    values = {"x": 5, "y": 3, "cos": cos(5), "sin": sin(3), "quotient": 5 / 3}
    values |= {"product": cos(5) * sin(3), "sum": cos(5) * sin(3) + 5 / 3}
    gradients = {"cos": sin(3), "sin": cos(5), "quotient": 1, "product": 1, "sum": 1}
    gradients |= {"x": -sin(5) * sin(3) + 1 / 3, "y": cos(5) * cos(3) - 5 / 9}
    said = texts(drawing.graph(EXPRESSION, {"x": 5, "y": 3}))
    for name, value in values.items():
        assert found.values[name].item() == pytest.approx(value, rel=1e-14)
        assert found.gradients[name].item() == pytest.approx(gradients[name], rel=1e-14)
        k = said.index(name)
        assert said[k + 2 : k + 4] == [f"value {value:.6g}", f"gradient {gradients[name]:.6g}"]


def texts(figure: Figure) -> list[str]:
    return [each.get_text() for each in figure.axes[0].texts]


def test_a_network_has_its_values_and_the_gradients_of_its_loss() -> None:
    said = texts(drawing.graph(NET, X, target=1))
    at = {line.split("  ")[0]: k for k, line in enumerate(said)}
    loss = why(NET, X, "loss", 1).value
    assert said[at["loss"] + 2 : at["loss"] + 4] == [f"value {loss:.6g}", "gradient 1"]
    slopes = [why(NET, X, f"fc1[{k}].grad", 1).value for k in range(4)]
    size = float(np.linalg.norm(slopes))
    assert f"gradient {min(slopes):.3g} … {max(slopes):.3g} |{size:.3g}|" in said
    assert not any("gradient" in line for line in said[at["probability"] + 1 :][:2])


@pytest.mark.parametrize(
    ("net", "node", "boxes"), [(NET, "", 9), (NET, "conv2", 4), ("lenet5", "", 16), (LARGE, "", 18)]
)
def test_nothing_stands_over_anything(net: str, node: str, boxes: int) -> None:
    figure = drawing.graph(net, np.ones((1, 32, 32)) if net == "lenet5" else X, node)
    drawn = {str(each.get_gid()): each for each in figure.axes[0].patches if each.get_gid()}
    assert len(drawn) == boxes
    figure.canvas.draw()
    words = [each.get_window_extent() for each in figure.axes[0].texts if each.get_text()]
    assert not [1 for a, b in combinations(words, 2) if a.overlaps(b)]
    frames = [each.get_window_extent() for each in drawn.values()]
    assert not [1 for a, b in combinations(frames, 2) if a.overlaps(b)]


def test_an_edge_over_several_rows_runs_through_no_box() -> None:
    reads = {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d", "b", "a"], "z": []}
    reads["f"] = ["e", "z"]
    places = layered(reads, dict.fromkeys(reads, (60.0, 30.0)))
    assert places.boxes["z"][1] == places.boxes["e"][1]  # just above its reader
    edges = {(source, name) for name, sources in reads.items() for source in sources}
    assert set(places.ways) == edges
    for (source, name), points in places.ways.items():
        left, top, width, height = places.boxes[source]
        assert points[0] == (left + width / 2, top + height)
        left, top, width, height = places.boxes[name]
        assert points[-1] == (left + width / 2, top)
        for (x, y), (to, down) in pairwise(points):
            assert down >= y
            for step in np.linspace(0.01, 0.99, 25):
                at = x + step * (to - x), y + step * (down - y)
                for left, top, width, height in places.boxes.values():
                    inside = left < at[0] < left + width and top < at[1] < top + height
                    assert not inside, (source, name)


def test_of_a_large_network_the_ends_of_its_blocks_are_joined() -> None:
    figure = drawing.graph(LARGE, X)
    drawn = [str(each.get_gid()) for each in figure.axes[0].patches if each.get_gid()]
    assert drawn[0] == "input"
    assert f"{len(drawn)} of 40 nodes" in " ".join(texts(figure))
    ways = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    assert len(ways) == len(drawn) - 1


def test_numbers_that_are_not_those_of_the_inputs_are_refused() -> None:
    with pytest.raises(ExplanationError, match="which number is y"):
        expression(EXPRESSION, {"x": 5})
    with pytest.raises(ExplanationError, match="x takes 1, not"):
        expression(EXPRESSION, {"x": "five", "y": 3})
    with pytest.raises(ExplanationError, match="needs a target"):
        expression("INPUT 2 -> CROSSENTROPY", {"input": 3})
    with pytest.raises(UnknownNameError, match="no layer is called sums"):
        drawing.graph(EXPRESSION, {"x": 5, "y": 3}, "sums")
