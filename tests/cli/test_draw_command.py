"""`striate draw`: what is written where, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import Striate

NET = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("network", NET), "which file? Name a new one: --out network.png"),
        (("network", NET, "-o", "net.bmp"), "cannot be written as 'net.bmp'"),
        (("network", NET, "-o", "net"), "Its ending says how: PNG, SVG or PDF"),
        (("network", NET, "-o", "nowhere/net.png"), "there is no folder nowhere"),
        (("network", "lenet55", "-o", "net.png"), "there is no network called lenet55"),
        (("network", NET, "digits#7", "-o", "net.png"), "takes no picture It is for maps, errors"),
        (("kernels", NET, "--target", "3", "-o", "net.png"), "draw kernels takes no --target"),
        (("maps", NET, "digits#7", "--open", "-o", "net.png"), "takes no --open or --folded"),
        (("maps", NET, "digits#7", "--to", "dot"), "takes no --to It is for network"),
        (("maps", NET, "-o", "net.png"), "striate draw maps NETWORK digits#7"),
        (("maps", NET, "digits#7", "--layer", "conv2", "-o", "a.png"), "Did you mean conv1?"),
        (("maps", NET, "none.png", "-o", "a.png"), "none.png"),
        (("errors", NET, "digits#7", "--target", "11", "-o", "a.png"), "names no class"),
        (("networks", NET, "-o", "net.png"), "'networks' is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_said(striate: Striate, words: tuple[str, ...], said: str) -> None:
    done = striate("draw", *words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())
    assert not list(Path().iterdir())


def test_what_a_model_computes_is_drawn(striate: Striate, trained: Path, picture: Path) -> None:
    for words in (("kernels",), ("maps", str(picture)), ("errors", "digits#7", "--target", "3")):
        kind, *more = words
        assert striate("draw", kind, str(trained), *more, "--out", f"{kind}.png").code == 0
        assert Path(f"{kind}.png").read_bytes().startswith(BEGINS["png"])
