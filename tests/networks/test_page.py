"""docs/networks.md says what is counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "catalog_table.py"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    written = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    assert done.stdout == written, "run python benchmarks/catalog_table.py > docs/networks.md"
