"""How a command ends: Ctrl-C at any moment, pipes closed and full, nothing raw on a terminal."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate import cli
from striate.data.preprocess import Preprocessing
from striate.display import HIDDEN, visible
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10"
COMMAND = [sys.executable, "-m", "striate"]
HOSTILE = "red\x1b[31m\x07\x9b2J \u202egnp.exe\nforged \ud800\udcff"


def _shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A line of bash, in which $S is striate; its exit code is the one that the line ends with."""
    words = ["bash", "-c", line]
    environment = {**os.environ, "S": " ".join(COMMAND), "OMP_NUM_THREADS": "1", **more}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$S show vgg16 | true; exit ${PIPESTATUS[0]}", 141),
        ("$S networks --json | true; exit ${PIPESTATUS[0]}", 141),
        ("$S show --help | true; exit ${PIPESTATUS[0]}", 141),
        ("$S export lenet5 | true; exit ${PIPESTATUS[0]}", 141),
        ("$S show nowhere 2>&1 | true; exit ${PIPESTATUS[0]}", 2),
        ("$S show lenet5 >&-", 0),
        ("$S show lenet5 --json <&- >&- 2>&-", 0),
        ("$S show nowhere >&- 2>&-", 2),
    ],
)
def test_who_stops_listening_is_no_error(line: str, code: int) -> None:
    done = _shell(line)
    assert (done.returncode, done.stderr) == (code, "")


def test_training_goes_on_when_nobody_reads(tmp_path: Path) -> None:
    line = f"$S train '{SMALL}' --epochs 2 --run {tmp_path}/run | true; exit ${{PIPESTATUS[0]}}"
    done = _shell(line)
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", ["", "--json"])
def test_a_full_disk_behind_standard_output(words: str) -> None:
    done = _shell(f"$S show lenet5 {words} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "striate: standard output: No space left on device\n"


def test_an_encoding_that_cannot_write_it() -> None:
    done = _shell(f"$S show '{SMALL}'", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_while_it_still_imports(delay: float) -> None:
    """From our first line on, which says that it is there: before it, Python answers by itself."""
    program = (
        "import sys; from striate.cli import script; "
        "sys.argv[1:] = ['verify', 'lenet5']; print('begun', flush=True); script()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode:  # else it was done before
        assert (process.returncode, said) == (130, "interrupted\n")


def test_ctrl_c_during_an_import_ends_at_once() -> None:
    """A module whose import swallows what is raised in it, as some do."""
    program = (
        "import os, signal, sys, types\n"
        "from striate import cli\n"
        "signal.signal(signal.SIGINT, cli._interrupt)\n"
        "open('slow.py', 'w').write('import os, signal\\ntry:\\n"
        "    os.kill(os.getpid(), signal.SIGINT)\\nexcept BaseException: pass')\n"
        "sys.path.insert(0, '')\nimport slow\nprint('went on')\n"
    )
    done = _shell(f'cd $(mktemp -d) && {sys.executable} -c "$PROGRAM"', PROGRAM=program)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_hidden_characters_are_made_visible() -> None:
    assert visible(HOSTILE) == ("red\\x1b[31m\\x07\\x9b2J \\u202egnp.exe\nforged \\ud800\\xff")
    seen = "café 日本 हिन्दी 👩\u200d🔬 tab\t\u00a0"
    assert visible(seen) == seen


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A model whose classes are called what a terminal would obey, and a picture."""
    graph = parse(SMALL)
    names = ("\x1b[31mred", "\u202eevil", "a\nforged row", ":smile:", "[red]x", *"56789")
    preprocessing = Preprocessing(1, 8, 8, (0.0,), (1.0,))
    Model(graph, initialize(graph), names, preprocessing).save(tmp_path / "model.safetensors")
    name = os.fsdecode(b"p\x1b[2J\xff.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("words", ["", "--json"])
def test_names_never_reach_a_terminal_raw(hostile: Path, words: str) -> None:
    done = _shell(f"cd {hostile} && $S predict model.safetensors p* --top 10 {words}")
    assert done.returncode == 0, done.stderr
    assert not HIDDEN.search(done.stdout)
    if words:
        [found] = json.loads(done.stdout)["predictions"]
        assert {"\x1b[31mred", "\u202eevil"} <= {each["class"] for each in found["ranking"]}
    else:
        assert "\\x1b[31mred" in done.stdout
        assert "a\\nforged row" in done.stdout
        assert ":smile:" in done.stdout
        assert "[red]x" in done.stdout
        assert "p\\x1b[2J\\xff.png" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("show", "x\x1b[31m"),
        ("show", "INPUT 5 -> \x1b[31m"),
        ("show", "x\udcff.safetensors"),
        ("show", "--no\x1b[31m"),
        ("predict", "\u202e.safetensors", "x"),
        ("train", SMALL, "--data", "\x9b"),
        ("why", "x.net", "y", "z", "--target", "\x07", "--bad\x07"),
    ],
)
def test_errors_repeat_no_control_character(words: tuple[str, ...]) -> None:
    done = subprocess.run([*COMMAND, *words], capture_output=True, timeout=60)
    assert done.returncode == 2
    assert not HIDDEN.search(done.stderr.decode())


def test_only_one_place_prints() -> None:
    """Whatever the command line says goes through `terminal`, which makes it visible."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and path.name != "command.py":
                called = ast.unparse(node.func)
                assert called not in ("print", "typer.echo", "click.echo"), (path, node.lineno)
                assert not called.startswith(("sys.stdout.", "sys.stderr.")), (path, node.lineno)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threads", "100000"), "--threads"),
        (("--batch", "9223372036854775808"), "--batch"),
        (("--batch", "1000000"), "there is not enough memory|conv1"),
        (("--steps", "9" * 30), "--steps"),
    ],
)
def test_a_bench_beyond_any_machine_is_refused(words: tuple[str, ...], said: str) -> None:
    import re

    done = subprocess.run(
        [*COMMAND, "bench", "A", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert re.search(said, done.stderr)
    assert "Traceback" not in done.stderr
