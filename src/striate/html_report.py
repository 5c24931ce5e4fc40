"""A run on one page: recipe, curves, confusion, mistakes, kernels, table and verdicts as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from striate import drawing, lookup
from striate.analysis.table import table
from striate.diagnosis import diagnose
from striate.display import as_html
from striate.drawing.style import to_bytes
from striate.errors import StriateError
from striate.model_data import data_of
from striate.training.evaluate import evaluate
from striate.training.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em }}
img {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }}
td, th {{ padding: 2px 8px; border-bottom: 1px solid #ddd }}
pre {{ background: #f4f4f4; padding: 1em; white-space: pre-wrap }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def report(run: Path | str, *, data_dir: Path | str | None = None) -> str:
    """A run as one page of HTML, which loads nothing from anywhere.

    Pictures are drawn in it. Where the pictures that the run learned from are not on this
    computer, or a part does not apply to its network, the page says so in its place.

    Args:
        run: a run folder.
        data_dir: where named data sets lie, if not where the run found them.

    Raises:
        RunError: no run folder, or a damaged one.
    """
    folder = RunFolder.open(Path(run))
    place = None if data_dir is None else Path(data_dir)
    parts = (
        _part(title, lines)
        for title, lines in (
            ("Recipe", _recipe(folder)),
            ("Curves", _curves(folder)),
            ("Test pictures", _judged(folder, place)),
            ("Kernels", _kernels(folder)),
            ("Layers", _layers(folder)),
            ("Verdicts", _verdicts(folder, place)),
        )
    )
    name = escape(folder.path.resolve().name)
    return _PAGE.format(title=name, body="\n".join(parts))


def _part(title: str, lines: Iterator[str]) -> str:
    """A section; what keeps it from being made stands in it."""
    found = [f"<h2>{title}</h2>"]
    try:
        found.extend(lines)
    except StriateError as error:
        found.append(f"<p><em>{escape(str(error))}</em></p>")
    return "\n".join(found)


def _recipe(folder: RunFolder) -> Iterator[str]:
    config: dict[str, Any] = folder.read_config()
    said = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=10**6)
    yield f"<pre>{escape(said)}</pre>"


def _curves(folder: RunFolder) -> Iterator[str]:
    yield _image(drawing.curves(folder.path), "Loss, accuracy and learning rate by epoch")


def _judged(folder: RunFolder, data_dir: Path | None) -> Iterator[str]:
    model = lookup.model_of(folder.path)
    pictures = data_of(model, "", data_dir, judging=True)
    judged = evaluate(model, pictures)
    yield _image(drawing.confusion(judged), "True classes down, answers across")
    if judged.mistakes:
        images = pictures.split("test").images
        yield _image(drawing.mistakes(judged, images), "The mistakes that it was surest of")
    yield as_html(judged.display())


def _kernels(folder: RunFolder) -> Iterator[str]:
    yield _image(drawing.kernels(lookup.model_of(folder.path)), "Kernels of every layer")


def _layers(folder: RunFolder) -> Iterator[str]:
    yield as_html(table(lookup.model_of(folder.path).graph).display())


def _verdicts(folder: RunFolder, data_dir: Path | None) -> Iterator[str]:
    yield as_html(diagnose(folder.path, data_dir=data_dir).display())


def _image(figure: Figure, said: str) -> str:
    content = b64encode(to_bytes(figure, ".png")).decode()
    return f'<p><img alt="{escape(said)}" src="data:image/png;base64,{content}"></p>'
