"""What is read at the doors, and how what cannot be read is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from command import Striate
from striate.notation import parse

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


def test_what_cannot_be_read_ends_alike_at_every_verb(
    striate: Striate, trained: Path, picture: Path
) -> None:
    """Done is 0; a picture that cannot be read makes the request a wrong one, also amid others."""
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Path("three.csv").write_text("1, 2, 3\n")
    for bad in ("broken.png", "none.png", "three.csv", "digits", "digits#9999"):
        for verb, more in (("predict", ()), ("why", ("fc1[0]",))):
            done = striate(verb, str(trained), bad, *more)
            assert (done.code, done.out) == (2, ""), (verb, bad)
        answered = striate("predict", str(trained), str(picture), bad)
        assert (answered.code, "digit.png" in answered.out) == (1, True)
        assert "striate: " in answered.err


def test_predict_reads_the_numbers_that_why_reads(striate: Striate, trained: Path) -> None:
    rows = ["1, 2, 3, 4, 5, 6, 7, 8"] * 8
    Path("eight.csv").write_text("\n".join(rows))
    Path("eight.yaml").write_text(f"[{', '.join(f'[{row}]' for row in rows)}]")
    words = ("predict", str(trained), "eight.csv", "eight.yaml", "--json", "--top", "10")
    first, second = json.loads(striate(*words).out)["predictions"]
    assert first["ranking"] == second["ranking"]
    for each in first["ranking"][:2]:
        asked = ("why", str(trained), "eight.csv", f"probability[{each['class']}]", "--json")
        assert json.loads(striate(*asked).out)["value"] == pytest.approx(each["probability"])


def test_sizes_that_are_changed_are_said_once(
    striate: Striate, trained: Path, picture: Path
) -> None:
    said = "40x30 pixels are resized to the 8x8 that the network takes"
    Image.new("L", (30, 40)).save("upright.png")
    Image.new("L", (8, 8)).save("fitting.png")
    done = striate("predict", str(trained), "upright.png", str(picture), "fitting.png")
    assert done.err.count(said) == 1
    assert done.err.count("30x40 pixels are resized") == 1
    assert "fitting.png: 8x8" not in done.err
    many = [f"{k}.png" for k in range(5)]
    for name in many:
        Image.new("L", (30, 40)).save(name)
    done = striate("predict", str(trained), *many)
    assert f"0.png and 4 more: {said}" in done.err
    assert done.err.count(said) == 1
    assert said in striate("why", str(trained), "upright.png", "fc1[0]").err
    assert "resized" not in striate("why", str(trained), "fitting.png", "fc1[0]").err
    form = json.loads(striate("predict", str(trained), "upright.png", "--json").out)
    assert said in form["predictions"][0]["notes"]
    larger = striate("why", "cnn_matlab", "digits#0", "conv1[0,0,0]")
    assert "digits#0: 8x8 pixels are resized to the 28x28 that the network takes" in larger.err


@pytest.mark.parametrize("verb", ["evaluate", "predict", "svm"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("resnet18", "resnet18 is a network of the catalog, without trained weights"),
        ("lenet5", "Train it: striate train lenet5;"),
        (SMALL, "this is a network without trained weights"),
        ("small.net", "Train it: striate train small.net --data FOLDER"),
        ("three.csv", "three.csv is a file of numbers, not a model"),
        ("seven.png", "seven.png is a picture, not a model"),
        ("two.yaml", "a file of settings, weights or numbers, not a model"),
        (".", "no run folder"),
        ("digits#0", "digits#0 is a picture, not a model"),
    ],
)
def test_what_is_no_model_is_said(striate: Striate, verb: str, word: str, said: str) -> None:
    Path("small.net").write_text(SMALL)
    for name in ("three.csv", "seven.png", "two.yaml"):
        Path(name).write_text("1, 2, 3\n")
    more = {"evaluate": (), "predict": ("digits#0",), "svm": ("-o", "svm.safetensors")}[verb]
    done = striate(verb, word, *more)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_weights_may_lie_in_a_file_of_any_name(striate: Striate, trained: Path) -> None:
    Path("model").write_bytes((trained / "best.safetensors").read_bytes())
    assert striate("evaluate", "model").code == 0
    assert striate("train", SMALL, "--start", "model", "--steps", "1", "--quiet").code == 0
    Path("three.csv").write_text("1, 2, 3\n")
    done = striate("train", SMALL, "--start", "three.csv")
    assert (done.code, "three.csv is a file of numbers, not one of weights" in done.err) == (
        2,
        True,
    )


def test_a_set_of_another_size_is_said_where_it_is_learned_and_judged(striate: Striate) -> None:
    said = "8x8 pixels are resized to the 9x7 that the network takes"
    begun = striate("train", "INPUT 1x9x7 -> FC 10", "--steps", "1", "--run", "run")
    assert begun.out.count(said) == 1
    assert striate("evaluate", "run").err.count(said) == 1
    assert "resized" not in striate("train", "INPUT 1x8x8 -> FC 10", "--steps", "1").out


@pytest.mark.parametrize("verb", ["show", "verify", "export", "train", "why"])
def test_what_is_no_network_is_said(striate: Striate, verb: str) -> None:
    Path("three.csv").write_text("1, 2, 3\n")
    done = striate(verb, "three.csv", *(("digits#0", "fc1[0]") if verb == "why" else ()))
    assert (done.code, done.out) == (2, "")
    assert "three.csv is a file of numbers, not a network" in done.err
    assert "A network in the notation, a name" in done.err


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        (("show", "--jsonn"), "no such option: --jsonn", "Did you mean --json?"),
        (("shwo",), "no such command 'shwo'", "Did you mean 'show'?"),
        (("why", "lenet5"), "missing argument 'picture'", "striate why [OPTIONS]"),
        (("bench", "B", "--steps", "x"), "invalid value for '--steps'", "`striate bench --help`"),
        (("export", "lenet5", "--to", "x"), "invalid value for '--to'", "'x' is not one of"),
        (("show", "INPUT", "5"), "unexpected extra arguments (5)", "Put the text of a network in"),
        (("train", "--epochs"), "option '--epochs' requires an argument", "`striate --help`"),
    ],
)
def test_the_parser_of_words_speaks_as_we_do(
    striate: Striate, words: tuple[str, ...], what: str, remedy: str
) -> None:
    done = striate(*words)
    first, *others = done.err.splitlines()
    assert (done.code, done.out) == (2, "")
    assert first.startswith("striate: ")
    assert what in first
    assert others
    assert all(line.startswith("  ") for line in others)
    assert remedy in done.err


def test_weights_that_others_have_saved(striate: Striate) -> None:
    import torch

    graph = parse(SMALL)
    state = graph.module().state_dict()
    torch.save({"state_dict": {f"module.{name}": each for name, each in state.items()}}, "w.pth")
    said = "4 of 4 weights from w.pth, matched by name"
    done = striate("verify", SMALL, "--weights", "w.pth")
    assert (done.code, done.out.splitlines()[0]) == (0, said)
    Image.new("L", (8, 8)).save("eight.png")
    done = striate("why", SMALL, "eight.png", "conv1[0,1,0]", "--weights", "w.pth")
    assert (done.code, said in done.out) == (0, True)
    assert "scaled to 0..1" in done.out
    done = striate("draw", "kernels", SMALL, "--weights", "w.pth", "--out", "k.png")
    assert done.code == 0
    other = SMALL.replace("FC 10", "FC 7")
    for words in (("verify", other), ("why", other, "eight.png", "fc1[0]")):
        done = striate(*words, "--weights", "w.pth")
        assert done.code == 2
        assert "other shape: fc1.weight (fc1.weight is 10x36, not 7x36)" in done.err
