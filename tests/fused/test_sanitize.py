"""The kernels under the address and undefined-behavior sanitizers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from striate.fused import build


@pytest.mark.slow
@pytest.mark.compiler
@pytest.mark.parametrize("vectors", ["-DLANES=4", "-DLANES=16", "-march=native"])
@pytest.mark.parametrize(
    "kernels", ["sanitize", "sanitize_frozen", "sanitize_trained", "sanitize_norm"]
)
def test_sanitizers_find_nothing(tmp_path: Path, vectors: str, kernels: str) -> None:
    program = tmp_path / "sanitize"
    flags = ["-O0", "-g1", "-std=c++17", "-fopenmp", "-fsanitize=address,undefined"]
    flags += ["-fno-sanitize-recover=all", "-Wno-psabi", vectors]
    source = str(Path(__file__).with_name(f"{kernels}.cpp"))
    command = [*build.compiler(), *flags, f"-I{build.SOURCES}", source, "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode and "cannot find" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    # the threads' pool of the OpenMP runtime outlives main
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run([program], capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-4000:]
