"""docs/seeing.md: its commands draw its pictures, and so does its Python."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks/seeing_figures.py"))
FIGURES = ROOT / "docs/figures"
PAGE = (ROOT / "docs/seeing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands of the page were run, with pictures beside it."""
    folder = tmp_path_factory.mktemp("seeing")
    SCRIPT["draw"](folder / "pictures", folder, 1)
    return folder


def test_the_commands_draw_the_pictures_that_are_shown(here: Path) -> None:
    names = SCRIPT["shown"]()
    assert len(names) >= 6
    for name in names:
        with Image.open(here / "pictures" / name) as drawn, Image.open(FIGURES / name) as kept:
            if name not in ("mistakes.png", "confusion.png"):  # these are as large as the errors
                assert abs(drawn.width - kept.width) <= 0.1 * kept.width, name
            assert len(drawn.convert("RGB").getcolors(1 << 24) or ()) > 8, name


def test_the_python_of_the_page_draws_them_too(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(here / "runs")
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), {})
    drawn = {each.name: each.read_bytes() for each in tmp_path.glob("*.png")}
    assert drawn.keys() >= SCRIPT["shown"]()
    assert drawn["kernels.png"] == (here / "kernels.png").read_bytes()
    assert drawn["expression.png"] == (here / "expression.png").read_bytes()
