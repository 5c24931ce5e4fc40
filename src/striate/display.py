"""What an answer looks like: lines and tables, described once and shown everywhere.

What Striate returns says of itself which lines and tables it is shown as (`Displayed`). The same
description is text for `print`, HTML for a notebook, and colors for the command line.
"""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

WIDTH = 100
"""Columns of a text where no terminal says how wide it is."""

STYLES = {"": "", "strong": "bold", "quiet": "dim", "warning": "yellow"}
"""Styles of lines, and what they are on a terminal."""

_CSS = {
    "": "",
    "strong": "font-weight:bold",
    "quiet": "color:gray",
    "warning": "color:darkgoldenrod",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    Args:
        style: one of `STYLES`.
    """

    text: str
    style: str = ""

    def on_terminal(self, width: int) -> Trimmed:
        """The line for rich, which breaks it where it is too long."""
        from rich.text import Text

        return Trimmed(Text(visible(self.text), STYLES[self.style]))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        heading: above it.
        text: whether its cells stand flush left; numbers stand flush right.
        total: below it.
        wide: for text, the width beyond which it is folded rather than other columns left out;
            0 for no such width.
        rank: 0 for a column that always stays; where a table is too wide, the column of the
            highest rank is left out first.
    """

    heading: str
    text: bool = False
    total: str = ""
    wide: int = 0
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a cell per column in each row."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def fitting(self, width: int) -> tuple[Grid, tuple[str, ...]]:
        """The table within `width` as far as leaving out columns helps, and their headings.

        >>> grid = Grid((Column("name", text=True), Column("size", rank=1)), (("conv1", "12"),))
        >>> [column.heading for column in grid.fitting(8)[0].columns], grid.fitting(8)[1]
        (['name'], ('size',))
        """
        wanted = [self._width(k) for k in range(len(self.columns))]
        kept = list(range(len(self.columns)))
        left_out: list[int] = []
        while _total(wanted[k] for k in kept) > width:
            least = max(kept, key=lambda k: self.columns[k].rank)
            if not self.columns[least].rank:
                break
            kept.remove(least)
            left_out.append(least)
        rows = tuple(tuple(row[k] for k in kept) for row in self.rows)
        headings = tuple(self.columns[k].heading for k in sorted(left_out))
        return replace(self, columns=tuple(self.columns[k] for k in kept), rows=rows), headings

    def _width(self, k: int) -> int:
        from rich.cells import cell_len

        column = self.columns[k]
        cells = (column.heading, column.total, *(row[k] for row in self.rows))
        widest = max(cell_len(visible(each)) for each in cells)
        return min(widest, max(column.wide, len(column.heading))) if column.wide else widest

    def on_terminal(self, width: int) -> Trimmed:
        """The table for rich; what does not fit into `width` is folded, nothing is cut."""
        from rich import box
        from rich.table import Table

        totals = any(column.total for column in self.columns)
        made = Table(box=box.SIMPLE, show_footer=totals, pad_edge=False, header_style="bold")
        widths = [self._width(k) for k in range(len(self.columns))]
        fits = _total(widths) <= width
        for column, least in zip(self.columns, widths, strict=True):
            made.add_column(
                _cell(column.heading),
                footer=_cell(column.total),
                justify="left" if column.text else "right",
                min_width=least if fits else None,
                overflow="fold",
            )
        for row in self.rows:
            made.add_row(*map(_cell, row))
        return Trimmed(made)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A text or table of rich without blank lines around it and spaces at the ends of lines."""

    whole: Text | Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.segment import Segment

        lines = [_trimmed(line) for line in console.render_lines(self.whole, options, pad=False)]
        filled = [k for k, line in enumerate(lines) if line]
        for line in lines[filled[0] : filled[-1] + 1] if filled else ([],):
            yield from line
            yield Segment.line()


def _trimmed(line: Sequence[Segment]) -> list[Segment]:
    """The parts of a line without the spaces at its end."""
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())
    return kept


Block: TypeAlias = Line | Grid


class Displayed(ABC):
    """Something that can be shown: `print` gives its text, a notebook its tables."""

    __slots__ = ()

    @property
    @abstractmethod
    def headline(self) -> str:
        """What it is, in a few words."""

    @abstractmethod
    def display(self) -> Iterator[Block]:
        """The lines and tables that it is shown as."""

    def __str__(self) -> str:
        return as_text(self.display(), shutil.get_terminal_size((WIDTH, 24)).columns)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {visible(self.headline)}>"

    def _repr_html_(self) -> str:
        return as_html(self.display())


def fitted(blocks: Iterable[Block], width: int) -> Iterator[Block]:
    """The blocks with tables that fit `width`; a line behind a table says what was left out."""
    for block in blocks:
        if isinstance(block, Line):
            yield block
            continue
        grid, left_out = block.fitting(width)
        yield grid
        if left_out:
            yield Line(f"No room in {width} columns for: {', '.join(left_out)}.", "quiet")


def as_text(blocks: Iterable[Block], width: int = WIDTH) -> str:
    """The blocks as plain text of lines up to `width`.

    >>> print(as_text([Line("two"), Grid((Column("a"), Column("b")), (("1", "22"),))]))
    two
     a    b
     ──────
     1   22
    """
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=width,
        color_system=None,
        force_jupyter=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for block in fitted(blocks, width):
        console.print(block.on_terminal(width))
    return out.getvalue().rstrip("\n")


def as_html(blocks: Iterable[Block]) -> str:
    """The blocks as HTML; whatever stands in them is escaped."""
    return "\n".join(
        _html_line(block) if isinstance(block, Line) else _html_table(block) for block in blocks
    )


def as_markdown(blocks: Iterable[Block]) -> str:
    """The blocks as Markdown with tables, as GitHub reads it.

    >>> print(as_markdown([Grid((Column("a", text=True), Column("b")), (("x|y", "22"),))]))
    | a | b |
    |:--|--:|
    | x\\|y | 22 |
    """
    return "\n\n".join(
        _marked(block.text) if isinstance(block, Line) else "\n".join(_markdown_rows(block))
        for block in blocks
    )


def _markdown_rows(grid: Grid) -> Iterator[str]:
    head, *rows = _all_rows(grid)
    yield f"| {' | '.join(map(_marked, head))} |"
    yield f"|{'|'.join(':--' if column.text else '--:' for column in grid.columns)}|"
    yield from (f"| {' | '.join(map(_marked, row))} |" for row in rows)


def _marked(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", _cell(text))


def as_latex(blocks: Iterable[Block]) -> str:
    """The tables and lines for a LaTeX document that uses the package booktabs.

    >>> print(as_latex([Grid((Column("a", text=True), Column("b")), (("x_1", "5 %"),))]))
    \\begin{tabular}{lr}
    \\toprule
    a & b \\\\
    \\midrule
    x\\_1 & 5 \\% \\\\
    \\bottomrule
    \\end{tabular}
    """
    return "\n\n".join(
        _typeset(block.text) if isinstance(block, Line) else "\n".join(_latex_rows(block))
        for block in blocks
    )


def _latex_rows(grid: Grid) -> Iterator[str]:
    head, *rows = (f"{' & '.join(map(_typeset, row))} \\\\" for row in _all_rows(grid))
    yield f"\\begin{{tabular}}{{{''.join('l' if each.text else 'r' for each in grid.columns)}}}"
    yield from ("\\toprule", head, "\\midrule", *rows[: len(grid.rows)])
    yield from ("\\midrule", *rows[len(grid.rows) :]) if len(rows) > len(grid.rows) else ()
    yield from ("\\bottomrule", "\\end{tabular}")


_TYPESET = {
    **{each: f"\\{each}" for each in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "<": r"$<$",
    ">": r"$>$",
}


def _typeset(text: str) -> str:
    return "".join(_TYPESET.get(each, each) for each in _cell(text))


def _all_rows(grid: Grid) -> list[tuple[str, ...]]:
    """Headings, rows, and totals where there are any."""
    totals = tuple(column.total for column in grid.columns)
    head = tuple(column.heading for column in grid.columns)
    return [head, *grid.rows, *([totals] if any(totals) else [])]


def _html_line(line: Line) -> str:
    style = f' style="{_CSS[line.style]}"' if line.style else ""
    return f"<p{style}>{_escaped(line.text)}</p>"


def _html_table(grid: Grid) -> str:
    parts = [("thead", [tuple(column.heading for column in grid.columns)]), ("tbody", grid.rows)]
    if any(column.total for column in grid.columns):
        parts.append(("tfoot", [tuple(column.total for column in grid.columns)]))
    inside = "".join(
        f"<{name}>{''.join(_html_row(grid, row, name) for row in rows)}</{name}>"
        for name, rows in parts
    )
    return f"<table>{inside}</table>"


def _html_row(grid: Grid, row: Sequence[str], part: str) -> str:
    tag = "td" if part == "tbody" else "th"
    cells = (
        f'<{tag} style="text-align:{"left" if column.text else "right"}">{_escaped(cell)}</{tag}>'
        for column, cell in zip(grid.columns, row, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _escaped(text: str) -> str:
    return escape(visible(text)).replace("\n", "<br>")


def _total(widths: Iterable[int]) -> int:
    """The width of a table: an edge on both sides, and three columns between two."""
    listed = list(widths)
    return 2 + sum(listed) + 3 * (len(listed) - 1)


def _cell(text: str) -> str:
    return visible(text).replace("\n", "\\n")


HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls; ESC begins what a terminal obeys
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # order of writing turned around
    "\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # breaks, and nothing at all
    "\ud800-\udfff]"  # bytes of a file's name that are no UTF-8
)
"""What is not a character to be seen. New lines and tabs stay, and what joins letters."""


def visible(text: str) -> str:
    """`text` with escapes in place of what would act on the terminal instead of being seen.

    >>> visible("red \\x1b[31m, \\u202egnp.exe, caf\\udce9, café")
    'red \\\\x1b[31m, \\\\u202egnp.exe, caf\\\\xe9, café'
    """
    return HIDDEN.sub(lambda found: _escape(ord(found[0])), text)


def _escape(character: int) -> str:
    if 0xDC80 <= character <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        return f"\\x{character - 0xDC00:02x}"
    return chr(character).encode("unicode_escape").decode()


def shape_text(lengths: Iterable[int], empty: str = "scalar") -> str:
    """The lengths of axes as a text; `empty` where there is no axis.

    >>> shape_text((1, 28, 28)), shape_text(())
    ('1x28x28', 'scalar')
    """
    return "x".join(map(str, lengths)) or empty


def count(number: int) -> str:
    """A whole number with thousands apart; a dot for zero, so that what counts stands out."""
    return f"{number:,}" if number else "·"
