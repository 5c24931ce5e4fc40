"""A newcomer's first commands: networks without training, and pictures of nine numbers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from striate.cli import main


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Striate = Callable[..., Done]


@pytest.fixture
def striate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Striate:
    """Run one command in a folder with three.csv and two.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("three.csv").write_text("1, 2, 3\n4, 5, 6\n7, 8, 9\n")
    Path("two.yaml").write_text("conv1:\n  weight: [[1, 2], [3, 4]]\n")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["striate", *words])
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        out, err = capsys.readouterr()
        return Done(int(code or 0), out, err)

    return run


NET = "INPUT 1x3x3 -> CONV 1 2x2 bias=no"


def test_a_picture_of_nine_numbers_and_a_kernel_of_four(striate: Striate) -> None:
    done = striate("why", NET, "three.csv", "conv1[0,1,0]", "--weights", "two.yaml")
    assert (done.code, done.err) == (0, "")
    for product in ("4 · 1", "5 · 2", "7 · 3", "8 · 4"):
        assert product in done.out
    assert "sum 67 " in done.out  # 4 + 10 + 21 + 32
    assert "input[0,2,1] · conv1.weight[0,0,1,1]" in done.out
    assert "Ask on, for example: input[0,2,1]" in done.out


def test_and_backward(striate: Striate) -> None:
    """∂L/∂weight sums error times input; squared error wants 0, so the error is the output."""
    net = f"{NET} -> FLATTEN -> SQUAREDERROR"
    words = ("why", net, "three.csv", "conv1.weight[0,0,0,0].grad", "--weights", "two.yaml")
    form = json.loads(striate(*words, "--json", "--target", "0").out)
    products = sorted((f["what"], f["value"]) for t in form["terms"] for f in t["factors"])
    assert [value for what, value in products if what.startswith("input")] == [1, 2, 4, 5]
    assert form["value"] == pytest.approx(sum(term["value"] for term in form["terms"]))
    outputs = {"conv1[0,0,0]": 37, "conv1[0,0,1]": 47, "conv1[0,1,0]": 67, "conv1[0,1,1]": 77}
    for what, value in outputs.items():
        words = ("why", net, "three.csv", what, "--weights", "two.yaml", "--json")
        assert json.loads(striate(*words).out)["value"] == value


def test_first_weights_of_a_seed(striate: Striate) -> None:
    values = {}
    for seed in ((), ("--seed", "0"), ("--seed", "1")):
        done = striate("why", NET, "three.csv", "conv1[0,0,0]", "--json", *seed)
        values[seed] = json.loads(done.out)["value"]
    assert values[()] == values["--seed", "0"] != values["--seed", "1"]
    assert "first weights of seed 0" in striate("why", NET, "three.csv", "conv1[0,0,0]").out
    done = striate("why", "lenet_adam", "digits#7", "conv1[0,13,14]", "--json")
    assert abs(json.loads(done.out)["residual"]) < 1e-6
    loss = json.loads(striate("why", "lenet_adam", "digits#7", "loss", "--json").out)
    pixel = striate("why", "lenet_adam", "digits#7", "input[0,13,14]").out
    assert "(pixel[0,13,14] / 255 - 0) / 1" in pixel
    assert loss["target"] == "7"  # digits#7 shows one


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            (NET.replace(" bias=no", ""), "three.csv", "conv1[0,0,0]", "--weights", "two.yaml"),
            "bias=no",
        ),
        ((NET, "two.yaml", "conv1[0,0,0]"), "no number"),
        ((NET, "four.csv", "conv1[0,0,0]"), "four.csv is missing"),
        ((NET, "three.csv", "conv1[0,2,0]"), "indices run from 0 to 0 and 0 to 1"),
        (
            ("INPUT 1x4x4 -> CONV 1 2x2", "three.csv", "conv1[0,0,0]"),
            "takes 1x4x4, but the array is 3x3",
        ),
        ((NET, "three.csv", "conv1[0,0,0]", "--weights", "none.yaml"), "none.yaml is missing"),
        (("lenet_adam", "digits", "conv1[0,0,0]"), "Number one: digits#7."),
        (("INPUT 9 -> FC 2", "digits#7", "fc1[0]"), "takes 9, not a picture"),
        ((NET, "three.csv"), "missing argument 'what' striate why [OPTIONS]"),
    ],
)
def test_what_does_not_fit_is_said(striate: Striate, words: tuple[str, ...], said: str) -> None:
    done = striate("why", *words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())


def test_help_shows_what_it_is_told(striate: Striate) -> None:
    overview = striate("--help").out
    assert "..." not in overview.replace("[ARGS]...", "")
    said = " ".join(striate("why", "--help").out.split())
    assert "node[channel,row,column], node[unit], node.weight[o,c,u,v].grad" in said
    assert "[inference: 1 and 32]" in " ".join(striate("bench", "--help").out.split())
    for verb in re.findall(r"^  ([a-z]+)  ", overview.partition("Commands:")[2], re.MULTILINE):
        done = striate(verb, "--help")
        example = " ".join(done.out.partition("Example:")[2].split())
        assert (done.code, example.startswith(f"striate {verb} ")) == (0, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), 0),
        ((), 2),
        (("shwo",), 2),
        (("show", "lenet5", "--jsn"), 2),
        (("why",), 2),
        (("export", "lenet5", "--to", "jsn"), 2),
        (("networks", "lenet5"), 0),
        (("verify", "nothing"), 2),
        (("predict", "nothing", "a.png"), 2),
    ],
)
def test_exit_codes(striate: Striate, words: tuple[str, ...], code: int) -> None:
    assert striate(*words).code == code


@pytest.mark.parametrize("width", [80, 120, 0])
@pytest.mark.parametrize(
    "words",
    [
        ("show", "lenet5"),
        ("show", "--operators"),
        ("networks",),
        ("verify", NET),
        ("why", NET, "three.csv", "conv1[0,1,0]", "--weights", "two.yaml"),
    ],
    ids=lambda words: words[0],
)
def test_no_table_begins_blank_or_ends_in_spaces(
    striate: Striate, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], width: int
) -> None:
    """On terminals of two widths, and in a pipe."""
    if width:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", striate(*words).out).splitlines()
    assert len(lines) > 3
    assert lines[0].strip()
    assert lines[-1].strip()
    assert [line for line in lines if line != line.rstrip()] == []
    assert all(lines)
    if width:
        assert max(map(len, lines)) <= width


def test_the_padding_words_are_explained(striate: Striate) -> None:
    said = " ".join(striate("show", "--operators").out.split())
    for word in ("same_upper", "same_lower", "SAME_UPPER", "Keras", "PyTorch"):
        assert word in said
