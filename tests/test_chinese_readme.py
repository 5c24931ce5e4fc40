"""README.zh-CN.md says what README.md says: its commands, code, names, links and numbers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
)
FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"^    .*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)+(?:e-\d+)?(?: ?%|x)?|\d+ %|\d{4}-\d\d-\d\d|\d+,\d{3}")


def code(text: str) -> list[str]:
    """Lines of code and of what commands print, without comments, which are in their language."""
    lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
    lines += INDENTED.findall(FENCED.sub("", text))
    bare = (re.sub(r"(^|\s)# .*", "", line).rstrip() for line in lines)
    return [line for line in bare if line]


def prose(text: str) -> str:
    """The rest, each paragraph on one line."""
    return re.sub(r"\n(?!\n)", " ", INDENTED.sub("", FENCED.sub("", text)))


def test_commands_and_code_are_the_same() -> None:
    assert code(CHINESE) == code(ENGLISH)
    assert len(code(ENGLISH)) > 80


def test_names_and_links_and_numbers_of_the_prose_are_the_same() -> None:
    english, chinese = prose(ENGLISH), prose(CHINESE)
    for pattern in (re.compile(r"`([^`]+)`"), FIGURE):
        assert Counter(pattern.findall(chinese)) == Counter(pattern.findall(english))
    links = [Counter(LINK.findall(text)) for text in (english, chinese)]
    assert links[0] - Counter(["README.zh-CN.md"]) == links[1] - Counter(["README.md"])
    assert all((ROOT / link).exists() for link in LINK.findall(english) if "://" not in link)


def test_both_have_the_same_sections_and_paragraphs() -> None:
    shapes = [
        [each[:2] for each in re.findall(r"^(?:#+ |\|)", text, re.MULTILINE)]
        for text in (ENGLISH, CHINESE)
    ]
    assert shapes[0] == shapes[1]
