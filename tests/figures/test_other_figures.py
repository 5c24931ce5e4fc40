"""Receptive fields, curves, confusion and mistakes: where what stands."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from striate import drawing
from striate.analysis.effective_field import effective_field
from striate.analysis.subject import network_of, picture_of
from striate.errors import ExplanationError, RunError, SettingError
from striate.reference import run

NET = "INPUT 1x12x12 -> CONV 2 3x3 pad=1 -> MAXPOOL 2 -> CONV 2 3x3 -> FC 3"
X = np.random.default_rng(0).uniform(size=(1, 12, 12))


def frame(unit: str) -> tuple[float, ...]:
    """The frame of a unit's field in pixels of the picture: top, left, height, width."""
    axes = drawing.field(NET, X, unit).axes[0]
    (edge,) = (each for each in axes.patches if each.get_gid() == "field")
    left, right, foot, top = axes.images[0].get_extent()
    scale = (right - left) / 12
    assert foot - top == pytest.approx(12 * scale)
    found = (edge.get_y() - top, edge.get_x() - left, edge.get_height(), edge.get_width())
    return tuple(round(each / scale, 6) for each in found)


def test_a_field_is_where_arithmetic_says() -> None:
    assert frame("conv1[0,0,5]") == (-1, 4, 3, 3)
    assert frame("pool1[1,2,0]") == (3, -1, 4, 4)
    assert frame("conv2[0,1,3]") == (1, 5, 8, 8)
    assert frame("conv2") == frame("conv2[1,2,2]")
    assert frame("input[0,3,4]") == (3, 4, 1, 1)


def test_the_effective_field_is_the_gradient_of_the_unit() -> None:
    network, picture = network_of(NET), picture_of(network_of(NET), X)
    found = effective_field(network, picture, "conv2", (1, 1, 3))
    error = np.zeros((1, 2, 4, 4))
    error[0, 1, 1, 3] = 1
    trace = run(network.graph.upto("conv2"), {n: network.weights[n] for n in ("conv1", "conv2")}, X)
    slopes = np.abs(trace.backward(error).nodes["input"][0, 0])
    assert np.allclose(found.shares, slopes / slopes.sum(), rtol=1e-9)
    assert found.outside((range(1, 9), range(5, 13))) == 0
    assert found.outside((range(1, 9), range(6, 13))) > 0
    half = np.sort(found.shares.reshape(-1))[::-1].cumsum()
    assert half[found.count(0.5) - 2] < 0.5 <= half[found.count(0.5) - 1]
    figure = drawing.field(NET, X, "conv2[1,1,3]")
    over = np.asarray(figure.axes[0].images[1].get_array())
    assert np.allclose(over[..., 3], found.shares / found.shares.max())
    assert "outside of the frame 0" in figure.axes[0].texts[-1].get_text()
    assert _is_readable(figure)


def test_a_field_that_is_no_rectangle_is_refused() -> None:
    with pytest.raises(ExplanationError, match="other order"):
        drawing.field(NET, X, "flatten1")
    with pytest.raises(ExplanationError, match="sees no picture of rows"):
        drawing.field("INPUT 1x9 -> CONV 2 3", np.zeros((1, 9)), "conv1")


def test_curves_hold_the_numbers_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(f"{HEAD}\n1,5,0.1,2.5,0.1,,\n2,10,0.01,1.5,0.5,,\n")
    figure = drawing.curves(tmp_path)
    lines = {line.get_gid(): line for axes in figure.axes for line in axes.lines}
    assert list(lines["train_loss"].get_ydata()) == [2.5, 1.5]
    assert list(lines["learning_rate"].get_ydata()) == [0.1, 0.01]
    assert list(lines["train_accuracy"].get_xdata()) == [1, 2]
    assert np.isnan(lines["validation_loss"].get_ydata()).all()
    for content in ("", f"{HEAD}\n", f"{HEAD}\n1,x\n", "a,b\n1,2\n"):
        (tmp_path / "metrics.csv").write_text(content)
        with pytest.raises(RunError, match=r"metrics\.csv"):
            drawing.curves(tmp_path)


HEAD = "epoch,step,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy"


def a_run(place: Path, losses: list[float], **recipe: object) -> Path:
    place.mkdir(parents=True)
    rows = [f"{k},{k},0.1,{loss},0.5,{loss},{1 - loss}" for k, loss in enumerate(losses, 1)]
    (place / "metrics.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    settings = "".join(f"  {key}: {value}\n" for key, value in recipe.items())
    (place / "config.yaml").write_text(f"name: {place.name}\nrecipe:\n{settings}")
    return place


def test_runs_are_compared_line_by_line_with_the_settings_that_differ(tmp_path: Path) -> None:
    losses = ([0.5, 0.25, 0.375], [0.75, 0.0625], [0.5, 0.5])
    runs = [
        a_run(tmp_path / name, each, learning_rate=rate, optimizer="adam")
        for name, each, rate in zip("abc", losses, (0.1, 0.1, 0.003), strict=True)
    ]
    figure = drawing.compare(*runs)
    lines = {line.get_gid(): line for axes in figure.axes for line in axes.lines}
    for name, each in zip("abc", losses, strict=True):
        assert list(lines[f"validation_loss of {name}"].get_ydata()) == each
        assert len(lines[f"train_accuracy of {name}"].get_xdata()) == len(each)
    assert len({line.get_color() for gid, line in lines.items() if "train_loss" in str(gid)}) == 3
    said = [each.get_text() for each in figure.axes[0].texts]
    assert "a: best validation 75.00% in epoch 2 of 3" in said
    assert [each for each in said if "learning_rate" in each] == [
        "learning_rate 0.1",
        "learning_rate 0.1",
        "learning_rate 0.003",
    ]
    assert "optimizer" not in " ".join(said)
    assert _is_readable(figure)


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a", [0.5])
    again = a_run(tmp_path / "b" / "a", [0.25])
    with pytest.raises(SettingError, match="1 run cannot be compared"):
        drawing.compare(run)
    with pytest.raises(SettingError, match="a is named twice"):
        drawing.compare(run, tmp_path / "b" / ".." / "a")
    said = " ".join(each.get_text() for each in drawing.compare(run, again).axes[0].texts)
    assert str(run) in said
    assert str(again) in said
    (again / "config.yaml").write_text("[1, 2]")
    with pytest.raises(RunError, match="holds no settings"):
        drawing.compare(run, again)


@dataclass(frozen=True)
class Mistake:
    index: int
    truth: str
    guess: str
    probability: float


@dataclass(frozen=True)
class Judged:
    confusion: NDArray[np.int64]
    classes: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = ()
    headline: str = "97 % right"


def test_a_confusion_matrix_has_its_counts_in_its_cells() -> None:
    judged = Judged(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 5]]), ("cat", "a very long name", "dog"))
    figure = drawing.confusion(judged)
    (image,) = figure.axes[0].images
    assert np.allclose(np.asarray(image.get_array()), [[0.8, 0.2, 0], [0.1, 0.9, 0], [0, 0, 1]])
    left, right, foot, top = image.get_extent()
    cell = (right - left) / 3
    texts = figure.axes[0].texts
    for row, column in ((0, 0), (0, 1), (1, 0), (2, 2)):
        x, y = left + (column + 0.5) * cell, top + (row + 0.5) * (foot - top) / 3
        (there,) = (each for each in texts if np.allclose(each.get_position(), (x, y)))
        assert there.get_text() == str(judged.confusion[row, column])
    assert _is_readable(figure)


def test_of_many_classes_those_with_mistakes_are_drawn() -> None:
    counts = np.diag(np.full(60, 7))
    counts[50, 3] = 4
    figure = drawing.confusion(Judged(counts, tuple(f"class {k}" for k in range(60))))
    said = [each.get_text() for each in figure.axes[0].texts]
    assert said.count("class 50") == said.count("class 3") == 2
    assert "40 of 60" in " ".join(said)
    assert _is_readable(figure)


def test_mistakes_show_the_pictures_that_were_judged() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 9)).astype(np.uint8)
    wrong = tuple(Mistake(k, "a" * 40, "dog", 0.875) for k in (7, 3, 19))
    figure = drawing.mistakes(Judged(np.eye(2, dtype=int), ("a", "b"), wrong), images)
    for each, mistake in zip(figure.axes[0].images, wrong, strict=True):
        assert np.array_equal(
            np.asarray(each.get_array()), images[mistake.index].transpose(1, 2, 0)
        )
    assert _is_readable(figure)
    assert drawing.mistakes(Judged(np.eye(2, dtype=int), ("a", "b")), images).axes


def _is_readable(figure: Figure) -> bool:
    """Whether no text overlaps another or leaves the page."""
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    width, height = figure.canvas.get_width_height()
    inside = all(a.x0 >= 0 and a.x1 <= width and a.y0 >= 0 and a.y1 <= height for a in boxes)
    return inside and not any(a.overlaps(b) for a, b in combinations(boxes, 2))
