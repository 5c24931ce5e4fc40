"""Whatever is handed in at a door is answered: no traceback, hang or death, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doors import DOORS
from fuzz_doors import LIMIT, MOST_MEMORY, tried

WHOLE = Path(__file__).with_name("fuzz_doors.py")
QUICK = {"notation", "graph_json", "choices", "library", "idx", "onnx", "weights"}


@pytest.mark.parametrize("door", sorted(QUICK))
def test_a_few_hundred_damaged_inputs(door: str) -> None:
    assert tried(door, 300, seed=1)["failures"] == []


def test_a_door_behind_a_run_says_nothing_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    """The output of a whole run is one line of JSON."""
    assert tried("state", 5)["failures"] == []
    assert tried("run_folder", 3)["failures"] == []
    assert capfd.readouterr() == ("", "")


def test_a_whole_run_hands_in_enough() -> None:
    assert sum(count for _, count in DOORS.values()) >= 200_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", DOORS)
def test_a_whole_run(door: str) -> None:
    """In a process of its own, whose death would be seen; all doors together: 200,000 inputs."""
    done = subprocess.run(
        [sys.executable, str(WHOLE), door],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = json.loads(done.stdout)
    print(found)
    assert found["tried"] == DOORS[door][1]
    assert found["slowest_seconds"] < LIMIT
    assert found["peak_mib"] << 20 < MOST_MEMORY
