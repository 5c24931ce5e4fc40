"""The architecture of a network as text that others draw: Mermaid and DOT (Graphviz)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from striate.drawing.blocks import Box, DrawnItem, FoldedBlocks, Series, chains
from striate.drawing.layout import words_of
from striate.lookup import NetworkLike, graph_of


class _Writer:
    """Walks over chains and writes boxes, groups and arrows in one of the two languages."""

    def __init__(self, language: _Language) -> None:
        self._language = language
        self._boxes: dict[tuple[str, ...], str] = {}
        self._numbers = count(1)
        self._groups = count(1)
        self.lines: list[str] = []
        self.arrows: list[str] = []
        self._ends: dict[str, str] = {}

    def series(self, items: Series, before: Sequence[str]) -> Sequence[str]:
        """Write items that come after `before`; returns what the next comes after."""
        for item in items:
            before = self._item(item, before)
        return before

    def _item(self, item: DrawnItem, before: Sequence[str]) -> Sequence[str]:
        if isinstance(item, Box):
            return self._box(item, before)
        if isinstance(item, FoldedBlocks):
            opening, closing = self._language.group
            self.lines.append(opening.format(number=next(self._groups), times=item.times))
            found = self.series(item.body, before)
            self.lines.append(closing)
            return found
        ends = [end for branch in item.branches for end in self.series(branch, before)]
        return self._box(item.merge, list(dict.fromkeys(ends)))

    def _box(self, box: Box, before: Sequence[str]) -> Sequence[str]:
        if box.family == "reference":
            name = box.lines[0].removeprefix("from ")
            return [self._ends[name]] if name in self._ends else []
        key = f"b{next(self._numbers)}"
        said = self._language.line_end.join(_escaped(each.text) for each in words_of(box))
        self.lines.append(self._language.box.format(key=key, said=said))
        if box.is_fed:
            self.arrows += [self._language.arrow.format(a=each, b=key) for each in before]
        self._ends |= dict.fromkeys(box.nodes, key)
        return [key]


def _escaped(text: str) -> str:
    return text.strip().replace("\\", "\\\\").replace('"', "'")


class _Language:
    """How one of the two writes things."""

    def __init__(
        self, head: str, foot: str, box: str, arrow: str, group: tuple[str, str], line_end: str
    ) -> None:
        self.head, self.foot, self.box, self.arrow = head, foot, box, arrow
        self.group, self.line_end = group, line_end


_LANGUAGES = {
    "mermaid": _Language(
        "flowchart TD",
        "",
        '    {key}["{said}"]',
        "    {a} --> {b}",
        ('    subgraph g{number}["×{times}"]', "    end"),
        "<br/>",
    ),
    "dot": _Language(
        'digraph network {\n    node [shape=box, style=rounded, fontname="monospace"];',
        "}",
        '    {key} [label="{said}"];',
        "    {a} -> {b};",
        ('    subgraph cluster_{number} {{ label="×{times}"; style=dashed;', "    }"),
        "\\n",
    ),
}


def _text(network: NetworkLike, language: str, is_open: bool | None) -> str:
    writer = _Writer(_LANGUAGES[language])
    for each in _referred_last(chains(graph_of(network), is_open=is_open)):
        writer.series(each, [])
    form = _LANGUAGES[language]
    lines = [form.head, *writer.lines, *writer.arrows, form.foot]
    return "\n".join(line for line in lines if line) + "\n"


def _referred_last(found: Sequence[Series]) -> Iterable[Series]:
    """Chains in the order that each comes after the one it goes on from."""
    main, *others = found
    starts = [each for each in others if not _goes_on(each)]
    return [*starts, main, *(each for each in others if _goes_on(each))]


def _goes_on(items: Series) -> bool:
    first = items[0]
    return isinstance(first, Box) and first.family == "reference"


def mermaid(network: NetworkLike, *, is_open: bool | None = None) -> str:
    """A network as a Mermaid flowchart, which many pages of Markdown draw; see `network`.

    >>> print(mermaid("INPUT 1x4x4 -> CONV 2 3x3 -> RELU"), end="")
    flowchart TD
        b1["input<br/>INPUT 1x4x4<br/>1x4x4"]
        b2["conv1 … relu1<br/>CONV 2 3x3<br/>RELU<br/>2x2x2, 20 parameters"]
        b1 --> b2
    """
    return _text(network, "mermaid", is_open)


def dot(network: NetworkLike, *, is_open: bool | None = None) -> str:
    """A network in the language of Graphviz; see `network`."""
    return _text(network, "dot", is_open)


TEXTS: dict[str, Callable[..., str]] = {"mermaid": mermaid, "dot": dot}
"""The languages by name."""
