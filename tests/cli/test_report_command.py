"""`striate report`: one page of a run, which loads nothing and obeys nothing that stands in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import Striate
from striate.training import train

HOSTILE = "<script>alert('&')</script>"


class Elements(HTMLParser):
    """What the page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(trained: Path) -> str:
    from striate import report

    return report(trained)


def test_the_page_has_every_part_and_its_pictures(page: str) -> None:
    for title in ("Recipe", "Curves", "Test pictures", "Kernels", "Layers", "Verdicts"):
        assert f"<h2>{title}</h2>" in page
    assert "<em>" not in page
    pictures = [attrs["src"] for tag, attrs in Elements(page).found if tag == "img"]
    assert len(pictures) == 4
    assert all(each is not None and each.startswith("data:image/png;") for each in pictures)
    assert "CONV 4 3x3" in page
    assert "learning_rate" in page


def test_the_page_loads_nothing(page: str) -> None:
    elements = Elements(page).found
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in elements}
    links = [attrs for tag, attrs in elements if tag != "img" and {"src", "href"} & attrs.keys()]
    assert not links
    assert "default-src 'none'" in page


def test_names_are_text_and_what_is_missing_is_said(tmp_path: Path) -> None:
    from striate import report

    rng = np.random.default_rng(0)
    for name in (HOSTILE.replace("/", "|"), "b"):
        (tmp_path / "<i>pictures" / name).mkdir(parents=True)
        for k in range(12):
            pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "<i>pictures" / name / f"{k}.png")
    run = tmp_path / "<b>run"
    train("INPUT 1x8x8 -> FC 2", tmp_path / "<i>pictures", run=run, epochs=1, quiet=True)
    page = report(run)
    assert not {"script", "b", "i"} & {tag for tag, _ in Elements(page).found}
    assert "&lt;script&gt;" in page
    (tmp_path / "<i>pictures").rename(tmp_path / "away")
    missing = report(run)
    assert "<em>" in missing
    assert "<h2>Layers</h2>" in missing


def test_the_command_writes_into_the_run_or_where_it_is_told(
    striate: Striate, trained: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        done = striate("report", str(trained), "--json")
        assert json.loads(done.out)["file"] == str(trained / "report.html")
    assert (trained / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (trained / "report.html").unlink()
    assert striate("report", str(trained), "-o", "mine.html").out == "wrote mine.html\n"
    again = striate("report", str(trained), "-o", "mine.html")
    assert (again.code, "exists already" in again.err) == (2, True)
    nothing = striate("report", str(tmp_path))
    assert (nothing.code, "no run folder" in nothing.err) == (2, True)
