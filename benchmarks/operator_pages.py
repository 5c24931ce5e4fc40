"""The pages of docs/operators: what the docstring of each operator says.

python benchmarks/operator_pages.py docs/operators
"""

from __future__ import annotations

import sys
from pathlib import Path

from striate.notation import operators, page

INTRODUCTION = """\
# Operators

`striate show --operator CONV` prints the page of an operator in the terminal. The pages here are
written from the docstrings of `src/striate/ops` by `python benchmarks/operator_pages.py
docs/operators`, and a test holds them to these. Each says what the operator does, its formula, its
gradient, where it comes from, an example that the tests execute, and what can be set.

| operator | meaning |
|---|---|
"""

FIGURES = {
    "CONV": ("why.png", "A window, a kernel, their products, and the sum"),
    "RELU": ("maps.png", "Maps of a seven before and after rectification, among others"),
}
"""Pictures of docs/figures that show an operator at work."""


def pages() -> dict[str, str]:
    """Every file by its name."""
    known = operators()
    rows = "".join(
        f"| [{each.keyword}]({each.keyword}.md) | {each.meaning.replace('|', '&#124;')} |\n"
        for each in known
    )
    return {"README.md": INTRODUCTION + rows} | {
        f"{each.keyword}.md": _page(each.keyword) for each in known
    }


def _page(keyword: str) -> str:
    text = page(keyword).markdown()
    if keyword in FIGURES:
        file, said = FIGURES[keyword]
        text += f"\n\n![{said}](../figures/{file})"
    return f"{text}\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
