"""docs/architecture.md draws the rooms as the import contract has them, and names what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_drawing_is_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = re.findall(r"^    (\w+(?: \| \w+)*)(?:  |$)", PAGE, re.MULTILINE)
    assert drawn == layers


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+(?:\.py|/))`", PAGE))))
def test_every_file_on_the_page_exists(path: str) -> None:
    assert any((base / path).exists() for base in (ROOT / "src/striate", ROOT)), path
