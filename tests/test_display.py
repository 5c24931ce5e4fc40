"""What print, repr and a notebook show: everything that is returned, at every width, escaped."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import striate
from striate.analysis.memory import memory
from striate.analysis.table import table
from striate.data import load
from striate.data.preprocess import Preprocessing
from striate.display import Column, Displayed, Grid, Line, as_html, as_text
from striate.initialize import initialize
from striate.model import Model
from striate.networks import NETWORKS
from striate.prediction import Prediction
from striate.training import EpochRow, Recipe, Result
from striate.training.evaluate import Evaluation, Mistake

TEXT = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"
HOSTILE = "<b>&\x1b[31m\u202e</b>"


def _subject() -> tuple[striate.Graph, Any]:
    graph = striate.parse(TEXT)
    return graph, initialize(graph, seed=0)


def _picture() -> Any:
    return np.random.default_rng(0).standard_normal((1, 8, 8))


def _model() -> Model:
    graph, weights = _subject()
    classes = (HOSTILE, *map(str, range(1, 10)))
    return Model(graph, weights, classes, Preprocessing(1, 8, 8, (0.0,), (1.0,)))


def _history() -> tuple[EpochRow, ...]:
    return (
        EpochRow(1, 10, 0.1, 2.0, 0.5, None, None, 1.5, 50.0),
        EpochRow(2, 20, 0.1, 1.0, 0.975, 1.25, 0.95, 1.5, 50.0),
    )


def _evaluation(classes: int = 10) -> Evaluation:
    confusion = np.diag(np.arange(classes))
    confusion[3, 4] = confusion[0, 0] = 7
    confusion[1] = 0
    names = (HOSTILE, *(f"class {k}" for k in range(1, classes)))
    mistakes = (Mistake(5, None, names[3], names[4], 0.9),)
    count = int(confusion.sum())
    ranks, sure = np.arange(count) % 2, np.full(count, 0.5)
    return Evaluation(count, 0.5, 1.25, confusion, names, mistakes, ranks, sure)


ANSWERS: dict[str, tuple[Callable[[], Any], str, tuple[str, ...]]] = {
    "table": (
        lambda: table(striate.parse(TEXT)),
        "<Table: 6 layers, 410 parameters, 1,656 multiply-adds>",
        ("CONV 4 3x3", "total", "taps on zero padding count"),
    ),
    "graph": (
        lambda: striate.parse(TEXT),
        "<Graph: 1x8x8 -> 10, 6 nodes, 410 parameters>",
        (TEXT,),
    ),
    "model": (
        _model,
        "<Model: 1x8x8 -> 10, 6 nodes, 410 parameters, 10 classes>",
        ("CONV 4 3x3", "10 classes: <b>&\\x1b[31m\\u202e</b>, 1, 2", "pictures of 1x8x8"),
    ),
    "prediction": (
        lambda: Prediction((("seven", 0.75), *((str(k), 0.25 / 11) for k in range(11)))),
        "<Prediction: seven 75.00%>",
        ("seven", "75.00%", "2 others together 4.55%"),
    ),
    "explanation": (
        lambda: striate.why(_subject(), _picture(), "conv1[1,2,3]"),
        "<Explanation: conv1[1,2,3] = ",
        ("conv1.weight[1,0,", "the other 2", "`terms` holds each", "residual", "Ask on"),
    ),
    "verification": (
        lambda: striate.verify(striate.parse(TEXT)),
        "<Verification: ok, 6 nodes, largest error ",
        ("Conv", "every error is below 1e-09"),
    ),
    "evaluation": (
        _evaluation,
        "<Evaluation: 50.00% of 58 pictures right, 1 wrong; loss 1.2500>",
        ("class 9", "no pictures", "taken for", "#5", "30.0%"),
    ),
    "network": (
        lambda: NETWORKS["lenet5"],
        "<CatalogNetwork: lenet5: LeCun",
        ("# lenet5: LeCun", NETWORKS["lenet5"].notation.strip()),
    ),
    "result": (
        lambda: Result(Path("r"), Path("r/best"), 0.9, 2, 2, 3.0, 50.0, 2.3, _history()),
        "<Result: test accuracy 90.00%, best of 2 epochs: 2, r>",
        ("validation loss", "97.50%", "best weights: r/best"),
    ),
    "recipe": (
        lambda: Recipe(epochs=3, schedule="constant"),
        "<Recipe: epochs=3, schedule=constant>",
        ("batch_size", "128"),
    ),
    "memory": (
        lambda: memory(striate.parse(TEXT), batch=5, optimizer="sgd", budget="1MiB"),
        "<Memory: batches of 5 in float32: 8.5 KiB to infer, 12.9 KiB to train with sgd>",
        ("MAXPOOL", "2.1 KiB"),
    ),
    "data set": (
        lambda: load("digits"),
        "<DataSet: digits: 1,293 pictures of 1x8x8, 10 classes>",
        ("validation", "1,293"),
    ),
}


class Tags(html.parser.HTMLParser):
    """Collects the tags of a page and complains of those that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\n"


@pytest.mark.parametrize("name", ANSWERS)
def test_print_repr_and_html(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    make, line, said = ANSWERS[name]
    answer = make()
    assert isinstance(answer, Displayed)
    assert repr(answer).startswith(line)
    assert "\n" not in repr(answer)
    assert len(repr(answer)) < 200
    text = str(answer)
    for each in said:
        assert each in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) < 6000
    tags = Tags()
    tags.feed(answer._repr_html_())
    assert not tags.open
    assert tags.seen <= {"p", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "br"}
    assert "\x1b" not in tags.text


def test_splits_do_not_dump_their_pixels() -> None:
    assert repr(load("digits").test) == "<Split: 360 pictures of 1x8x8>"


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet"])
def test_no_name_is_cut_at_any_width(name: str, width: int) -> None:
    answer = table(striate.parse(NETWORKS[name].notation))
    text = as_text(answer.display(), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    if width >= 80:
        firsts = [line.split()[0] for line in text.splitlines() if line.strip()]
        assert {row.name for row in answer.rows} <= set(firsts)


def test_the_least_telling_columns_go_first_and_are_named() -> None:
    answer = table(striate.parse(NETWORKS["lenet5"].notation))
    found = {}
    for width in (200, 110, 100, 85, 62, 50):
        text = " ".join(as_text(answer.display(), width).split())
        match = re.search(r"No room in \d+ columns for: ([^.]*)\.", text)
        found[width] = match[1] if match else ""
    assert found == {
        200: "",
        110: "stride, offset",
        100: "connections, stride, offset",
        85: "connections, stride, offset, memory",
        62: "connections, multiply-adds, sees, stride, offset, memory",
        50: "parameters, connections, multiply-adds, sees, stride, offset, memory",
    }


def test_many_classes_show_those_with_mistakes() -> None:
    text = as_text(_evaluation(1000).display(), 80)
    assert "class 3 " in text
    assert "These are the 40 of 1,000 classes with the most mistakes" in text
    assert len(text.splitlines()) < 120
    narrow = as_text(_evaluation(20).display(), 60)
    heading = next(line for line in narrow.splitlines() if "class" in line and "right" in line)
    assert "class 3" in heading
    assert "class 4" in heading
    assert "class 19" not in heading


cells = st.text(st.characters(categories=("L", "N", "P", "Zs", "Cc", "Cf")), max_size=12)


@given(st.lists(st.tuples(cells, cells, cells), max_size=4), st.integers(24, 90))
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_any_text_fits_and_is_escaped(rows: list[tuple[str, str, str]], width: int) -> None:
    columns = (Column("a", text=True, wide=10), Column("b", rank=1), Column("c", rank=2))
    text = as_text([Line("<i>", "quiet"), Grid(columns, tuple(rows))], width)
    assert max(map(cell_len, text.splitlines())) <= width
    page = as_html([Line("<i>", "quiet"), Grid(columns, tuple(rows))])
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert "i" not in tags.seen


def test_ask_on_names_the_largest_factor() -> None:
    answer = striate.why(_subject(), _picture(), "fc1[3]")
    (largest, *_) = answer.largest(1)
    factor = max(largest.factors, key=lambda each: abs(each.value))
    assert answer.largest_factor == factor.what
    assert f"Ask on, for example: {factor.what}" in str(answer)
    assert answer.ask(answer.largest_factor).what == factor.what


def test_a_pool_of_zero_shows_the_cell_that_won() -> None:
    graph = striate.parse("INPUT 1x4x4 -> RELU -> MAXPOOL 2 -> FC 2")
    answer = striate.why((graph, initialize(graph, seed=0)), -np.ones((1, 4, 4)), "pool1[0,1,1]")
    assert answer.value == 0
    assert answer.largest_factor == "relu1[0,2,2]"
    assert "relu1[0,2,2]\n" in str(answer)


def test_a_file_of_the_catalog_can_be_read_again(tmp_path: Path) -> None:
    for network in NETWORKS.values():
        assert striate.parse(str(network)) == striate.parse(network.notation)
