"""From characters to a syntax tree, with the place of everything in the text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark, Token, Transformer

from striate.graph.check import normal_name


@dataclass(frozen=True, slots=True)
class TextSpan:
    """From one character up to before another."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """A token and its place."""

    text: str
    span: TextSpan


@dataclass(frozen=True, slots=True)
class Argument:
    """`5x5`, `same` or `stride=2`."""

    key: Word | None
    value: Word

    @property
    def span(self) -> TextSpan:
        return TextSpan((self.key or self.value).span.start, self.value.span.end)


@dataclass(frozen=True, slots=True)
class Written:
    """An operator as it stands in the text."""

    name: Word | None
    keyword: Word
    arguments: tuple[Argument, ...]

    @property
    def span(self) -> TextSpan:
        """From its keyword to its last argument."""
        last = self.arguments[-1].span if self.arguments else self.keyword.span
        return TextSpan(self.keyword.span.start, last.end)


@dataclass(frozen=True, slots=True)
class Reference:
    """`@name`."""

    name: Word


@dataclass(frozen=True, slots=True)
class Repetition:
    """`[ … ]*3`; without a count it is one."""

    body: Elements
    count: Word | None


@dataclass(frozen=True, slots=True)
class Merge:
    """`{ … | … } CONCAT`."""

    branches: tuple[Elements, ...]
    operator: Written


Element: TypeAlias = Written | Reference | Repetition | Merge
Elements: TypeAlias = tuple[Element, ...]


def _word(token: Token) -> Word:
    start = token.start_pos or 0
    return Word(str(token), TextSpan(start, start + len(token)))


def _name(token: Token) -> Word:
    """The name of a node, in the form that graphs keep names in."""
    word = _word(token)
    return Word(normal_name(word.text), word.span)


class _SyntaxTree(Transformer[Token, Any]):
    """Called bottom-up while the text is parsed, so that deep nesting needs no deep stack."""

    def network(self, parts: list[Any]) -> tuple[Elements, ...]:
        return tuple(parts)

    def chain(self, parts: list[Any]) -> Elements:
        return tuple(each for each in parts if not isinstance(each, Token))

    def unnamed(self, parts: list[Any]) -> Written:
        return Written(None, _word(parts[0]), tuple(parts[1:]))

    def named(self, parts: list[Any]) -> Written:
        return Written(_name(parts[0]), _word(parts[1]), tuple(parts[2:]))

    def bare(self, parts: list[Any]) -> Argument:
        return Argument(None, _word(parts[0]))

    def keyed(self, parts: list[Any]) -> Argument:
        return Argument(_word(parts[0]), _word(parts[1]))

    def once(self, parts: list[Any]) -> Repetition:
        return Repetition(parts[0], None)

    def repeat(self, parts: list[Any]) -> Repetition:
        return Repetition(parts[0], _word(parts[1]))

    def merge(self, parts: list[Any]) -> Merge:
        return Merge(tuple(parts[:-1]), parts[-1])

    def branch(self, parts: list[Any]) -> Elements:
        return parts[0] if parts else ()

    def reference(self, parts: list[Any]) -> Reference:
        return Reference(_name(parts[0]))


@cache
def grammar() -> Lark:
    """The parser, built on first use (milliseconds; nothing is kept on disk)."""
    text = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(text, start="network", parser="lalr", lexer="basic", transformer=_SyntaxTree())


def read(text: str) -> tuple[Elements, ...]:
    """The chains of a network text.

    Raises:
        lark.UnexpectedInput: the text is malformed.
    """
    chains: Any = grammar().parse(text)
    return tuple(chains)
