"""`striate draw`: what is written where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command import Striate

NET = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"
SUM = "x: INPUT 1; y: INPUT 1; { @x | @y } sum: ADD"
BEGINS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", BEGINS)
def test_a_network_is_drawn_into_a_new_file(striate: Striate, suffix: str) -> None:
    words = ("draw", "network", NET, "--out", f"net.{suffix}")
    done = striate(*words)
    assert (done.code, done.out) == (0, f"wrote net.{suffix}\n")
    before = Path(f"net.{suffix}").read_bytes()
    assert before.startswith(BEGINS[suffix])
    again = striate(*words)
    assert (again.code, "exists already" in again.err) == (2, True)
    assert Path(f"net.{suffix}").read_bytes() == before


def test_a_network_is_printed_for_others_to_draw(striate: Striate) -> None:
    assert striate("draw", "network", NET, "--to", "mermaid").out.startswith("flowchart TD\n")
    assert striate("draw", "network", NET, "--to", "dot").out.startswith("digraph network {\n")
    assert striate("draw", "network", NET, "--to", "dot", "--out", "net.dot").code == 0
    assert Path("net.dot").read_text(encoding="utf-8").endswith("}\n")
    answer = json.loads(striate("draw", "network", NET, "--to", "dot", "--json").out)
    assert answer["text"] == Path("net.dot").read_text(encoding="utf-8")
    answer = json.loads(striate("draw", "network", NET, "--out", "net.png", "--json").out)
    assert (answer["kind"], answer["file"], answer["text"]) == ("network", "net.png", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("network", NET), "which file? Name a new one: --out network.png"),
        (("network", NET, "-o", "net.bmp"), "cannot be written as 'net.bmp'"),
        (("network", NET, "-o", "net"), "Its ending says how: PNG, SVG or PDF"),
        (("network", NET, "-o", "nowhere/net.png"), "there is no folder nowhere"),
        (("network", "lenet55", "-o", "net.png"), "there is no network called lenet55"),
        (
            ("network", NET, "digits#7", "-o", "net.png"),
            "takes no picture It is for maps, errors, heat, why",
        ),
        (("kernels", NET, "--target", "3", "-o", "net.png"), "draw kernels takes no --target"),
        (("maps", NET, "digits#7", "--open", "-o", "net.png"), "takes no --open or --folded"),
        (("maps", NET, "digits#7", "--to", "dot"), "takes no --to It is for network"),
        (("maps", NET, "-o", "net.png"), "striate draw maps NETWORK digits#7"),
        (("maps", NET, "digits#7", "--layer", "conv2", "-o", "a.png"), "Did you mean conv1?"),
        (("maps", NET, "none.png", "-o", "a.png"), "none.png"),
        (("errors", NET, "digits#7", "--target", "11", "-o", "a.png"), "names no class"),
        (("why", NET, "digits#7", "-o", "a.png"), "which number or layer?"),
        (("why", NET, "digits#7", "conv9[0]", "-o", "a.png"), "nothing is called conv9"),
        (("field", NET, "digits#7", "conv1[9,9,9]", "-o", "a.png"), "so it has no [9,9,9]"),
        (("field", NET, "digits#7", "conv1.bias[0]", "-o", "a.png"), "names no unit"),
        (("heat", NET, "digits#7", "--method", "gradcam", "-o", "a.png"), "Did you mean grad-cam"),
        (("heat", NET, "digits#7", "--layer", "conv1", "-o", "a.png"), "has no layer"),
        (("maps", NET, "digits#7", "--method", "all", "-o", "a.png"), "takes no --method"),
        (("curves", "nowhere", "-o", "a.png"), "nowhere/metrics.csv is missing"),
        (("graph", SUM, "x=5", "-o", "a.png"), "which number is y? Give all: x=1,y=2."),
        (("graph", SUM, "x=5,z=1", "-o", "a.png"), "no input is called z"),
        (("graph", SUM, "x=5,y=3", "--target", "1", "-o", "a.png"), "take no --target"),
        (("graph", SUM, "x=5,y=3", "summ", "-o", "a.png"), "Did you mean sum?"),
        (("graph", f"{NET} -> CROSSENTROPY", "input=5", "-o", "a.png"), "needs a target"),
        (("compare", "a", "-o", "a.png"), "striate draw compare RUN ANOTHER --out compare.png"),
        (("compare", "a", "b", "c", "-o", "a.png"), "a/metrics.csv is missing"),
        (("why", NET, "digits#7", "fc1[0]", "fc1[1]", "-o", "a.png"), "What is 'fc1[1]'?"),
        (("confusion", NET, "-o", "a.png"), "a network without trained weights"),
        (("mistakes", NET, "--seed", "3", "-o", "a.png"), "takes no --seed"),
        (("networks", NET, "-o", "net.png"), "'networks' is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_said(striate: Striate, words: tuple[str, ...], said: str) -> None:
    done = striate("draw", *words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("kernels",),
        ("maps", "PICTURE"),
        ("errors", "digits#7", "--target", "3", "--layer", "conv1"),
        ("why", "PICTURE", "conv1[0,2,3]"),
        ("why", "digits#7", "conv1.weight[0,0,1,1].grad", "--target", "3"),
        ("field", "digits#7", "pool1"),
        ("heat", "digits#7", "--method", "all"),
        ("invariance", "PICTURE"),
        ("graph", "PICTURE"),
        ("graph", "digits#7", "conv1"),
        ("heat", "PICTURE", "--target", "3", "--samples", "4"),
        ("curves",),
        ("confusion",),
        ("mistakes", "--data", "digits"),
    ],
    ids=lambda words: words[0],
)
def test_what_a_model_computes_is_drawn(
    striate: Striate, trained: Path, picture: Path, words: tuple[str, ...]
) -> None:
    kind, *more = (str(picture) if each == "PICTURE" else each for each in words)
    done = striate("draw", kind, str(trained), *more, "--out", "a.png")
    assert (done.code, done.out) == (0, "wrote a.png\n")
    assert Path("a.png").read_bytes().startswith(BEGINS["png"])


def test_what_differs_from_training_is_said(striate: Striate, trained: Path, picture: Path) -> None:
    done = striate("draw", "maps", str(trained), str(picture), "--out", "a.png")
    assert "30x40 pixels are resized to the 8x8 that the network takes" in done.err
