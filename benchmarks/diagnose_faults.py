"""Does `striate diagnose` find what is wrong, and nothing where nothing is?

Plants every fault of `tests/diagnosis/faults.py` in its networks, eight in all, and looks for its
verdict; then trains each network in five ways and expects no verdict.

    python benchmarks/diagnose_faults.py            all of it, some minutes
    python benchmarks/diagnose_faults.py dead_relu  faults of these kinds alone
    python benchmarks/diagnose_faults.py healthy    the healthy runs alone

Exit code 0: every fault was found, and no healthy run raised a verdict.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from diagnosis.faults import NETWORKS, digits, planted
from striate import Recipe, diagnose, train

HEALTHY: tuple[dict[str, Any], ...] = (
    {"epochs": 4, "learning_rate": 5e-3},
    {"epochs": 6, "learning_rate": 5e-3, "seed": 1, "schedule": "constant"},
    {"epochs": 5, "optimizer": "momentum", "seed": 2},
    {"epochs": 5, "optimizer": "adamw", "weight_decay": 1e-3, "batch_size": 32, "seed": 3},
    {"epochs": 12, "optimizer": "nesterov", "schedule": "onecycle", "batch_size": 64, "shift": 1},
)

SLOW = {"sigmoid": {"adam": 2.0, "adamw": 5.0, "momentum": 10.0, "nesterov": 10.0}}
"""Networks that want a larger rate than others: how many times, by optimizer."""


def faults(kinds: list[str]) -> list[str]:
    """What was planted and not found; a line for each is printed."""
    missed = []
    for fault, name in planted():
        if kinds and fault.kind not in kinds:
            continue
        started = time.perf_counter()
        found = fault.plant(NETWORKS[name])
        kinds_found = [each.kind for each in found.verdicts]
        is_found = fault.kind in kinds_found
        if not is_found:
            missed.append(f"{fault.kind} in {name}")
        others = ", ".join(dict.fromkeys(k for k in kinds_found if k != fault.kind))
        seconds = time.perf_counter() - started
        said = f"{'found ' if is_found else 'MISSED'} {fault.kind}: {fault.what}, in {name}"
        print(f"{said} ({seconds:.1f} s{'; also ' + others if others else ''})", flush=True)
    return missed


def healthy() -> list[str]:
    """Verdicts of runs without a fault."""
    raised = []
    for name, text in NETWORKS.items():
        for number, usual in enumerate(HEALTHY):
            chosen = Recipe.from_dict(usual)
            factor = SLOW.get(name, {}).get(chosen.optimizer, 1.0)
            recipe = {**usual, "learning_rate": chosen.rate * factor}
            with tempfile.TemporaryDirectory() as folder:
                run = Path(folder) / "run"
                result = train(text, digits(1200), run=run, quiet=True, **recipe)
                found = diagnose(run, digits(1200))
            said = "; ".join(f"{v.kind} at {v.layer}: {v.evidence}" for v in found.verdicts)
            raised += [f"{name} {number}: {said}"] if said else []
            print(f"{name} {recipe}: {result.test_accuracy:.2%} {said or 'nothing'}", flush=True)
    return raised


def main() -> int:
    """Both, and what they come to."""
    kinds = sys.argv[1:]
    missed = [] if kinds == ["healthy"] else faults(kinds)
    raised = healthy() if not kinds or kinds == ["healthy"] else []
    total = sum(1 for fault, _ in planted() if not kinds or fault.kind in kinds)
    print(f"\n{total - len(missed)} of {total} faults found; {len(raised)} false verdicts")
    for each in [*missed, *raised]:
        print(f"  {each}")
    return 1 if missed or raised else 0


if __name__ == "__main__":
    sys.exit(main())
