"""docs/memory.md says what is said now and what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from striate.analysis.training_memory import training_memory
from striate.networks import NETWORKS
from striate.notation import parse

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    command = [sys.executable, ROOT / "benchmarks" / "training_memory.py", "--page"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120)
    written = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    assert done.stdout == written, "run benchmarks/training_memory.py --page > docs/memory.md"


def test_what_was_said_is_said_now() -> None:
    results = ROOT / "benchmarks" / "results" / "training_memory.json"
    for each in json.loads(results.read_text())["networks"]:
        graph = parse(NETWORKS[each["network"]].notation)
        assert training_memory(graph, each["batch"]).peak == each["said"], each["network"]
