"""The mistakes people make, by example, and what to say about each.

The examples are the classifier: a malformed text is recognized by what stands on both sides of
the place where it cannot be read on (or by the bracket that is open there), and the first mistake
with an example of the same kind speaks. The same examples are the test data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from lark import UnexpectedInput, UnexpectedToken

from striate.errors import NotationError
from striate.notation import syntax
from striate.notation.faults import fault
from striate.notation.syntax import TextSpan

Clue: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KnownMistake:
    """One kind of malformed text.

    Args:
        what: what is wrong; {found} is what stands at the place.
        remedy: what to write instead.
        examples: malformed texts, each of a clue of its own.
        at_bracket: whether the caret stands under the bracket that is open.
    """

    what: str
    remedy: str
    examples: tuple[str, ...]
    at_bracket: bool = False


MISTAKES = (
    KnownMistake(
        "there is no network here",
        "Write one: INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10.",
        ("", "; INPUT 5"),
    ),
    KnownMistake(
        "the text ends after an arrow",
        "Write an operator after it, or leave the arrow out.",
        ("INPUT 5 ->", "INPUT 5 -> ; INPUT 6"),
    ),
    KnownMistake(
        "the block ends after an arrow",
        "Write an operator after it, or leave the arrow out.",
        (
            "INPUT 5 -> [RELU -> ]*2",
            "INPUT 5 -> { RELU -> | PASS } ADD",
            "INPUT 5 -> { PASS | RELU -> } ADD",
        ),
    ),
    KnownMistake("two arrows stand in a row", "Leave one out.", ("INPUT 5 -> -> RELU",)),
    KnownMistake(
        "a network cannot start with an arrow",
        "Start with INPUT 1x28x28.",
        ("-> INPUT 5", "INPUT 5; -> RELU"),
    ),
    KnownMistake(
        "nothing stands between the bracket and the arrow",
        "Leave the arrow out; what flows in is understood.",
        ("INPUT 5 -> [ -> RELU]*2", "INPUT 5 -> { -> RELU | PASS } ADD"),
    ),
    KnownMistake(
        "nothing stands between the bar and the arrow",
        "Leave the arrow out, or write PASS for a branch that changes nothing.",
        ("INPUT 5 -> { RELU | -> TANH } ADD",),
    ),
    KnownMistake(
        "there is no arrow before {found}",
        "Put -> in front of it.",
        (
            "INPUT 5 [RELU]*2",
            "INPUT 5 -> RELU [RELU]*2",
            "INPUT 5 { RELU | PASS } ADD",
            "INPUT 5 -> RELU { RELU | PASS } ADD",
            "INPUT 5 -> [RELU] RELU",
            "INPUT 5 -> [RELU] { RELU | PASS } ADD",
            "INPUT 5 -> [RELU] [TANH]",
            "INPUT 5 @input",
            "INPUT 5 -> RELU @input",
            "INPUT 5 -> [RELU] @input",
        ),
    ),
    KnownMistake(
        "there is no arrow before this named operator",
        "Put -> in front of its name, as in INPUT 5 -> a: FC 3.",
        ("INPUT 5 a: FC 3",),
    ),
    KnownMistake(
        "the bracket [ is never closed",
        "Close it with ], and say how often: [CONV 8 3x3 -> RELU]*2.",
        ("INPUT 5 -> [RELU", "INPUT 5 -> [RELU -> FC 3; INPUT 3", "INPUT 5 -> ["),
        at_bracket=True,
    ),
    KnownMistake(
        "the brace { is never closed",
        "Close it with } and a merge: { RELU | PASS } ADD.",
        ("INPUT 5 -> { RELU | PASS", "INPUT 5 -> { RELU; "),
        at_bracket=True,
    ),
    KnownMistake(
        "; ends a chain, but a bracket is open here",
        "Close it before, and go on from a named node after it: ; @name -> RELU.",
        ("INPUT 5 -> [RELU; TANH]*2", "INPUT 5 -> { RELU; TANH } ADD"),
    ),
    KnownMistake(
        "a bracket [ cannot be closed by }",
        "Repetition is written [ A -> B ]*3, branches { A | B } ADD.",
        ("INPUT 5 -> [RELU }",),
    ),
    KnownMistake(
        "a brace { cannot be closed by ]",
        "Branches are written { A | B } ADD, repetition [ A -> B ]*3.",
        ("INPUT 5 -> { RELU ]",),
    ),
    KnownMistake(
        "no bracket is open that {found} could close",
        "Leave it out, or open one before.",
        ("INPUT 5 -> RELU ]*2", "INPUT 5 -> RELU } ADD"),
    ),
    KnownMistake(
        "| stands between branches, but no brace is open",
        "Write { A | B } ADD.",
        ("INPUT 5 -> RELU | TANH", "INPUT 5 -> [RELU | TANH]", "| RELU"),
    ),
    KnownMistake(
        "the brackets are empty",
        "Write what is repeated: [CONV 8 3x3 -> RELU]*2.",
        ("INPUT 5 -> []*3", "INPUT 5 -> [}"),
    ),
    KnownMistake(
        "the branches are not merged",
        "Write CONCAT, ADD or MUL right after the brace (or AUX 0.3 for a side exit): "
        "{ A | B } CONCAT -> ...",
        (
            "INPUT 5 -> { RELU | PASS } -> FC 3",
            "INPUT 5 -> { RELU | PASS }",
            "INPUT 5 -> { RELU | PASS }; INPUT 3",
            "INPUT 5 -> { RELU | PASS }*2",
            "INPUT 5 -> { RELU | PASS } [RELU]*2",
            "INPUT 5 -> { RELU | PASS } { RELU } AUX",
            "INPUT 5 -> { { RELU | PASS } | PASS } ADD",
            "INPUT 5 -> { PASS | { RELU | PASS } } ADD",
            "INPUT 5 -> [ { RELU | PASS } ]",
            "INPUT 5 -> { RELU | PASS } 3",
        ),
    ),
    KnownMistake(
        "a repeat count is a number, not {found}",
        "The pattern [[CONV -> RELU]*N -> POOL?]*M stands for many networks; write one of them, "
        "with numbers: [CONV 8 3x3 same -> RELU]*2.",
        (
            "INPUT 5 -> [RELU]*N",
            "INPUT 5 -> [RELU]*",
            "INPUT 5 -> [RELU]* -> FC 3",
            "INPUT 5 -> [RELU]**2",
            "INPUT 5 -> [[RELU]*]*2",
            "INPUT 5 -> { [RELU]* | PASS } ADD",
            "INPUT 5 -> { [RELU]* } AUX",
            'INPUT 5 -> [RELU]*"3"',
        ),
    ),
    KnownMistake(
        "there is no * before {found}",
        "Write how often as ]*3.",
        ("INPUT 5 -> [RELU]3",),
    ),
    KnownMistake(
        "* repeats a block in brackets",
        "Write [CONV 8 3x3 -> RELU]*2.",
        ("INPUT 5 -> RELU*2", "INPUT 5*2 -> FC 3", "INPUT 5 -> *2", "*2"),
    ),
    KnownMistake(
        "a setting has no value",
        "Write it right after the sign: stride=2.",
        (
            "INPUT 5 -> FC 3 bias=",
            "INPUT 5 -> FC 3 bias= -> RELU",
            "INPUT 5 -> [FC 3 bias=]*2",
            "INPUT 5 -> { FC 3 bias= | PASS } CONCAT",
            "INPUT 5 -> { FC 3 bias= } AUX",
            "INPUT 5 -> FC 3 bias==yes",
        ),
    ),
    KnownMistake(
        "= stands between the name of a setting and its value",
        "Write stride=2.",
        ("INPUT 5 -> FC = 3", "INPUT 5 -> FC 3 = 4", "INPUT 5 -> = 4", "= 4", "[RELU] = 4"),
    ),
    KnownMistake(
        "a name is followed by a colon and an operator, not by {found}",
        "Write C3: CONV 16 5x5.",
        (
            "INPUT 5 -> a: -> RELU",
            "INPUT 5 -> a:",
            "INPUT 5 -> a: 3",
            "INPUT 5 -> a: [RELU]*2",
            "INPUT 5 -> a: { RELU | PASS } ADD",
            "INPUT 5 -> a: @input",
            "INPUT 5 -> a:: RELU",
        ),
    ),
    KnownMistake(
        "a colon stands after the name of an operator",
        "Write C3: CONV 16 5x5.",
        ("INPUT 5 -> : RELU", ": RELU", "INPUT 5 -> [RELU]: RELU"),
    ),
    KnownMistake(
        "an operator is wanted here, not {found}",
        "Write INPUT, CONV, RELU, MAXPOOL, FC … first, then its numbers.",
        (
            "INPUT 5 -> 5x5",
            "28x28 -> FC 3",
            "INPUT 5; 3",
            "INPUT 5 -> [5]*2",
            "INPUT 5 -> { 5 | PASS } ADD",
            "INPUT 5 -> { PASS | 5 } ADD",
            'INPUT 5 -> "text"',
            '"text"',
        ),
    ),
    KnownMistake(
        "@ is followed by the name of a node, not by {found}",
        "Write { @conv1 | PASS } ADD.",
        (
            "INPUT 5 -> { @ | PASS } ADD",
            "INPUT 5 -> { @3 | PASS } ADD",
            "INPUT 5; @",
            "INPUT 5; @ -> RELU",
        ),
    ),
    KnownMistake(
        "@ takes a name and nothing more",
        "Write @conv1 -> and then an operator.",
        ("INPUT 5; @input 3",),
    ),
    KnownMistake(
        "? belongs to the pattern [[CONV -> RELU]*N -> POOL?]*M that stands for many networks",
        "Write one of them: leave the pooling out or in.",
        ("INPUT 5 -> POOL?",),
    ),
    KnownMistake(
        "an arrow is written ->",
        "Write INPUT 1x28x28 -> FC 10.",
        tuple(f"INPUT 5 {each} FC 3" for each in (">", "-", "–", "—", "⇒", "➔", "⟶")),
    ),
    KnownMistake(
        "round brackets mean nothing here",
        "Settings follow the operator: CONV 16 5x5 stride=2; a block is repeated by [ ... ]*2.",
        ("INPUT 5 -> (RELU", "INPUT 5 ) RELU"),
    ),
    KnownMistake(
        "commas mean nothing here",
        "Settings are parted by spaces, operators by ->, sizes by x: 1x28x28.",
        ("INPUT 1, 28",),
    ),
    KnownMistake(
        "the quotation mark is never closed",
        'Write "text" on one line; only few settings need it.',
        ('INPUT "5',),
    ),
    KnownMistake("a sign needs a number", "Write 2, -1 or 0.5.", ("INPUT 5 + 3",)),
    KnownMistake("a number cannot start with a point", "Write 0.5.", ("INPUT 5 -> .FC",)),
)

# A quotation that is never closed reaches to the end of its line: time stays linear.
BRACKETS = re.compile(r'"(?:[^"\\\n]|\\.)*"?|#[^\n]*|[\[\]{}]')
CLOSING = {"RSQB", "RBRACE", "VBAR", "SEMICOLON", "$END"}
DANGLING = {"ARROW", "STAR", "EQUAL", "COLON", "AT", "START", "LSQB", "RBRACE"}
CLOSES = {"]": "[", "}": "{"}


def explained(text: str, error: UnexpectedInput) -> NotationError:
    """What to say about a text that the grammar refuses."""
    clue, span = clue_of(text, error)
    mistake = _by_clue().get(clue)
    found = text[span.start : span.end]
    shown = repr(found) if not found.isprintable() else found or "the end of the text"
    if mistake is None:
        what = f"{shown} cannot stand here"
        return fault(text, _visible(text, span), what, _fitting(error))
    opened = open_brackets(text[: span.start]) if mistake.at_bracket else []
    if opened:
        span = TextSpan(opened[-1], opened[-1] + 1)
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    return fault(text, _visible(text, span), mistake.what.replace("{found}", shown), mistake.remedy)


def clue_of(text: str, error: UnexpectedInput) -> tuple[Clue, TextSpan]:
    """What a mistake is recognized by, and the place of it."""
    start = error.pos_in_stream or 0
    if not isinstance(error, UnexpectedToken):
        return ("character", text[start]), TextSpan(start, start + 1)
    kind = error.token.type
    if kind == "$END":
        start = len(text)
    tokens = list(syntax.grammar().lex(text[:start]))
    before = tokens[-1].type if tokens else "START"
    if kind in CLOSING and before not in DANGLING:
        opened = open_brackets(text[:start])
        before = f"open {text[opened[-1]]}" if opened else "none open"
        if opened and kind == "SEMICOLON" and opened[-1] not in open_brackets(text):
            before = before.replace("open", "closed later")
    return (before, kind), TextSpan(start, start + len(error.token))


def open_brackets(text: str) -> list[int]:
    """Where the brackets stand that are still open at the end of `text`."""
    opened: list[int] = []
    for found in BRACKETS.finditer(text):
        mark = found[0]
        if mark in ("[", "{"):
            opened.append(found.start())
        elif opened and CLOSES.get(mark) == text[opened[-1]]:
            opened.pop()
    return opened


@cache
def _by_clue() -> dict[Clue, KnownMistake]:
    found: dict[Clue, KnownMistake] = {}
    for mistake in MISTAKES:
        for example in mistake.examples:
            found.setdefault(clue_in(example), mistake)
    return found


def clue_in(example: str) -> Clue:
    """The clue of a malformed text.

    Raises:
        ValueError: it is well formed.
    """
    try:
        syntax.read(example)
    except UnexpectedInput as error:
        return clue_of(example, error)[0]
    raise ValueError(f"{example!r} is well formed")


def _visible(text: str, span: TextSpan) -> TextSpan:
    """`span`, moved back from the end of the text onto its last line that says something."""
    end = len(text.rstrip())
    return TextSpan(end, end + 1) if span.start >= end else span


def _fitting(error: UnexpectedInput) -> str:
    words = {
        "ARROW": "->",
        "LSQB": "[",
        "RSQB": "]",
        "LBRACE": "{",
        "RBRACE": "}",
        "VBAR": "|",
        "WORD": "a word",
        "VALUE": "a number",
        "$END": "the end",
    }
    expected = error.accepts if isinstance(error, UnexpectedToken) else None
    fitting = [words[each] for each in words if each in (expected or ())]
    return f"Here fits: {', '.join(fitting)}." if fitting else "Leave it out."
