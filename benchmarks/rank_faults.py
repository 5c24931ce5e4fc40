"""Kill a random rank of a run at a random moment, resume it, and compare with an unbroken run.

    python benchmarks/rank_faults.py --trials 20

Each trial trains with 2 processes, kills one of them, and resumes with 2 or with 1 in turn.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from striate.exchange.arrays import read_arrays

NETWORK = "INPUT 1x8x8 -> CONV 4 3x3 same -> RELU -> MAXPOOL 2 -> FC 10"
COMMAND = [sys.executable, "-m", "striate", "train", "--quiet"]
NEW = [NETWORK, "--data", "digits", "--batch-size", "30", "--epochs", "12", "--shift", "1"]


def main() -> None:
    """Print a line a trial, and the largest difference of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        started = time.perf_counter()
        subprocess.run(begin(whole), check=True, capture_output=True)
        length = time.perf_counter() - started
        found = [trial(whole, Path(place, f"run{k}"), length, k) for k in range(trials)]
    killed = [each for each in found if each is not None]
    print(f"{len(killed)} of {trials} killed while training; largest difference {max(killed):.2g}")


def begin(folder: Path) -> list[str]:
    """The command of a run with two processes."""
    return [*COMMAND, *NEW, "--run", str(folder), "--processes", "2"]


def trial(whole: Path, folder: Path, length: float, seed: int) -> float | None:
    """The largest difference from the unbroken run; None if it ended before the kill."""
    chance, rank = random.Random(seed), seed // 2 % 2
    with subprocess.Popen(begin(folder), stdout=-3, stderr=subprocess.PIPE, text=True) as running:
        while not (folder / "config.yaml").exists():
            time.sleep(0.02)
        time.sleep(chance.uniform(0, length / 3))
        pids = ranks_of(running.pid)
        if rank in pids:
            subprocess.run(["kill", "-KILL", str(pids[rank])], check=False)
        said = running.communicate()[1]
    if running.returncode == 0:
        return None
    assert f"rank {rank} of 2" in said, said
    count = str(1 + seed % 2)
    subprocess.run(
        [*COMMAND, "--resume", str(folder), "--processes", count], check=True, capture_output=True
    )
    one, two = (read_arrays(each / "last.safetensors")[0] for each in (whole, folder))
    most = max(float(np.abs(one[key] - two[key]).max()) for key in one)
    print(f"rank {rank} killed, resumed with {count}: difference {most:.2g}", flush=True)
    return most


def ranks_of(launcher: int) -> dict[int, int]:
    """The process of each rank."""
    found = {}
    for file in Path(f"/proc/{launcher}/task").glob("*/children"):
        for pid in map(int, file.read_text().split()):
            try:
                words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            found |= {int(each[5:]): pid for each in words if each.startswith(b"RANK=")}
    return found


if __name__ == "__main__":
    main()
