"""The bugs that benchmarks/planted_bugs.py plants: each still has its place in the source."""

from __future__ import annotations

import sys
from pathlib import Path

import striate

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

from bugs_to_plant import BUGS


def test_the_text_of_every_bug_stands_once_where_it_is_planted() -> None:
    root = Path(striate.__file__).parent
    assert len(BUGS) >= 90
    astray = {bug.what for bug in BUGS if (root / bug.file).read_text().count(bug.right) != 1}
    assert astray == set()
