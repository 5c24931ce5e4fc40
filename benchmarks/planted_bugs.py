"""Are the promises of the operator contract worth anything? Plant bugs and see.

Every bug changes one line of `striate.ops` or `striate.graph` in a temporary copy of the tree;
then the operator tests run there. A bug that no test sees is a hole in the suite.

    python benchmarks/planted_bugs.py            all of them, about five minutes
    python benchmarks/planted_bugs.py softmax    those whose description has one of these words

Exit code 0: every bug was caught, and the tree without a bug passes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bugs_to_plant import BUGS, Bug
from planted_training_bugs import TRAINING_TESTS

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/engine/test_trained_segments.py",
    "tests/engine/test_attended.py",
    "tests/passes/test_attention_graph.py",
    "tests/ops/test_promises.py",
    "tests/ops/test_inner.py",
    "tests/ops/test_traits.py",
    "tests/ops/test_saves.py",
    "tests/analysis/test_training_memory.py",
    "tests/analysis/test_heat.py",
    "tests/analysis/test_invariance.py",
    "tests/analysis/test_memory.py",
    "tests/analysis/test_table.py",
    "tests/exchange/test_onnx.py",
    "tests/exchange/test_onnx_damage.py",
    "tests/figures",
    "tests/graph/test_window.py",
    "tests/graph/test_sharing.py",
    "tests/pytorch/test_one_definition.py",
    "tests/pytorch/test_shared_weights.py",
    "tests/pytorch/test_capture.py",
    "tests/pytorch/test_named.py",
    "tests/data/test_own_data.py",
    "tests/data/test_inspection.py",
)

OWN_TESTS = {
    "exchange/onnx_out/": ("tests/exchange/test_onnx_out.py",),
    "analysis/compare/": ("tests/analysis/test_compare.py",),
    "exchange/fitting": ("tests/exchange/test_fitting.py",),
    "exchange/calculating_order": ("tests/exchange/test_fitting.py",),
    "exchange/state": ("tests/exchange/test_fitting.py",),
    "html_report": ("tests/cli/test_report_command.py",),
    "training: ": TRAINING_TESTS,
    "diagnosis/": ("tests/diagnosis",),
    "serve/": ("tests/serve",),
}
"""For bugs of which no other test knows, by how their file or what they do begins."""


def _tests(bug: Bug | None) -> tuple[str, ...]:
    """The files of tests that are run: of some bugs only those that could see them."""
    if bug is None:
        return (*TESTS, *dict.fromkeys(test for own in OWN_TESTS.values() for test in own))
    for start, tests in OWN_TESTS.items():
        if bug.file.startswith(start) or bug.what.startswith(start):
            return tests
    return TESTS


def failures(bug: Bug | None) -> list[str]:
    """Names of the tests that fail with `bug` in a copy of the tree, their operator in brackets.

    For a bug in one operator's file only that operator is tried, which saves most of the time.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if bug is not None:
            plant(bug, copy / "src/striate" / bug.file)
        tests = _tests(bug)
        command = [sys.executable, "-m", "pytest", *tests, "--tb=no", "-p", "no:cacheprovider"]
        if bug is not None and bug.operator:
            command += ["-k", f"[{bug.operator}]"]
        environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        if done.returncode > 1:
            raise SystemExit(f"the tests did not run:\n{done.stdout}{done.stderr}")
        return re.findall(r"^FAILED \S+::test_(\S+)", done.stdout, re.MULTILINE)


def plant(bug: Bug, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if text.count(bug.right) != 1:
        raise SystemExit(f"{bug.file} has {bug.right!r} {text.count(bug.right)} times, not once")
    file.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")


def main() -> int:
    words = sys.argv[1:]
    chosen = [bug for bug in BUGS if not words or any(word in bug.what for word in words)]
    if failures(None):
        print("the tree fails without any bug; nothing can be learned from it")
        return 1
    missed = 0
    for bug in chosen:
        seen = sorted({name.split("[")[0] for name in failures(bug)})
        missed += not seen
        print(f"{bug.what}\n    {', '.join(seen) or 'NOT CAUGHT'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} bugs caught")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
