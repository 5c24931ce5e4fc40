"""The studio's own parts as widgets: the same modules in its page and in a notebook.

`asker` holds what the reader wants, and is all that a page sends back; the others only show.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from striate.studio.packages import package

KINDS: Mapping[str, Mapping[str, type]] = {
    "asker": {
        "size": list,
        "sets": list,
        "start": dict,
        "said": dict,
        "picture": dict,
        "wish": dict,
    },
    "maps": {"reads": dict, "layers": list},
    "zoom": {"plane": dict},
    "walk": {"answer": dict},
}
"""Each widget, a module of `assets/`, and what it is told beside the page's key and words:

- asker: the pad, test pictures, files and views; `wish` is what the reader wants, numbered;
- maps: the layers as columns of maps, and the field under the pointer;
- zoom: one map from near, with its numbers;
- walk: why a number is what it is, and the way that led there.
"""

COMMON: Mapping[str, type] = {"group": str, "words": dict}


@cache
def asset(name: str) -> str:
    """A file of `assets/` as text."""
    return (files("striate.studio") / "assets" / name).read_text(encoding="utf-8")


@cache
def _kind(name: str) -> Any:
    traitlets = package("traitlets")
    traits: dict[type, Any] = {list: traitlets.List, dict: traitlets.Dict, str: traitlets.Unicode}
    told = {key: traits[of]().tag(sync=True) for key, of in {**COMMON, **KINDS[name]}.items()}
    code = f"{asset('shared.js')}\n{asset(f'{name}.js')}"
    looks = {"_esm": code, "_css": asset("studio.css")}
    return type(name.title(), (package("anywidget").AnyWidget,), told | looks)


def widget(kind: str, **told: Any) -> Any:
    """A widget, one of `KINDS`.

    Raises:
        StriateError: the extra `studio` is not installed.
    """
    return _kind(kind)(**told)
