"""docs/figures.md: each command draws, and each picture is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from command import Striate

PAGE = Path(__file__).resolve().parents[2] / "docs/figures.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    striate (draw .+)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network whose layers are called as the page calls them, beside a second one."""
    from striate.training import train

    folder = tmp_path_factory.mktemp("page") / "lenet-digits-1"
    net = "INPUT 1x8x8 -> CONV 4 3x3 same -> RELU -> CONV 4 3x3 same -> RELU -> FC 10"
    train(net, "digits", run=folder, epochs=1)
    train(net, "digits", run=folder.with_name("lenet-digits-2"), epochs=1, seed=1)
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_draws(striate: Striate, run: Path, line: str) -> None:
    words = [
        str(run.parent / each[5:]) if each.startswith("runs/") else each
        for each in shlex.split(line)
    ]
    done = striate(*words)
    assert (done.code, done.err.replace("digits#7", "")) == (0, "")
    if "--out" in words:
        assert Path(words[words.index("--out") + 1]).stat().st_size > 3000


def test_every_kind_stands_on_the_page() -> None:
    from striate.cli.draw import KINDS

    assert {line.split()[1] for line in COMMANDS} == set(KINDS)
    for picture in re.findall(r"\]\((figures/\S+)\)", TEXT):
        assert (PAGE.parent / picture).is_file()
