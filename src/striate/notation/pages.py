"""The page of one operator: what its docstring says, laid out for a terminal or as Markdown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from textwrap import fill, indent

from striate.errors import SettingError, did_you_mean
from striate.notation.forms import Form, by_keyword, classes
from striate.notation.reading import signature

EXAMPLE = ">>> "
BULLET = "* "
ARGS = "Args:\n"


@dataclass(frozen=True, slots=True)
class OperatorPage:
    """What is known of an operator, in words.

    Args:
        keyword: its name in the notation.
        signature: how it is written, with all settings.
        aliases: other keywords for it.
        text: what it does, formula, gradient, source and example, as its docstring has them.
        settings: what each setting means, and the shapes.
    """

    keyword: str
    signature: str
    aliases: tuple[str, ...]
    text: str
    settings: str

    def plain(self, width: int) -> str:
        """The page with its paragraphs filled to `width` columns; formulas stay as they are."""
        written = fill(self._written(), width, initial_indent="    ", subsequent_indent=" " * 6)
        parts = self.text, written, self.settings
        return "\n".join(_plain("\n\n".join(parts), width)) + "\n"

    def markdown(self) -> str:
        """The page as a Markdown document."""
        title, _, rest = self.text.partition("\n\n")
        said = " ".join(title.removeprefix(f"{self.keyword}: ").split())
        return "\n\n".join(
            (
                f"# {self.keyword}",
                f"    {self._written()}",
                said[:1].upper() + said[1:],
                *_markdown(rest),
                "## Settings and shapes",
                *_markdown(self.settings),
            )
        )

    def _written(self) -> str:
        others = f"   (also {', '.join(self.aliases)})" if self.aliases else ""
        return self.signature + others


def page(keyword: str) -> OperatorPage:
    """The page of an operator, by a keyword of the notation in any case.

    Raises:
        SettingError: there is no such operator.

    >>> page("conv1d").keyword
    'CONV'
    """
    form = by_keyword().get(keyword.upper())
    if form is None:
        near = did_you_mean(keyword, by_keyword())
        raise SettingError(
            f"there is no operator {keyword!r}",
            remedy=f"{near} `striate show --operators` lists all of them.".lstrip(),
        )
    return OperatorPage(
        form.keyword, signature(form), form.aliases, text_of(form), _settings_of(form)
    )


def text_of(form: Form) -> str:
    """The docstring of an operator's file."""
    return cleandoc(sys.modules[classes()[form.operator].__module__].__doc__ or "")


def _settings_of(form: Form) -> str:
    """What the docstring of a class says of its settings, and of those that it inherits."""
    kind = classes()[form.operator]
    texts = [cleandoc(each.__doc__ or "") for each in kind.__mro__]
    return "\n\n".join(map(_settings, [texts[0], *(each for each in texts[1:] if ARGS in each)]))


def _settings(text: str) -> str:
    """The arguments of a docstring as a list."""
    head, found, rest = text.partition(ARGS)
    if not found:
        return text
    arguments, _, after = rest.partition("\n\n")
    lines = []
    for line in arguments.splitlines():
        line = line.removeprefix("    ")
        lines.append(f"  {line.strip()}" if line.startswith(" ") else f"{BULLET}{line}")
    return "\n\n".join(filter(None, (head.strip(), "\n".join(lines), after)))


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, single items of lists, formulas and examples."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith((" ", EXAMPLE)):
            yield block
        else:
            yield from re.split(r"\n(?=\* )", block)


def _plain(text: str, width: int) -> Iterator[str]:
    last = ""
    for block in _blocks(text):
        if last and not (last.startswith(BULLET) and block.startswith(BULLET)):
            yield ""
        if block.startswith((" ", EXAMPLE)):
            yield block
        else:
            hanging = "  " if block.startswith(BULLET) else ""
            words = " ".join(block.split())
            yield fill(words, width, subsequent_indent=hanging, break_on_hyphens=False)
        last = block


def _markdown(text: str) -> Iterator[str]:
    items: list[str] = []
    for block in _blocks(text):
        if block.startswith(BULLET):
            items.append(block)
            continue
        if items:
            yield "\n".join(items)
            items = []
        yield indent(block, "    ") if block.startswith(EXAMPLE) else block
    if items:
        yield "\n".join(items)
