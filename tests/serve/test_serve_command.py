"""`striate serve` as a program: it listens, answers, and ends by Ctrl-C; and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from striate.data.preprocess import Preprocessing
from striate.errors import SettingError
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")


def test_it_ends_by_ctrl_c(tmp_path: Path) -> None:
    graph, classes = parse("INPUT 1x8x8 -> FC 2"), ("a", "b")
    preprocessing = Preprocessing(1, 8, 8, (0.0,), (1.0,))
    Model(graph, initialize(graph), classes, preprocessing).save(tmp_path / "m.safetensors")
    words = [sys.executable, "-m", "striate", "serve", "m.safetensors", "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as program:
        assert program.stdout is not None
        url = json.loads(program.stdout.readline())["url"]
        with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
            assert json.load(answer)["status"] == "ok"
        program.send_signal(signal.SIGINT)
        rest, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert json.loads(rest) == {"schema_version": 1, "pictures": 0}
    assert errors == b""


def test_a_port_that_is_taken() -> None:
    from striate.serve.server import listening

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match="in use") as refused:
            listening("127.0.0.1", port)
    assert "--port" in refused.value.remedy
