"""The pictures of docs/seeing.md, drawn by the commands that stand there.

python benchmarks/seeing_figures.py docs/figures [--epochs 1]
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import sys
import tempfile
from pathlib import Path

from striate.cli import main as striate

PAGE = Path(__file__).resolve().parents[1] / "docs" / "seeing.md"


def commands() -> list[list[str]]:
    """The page's commands, as words, without the name of the program."""
    found = re.findall(r"^    striate (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(each) for each in found]


def shown() -> set[str]:
    """Names of the pictures that the page shows."""
    return set(re.findall(r"\]\(figures/(\S+)\)", PAGE.read_text(encoding="utf-8")))


def draw(folder: Path, here: Path, epochs: int | None) -> None:
    """Run every command of the page in the folder `here`, and keep the pictures that it shows."""
    with contextlib.chdir(here):
        for words in commands():
            fewer = ["--epochs", f"{epochs}"] if epochs and words[0] == "train" else []
            _run([*words, *fewer])
    folder.mkdir(parents=True, exist_ok=True)
    for name in shown():
        (folder / name).write_bytes((here / name).read_bytes())


def _run(words: list[str]) -> None:
    """One command, in this process.

    Raises:
        RuntimeError: it did not end well; what it says stands above.
    """
    before, sys.argv = sys.argv, ["striate", *words]
    try:
        striate()
    except SystemExit as left:
        if left.code:
            raise RuntimeError(shlex.join(sys.argv)) from None
    finally:
        sys.argv = before


def main() -> None:
    """Draw into the folder that is named."""
    parser = argparse.ArgumentParser(description="The pictures of docs/seeing.md.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, help="of training, instead of what is usual")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as here:
        draw(given.folder.resolve(), Path(here), given.epochs)


if __name__ == "__main__":
    main()
