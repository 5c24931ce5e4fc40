"""docs/operators says what the docstrings of the operators say; so does `show --operator`."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from command import Striate
from striate.errors import SettingError
from striate.graph.settings import settings_of
from striate.notation import operators, page
from striate.notation.forms import by_keyword, classes

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_are_current() -> None:
    pages = runpy.run_path(str(ROOT / "benchmarks/operator_pages.py"))["pages"]()
    written = {
        file.name: file.read_text(encoding="utf-8")
        for file in (ROOT / "docs/operators").glob("*.md")
    }
    assert written == pages, "run python benchmarks/operator_pages.py docs/operators"


@pytest.mark.parametrize("keyword", [each.keyword for each in operators()])
def test_a_page_loses_no_word_of_the_docstring(keyword: str) -> None:
    found = page(keyword)
    plain = found.plain(80).split()
    assert plain[: len(found.text.split())] == found.text.split()
    assert not [each for each in found.settings.split() if each not in plain]
    for name in settings_of(classes()[by_keyword()[keyword].operator]):
        assert name in found.settings


def test_prose_keeps_to_the_width_and_formulas_stay() -> None:
    lines = page("CONV").plain(60).splitlines()
    assert all(len(line) <= 60 for line in lines if not line.startswith((" ", ">>>", "[")))
    assert any("· weight[o,c,u,v] + bias[o]" in line for line in lines)
    markdown = page("CONV").markdown()
    assert markdown.startswith("# CONV\n\n    CONV ")
    assert "\n    >>> x = np" in markdown
    assert "\n* out_channels: number of kernels.\n" in markdown


def test_the_command_prints_a_page(striate: Striate) -> None:
    done = striate("show", "--operator", "conv2d")
    assert done.code == 0
    assert done.out.startswith("CONV: every output")
    told = json.loads(striate("show", "--operator", "GRU", "--json").out)
    assert told["operator"]["keyword"] == "GRU"
    wrong = striate("show", "--operator", "CONVV")
    assert (wrong.code, "Did you mean CONV" in wrong.err) == (2, True)
    assert striate("show", "lenet5", "--operator", "CONV").code == 2


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(SettingError, match="there is no operator 'zebra'"):
        page("zebra")
