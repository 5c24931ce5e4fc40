"""Is the guard guarded? Blind it to one thing after another, and see whether a test notices.

Every bug changes one line of `striate.fused` or `striate.engine` in a temporary copy of the tree;
then the tests of ordinary modules run there, with kernels where there is a compiler.

    python benchmarks/planted_guard_bugs.py

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

from bugs_to_plant import Bug
from planted_bugs import ROOT, plant

TESTS = (
    "tests/pytorch/test_ordinary.py",
    "tests/pytorch/test_ordinary_worlds.py",
    "tests/engine/test_optimizers.py",
    "tests/fused/test_guard.py",
)
QUICK = "not onnx and not distributed and not sharded and not compile"
GUARD, OPTIMIZERS = "fused/guard.py", "engine/optimizers.py"
BUGS = (
    Bug("no global hooks", GUARD, "            or _has_global_hooks()\n", ""),
    Bug(
        "no hooks of modules",
        GUARD,
        "any(chain.from_iterable(map(_hooks_of_module, self._dicts)))",
        "False",
    ),
    Bug(
        "no hooks of weights",
        GUARD,
        "any(chain.from_iterable(map(_hooks_of_tensor, self._weights)))",
        "False",
    ),
    Bug("no classes of modules", GUARD, "type(module) is made.kind", "True"),
    Bug(
        "no replaced methods",
        GUARD,
        "frozenset(k for k in own if hasattr(made.kind, k)) <= made.hides",
        "True",
    ),
    Bug("no patched classes", GUARD, "all(map(_is_own_forward, self._classes))", "True"),
    Bug(
        "no settings",
        GUARD,
        "all(name in own and own[name] == value for name, value in made.settings.items())",
        "True",
    ),
    Bug("no subclasses of tensors", GUARD, "type(x) in PLAIN", "isinstance(x, Tensor)"),
    Bug("no types of numbers", GUARD, "x.dtype is torch.float32", "True"),
    Bug("no empty batches", GUARD, "x.numel() > 0", "True"),
    Bug("no negative views", GUARD, "not x.is_neg()", "True"),
    Bug("no batched gradients", GUARD, "not legacy_batched(x)", "True"),
    Bug("no autocast", GUARD, "or any_autocast()", "or False"),
    Bug("no tracers", GUARD, "or tracing_state() is not None", "or False"),
    Bug("no functorch", GUARD, "or functorch_level() is not None", "or False"),
    Bug("no modes", GUARD, "or function_modes()", "or False"),
    Bug("no dual tensors", GUARD, "or private.forward_ad._current_level >= 0", "or False"),
    Bug("no saved tensors", GUARD, "or saved_tensor_hooks(True) is not None", "or False"),
    Bug(
        "no weights put in place of others",
        GUARD,
        "and all(map(is_, chain.from_iterable(self._views), self._held))",
        "and True",
    ),
    Bug("no writes to weights", GUARD, '"_version" if counted', '"dtype" if counted'),
    Bug("no scaled gradients", OPTIMIZERS, "and not _is_scaled(self)", ""),
)


def failures(bug: Bug | None) -> set[str]:
    """Names of the tests that fail with `bug` in a copy of the tree."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if bug is not None:
            plant(bug, copy / "src/striate" / bug.file)
        command = [sys.executable, "-m", "pytest", *TESTS, "--tb=no", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, "-x", "-k", QUICK], cwd=copy, env=environment, capture_output=True, text=True
        )
        if done.returncode in (0, 1):
            return set(re.findall(r"^FAILED \S+::test_(\w+)", done.stdout, re.MULTILINE))
        if done.returncode < 0:
            return {f"the process died by signal {-done.returncode}"}
        raise SystemExit(f"the tests did not run:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Plant each bug, and print what sees it."""
    words = sys.argv[1:]
    chosen = [bug for bug in BUGS if not words or any(word in bug.what for word in words)]
    if failures(None):
        print("the tree fails without any bug; nothing can be learned from it")
        return 1
    missed = 0
    for bug in chosen:
        seen = sorted(failures(bug))
        missed += not seen
        print(f"{bug.what}\n    {', '.join(seen) or 'NOT CAUGHT'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} bugs caught")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
