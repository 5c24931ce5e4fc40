"""The page: its parts, and what happens when its reader wants something."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from striate.errors import StriateError
from striate.studio.packages import package
from striate.studio.tiles import PageJson
from striate.studio.viewer import VIEWS, Studio, Viewer
from striate.studio.widgets import asset, widget
from striate.studio.words import LANGUAGES, words_of

LONGEST = 500
"""Letters of a question."""


class Page:
    """One open page.

    Args:
        studio: the network.
        asked: what its address asks for: picture, number, view, lang, theme.
    """

    def __init__(self, studio: Studio, asked: Mapping[str, str]) -> None:
        self.viewer = Viewer(studio)
        self.key = uuid4().hex
        self.view = asked["view"] if asked.get("view") in VIEWS else VIEWS[0]
        self.every = False
        self.opened = ""
        self.number = asked.get("number", "")[:LONGEST]
        self._asked = asked
        language = asked.get("lang", "")
        language = language if language in LANGUAGES else LANGUAGES[0]
        common = {"group": self.key, "words": words_of(language)}
        start = {"lang": language, "view": self.view, "shortcuts": list(studio.shortcuts)}
        size = list(studio.preprocessing.shape[1:])
        self.asker = widget("asker", size=size, sets=list(studio.sets), start=start, **common)
        self.maps = widget("maps", reads=studio.reads, **common)
        self.zoom, self.walk = widget("zoom", **common), widget("walk", **common)
        self._homes = {
            "layers": self.maps,
            "plane": self.zoom,
            "answer": self.walk,
            "said": self.asker,
            "picture": self.asker,
        }
        self._wishes: Mapping[str, Callable[[PageJson], PageJson]] = {
            "pixels": self._draw,
            "picture": self._choose,
            "ask": self._ask,
            "view": self._turn,
            "open": self._open,
            "theme": self._theme,
        }
        self._waiting: list[Callable[[], PageJson]] = []
        self._works = False
        self.asker.observe(self._heard, "wish")

    def build(self) -> None:
        """Lay the parts out and show the first picture."""
        ui = package("nicegui.ui")
        ui.add_head_html(f"<style>{asset('page.css')}</style>")
        ui.page_title(f"Striate: {self.viewer.studio.name}")
        dark = {"dark": True, "light": False}.get(self._asked.get("theme", ""))
        self._dark = ui.dark_mode(dark)
        with ui.element("main").classes("studio"):
            # It says what the reader wants; to hear it back would cost a redraw.
            ui.anywidget(self.asker).LOOPBACK = False
            ui.anywidget(self.maps)
            with ui.element("section").classes("answers"):
                ui.anywidget(self.zoom)
                ui.anywidget(self.walk)
        first = self._asked.get("picture") or f"{self.viewer.studio.sets[0]}#0"
        self.later(lambda: self._choose({"picture": first}))

    def drop(self, content: bytes) -> None:
        """Show the picture in a file that somebody has dropped."""
        self.later(lambda: self._shown(self.viewer.take, content))

    def later(self, work: Callable[[], PageJson]) -> None:
        """Do some work in a thread, one after another, and show what it returns."""
        self._waiting.append(work)
        if not self._works:
            self._works = True
            package("nicegui.background_tasks").create(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                work = self._waiting.pop(0)
                found = await package("nicegui.run").io_bound(_said, work)
                self._show(found or {})
        finally:
            self._works = False

    def _show(self, found: PageJson) -> None:
        for name, value in found.items():
            if name == "dark":
                self._dark.set_value(value)
            else:
                setattr(self._homes[name], name, value)

    def _heard(self, change: Mapping[str, Any]) -> None:
        """What the reader wants: see `_wishes`."""
        wish = change["new"]
        act = self._wishes.get(str(wish.get("kind")))
        if act is not None:
            self.later(partial(act, wish))

    def _draw(self, wish: PageJson) -> PageJson:
        """Show a drawing: a byte per pixel, row by row."""
        shape = self.viewer.studio.preprocessing.shape[1:]
        try:
            pixels = np.frombuffer(b64decode(wish["pixels"], validate=True), np.uint8)
        except (KeyError, TypeError, ValueError):
            return {}
        if pixels.size != shape[0] * shape[1]:
            return {}
        found = self._shown(
            self.viewer.take, pixels.reshape(1, *shape), again=bool(wish.get("last"))
        )
        return found | {"picture": {"sent": wish.get("sent")}}

    def _choose(self, wish: PageJson) -> PageJson:
        data, _, number = str(wish.get("picture")).rpartition("#")
        place = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        found = self._shown(self.viewer.choose, data, place)
        return found | {"picture": {"name": f"{data}#{place}", **self._pixels()}}

    def _pixels(self) -> PageJson:
        """The picture, for the pad to show."""
        pixels = self.viewer.picture.pixels
        if pixels is None:
            return {}
        return {"channels": len(pixels), "pixels": b64encode(pixels.tobytes()).decode()}

    def _shown(self, take: Callable[..., None], *picture: Any, again: bool = True) -> PageJson:
        """Take another picture; what the page shows of it, and the last question again."""
        take(*picture)
        # The picture goes first: a page that draws the maps knows whose they are.
        found = {"picture": self._pixels(), "said": {}} | self._layers()
        return found | (self._answer() if again and self.number else {})

    def _layers(self) -> PageJson:
        return {"layers": self.viewer.columns(self.view, every=self.every, opened=self.opened)}

    def _answer(self) -> PageJson:
        return {"answer": self.viewer.why(self.number), "plane": self.viewer.closer(self.number)}

    def _ask(self, wish: PageJson) -> PageJson:
        self.number = str(wish.get("what"))[:LONGEST]
        return self._answer() | {"said": {}}

    def _turn(self, wish: PageJson) -> PageJson:
        self.view = wish["view"] if wish.get("view") in VIEWS else self.view
        self.every = bool(wish.get("every"))
        return self._layers() | {"said": {}}

    def _open(self, wish: PageJson) -> PageJson:
        self.opened = str(wish.get("layer"))
        return self._layers()

    def _theme(self, wish: PageJson) -> PageJson:
        return {"dark": bool(wish.get("dark"))}


def _said(work: Callable[[], PageJson]) -> PageJson:
    """What some work returns; or what is wrong, for the page to say."""
    try:
        return work()
    except StriateError as error:
        return {"said": {"text": str(error), "number": uuid4().hex}}
