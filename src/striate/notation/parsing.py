"""From text to graph."""

from __future__ import annotations

from lark import UnexpectedInput

from striate.errors import NotationError, SettingError
from striate.graph import Composition, Graph, Operator
from striate.graph.check import MOST_NODES
from striate.notation import syntax
from striate.notation.assembling import Assembler, too_many
from striate.notation.faults import fault, placed
from striate.notation.mistakes import BRACKETS, explained
from striate.notation.reading import operator_of
from striate.notation.syntax import Elements, TextSpan, Written

DEEPEST = 100
LONGEST = 1_000_000


def parse(text: str) -> Graph:
    """The graph that a text in the notation stands for.

    >>> [node.name for node in parse("INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10")]
    ['input', 'conv1', 'relu1', 'flatten1', 'fc1']

    Raises:
        NotationError: the text is malformed; the message shows the place.
        ShapeError, SettingError, GraphError: it is well written, but no legal network; the
            message shows the operator.
    """
    chains, text = _read(text)
    return Assembler(text).graph(chains)


def parse_operator(text: str) -> Operator:
    """The operator that a text stands for.

    >>> parse_operator("MAXPOOL 3 stride=2").stride
    2

    Raises:
        NotationError, SettingError: it stands for none, or for more than one.
    """
    chains, text = _read(text)
    element = chains[0][0]
    alone = len(chains) == 1 and len(chains[0]) == 1
    if not alone or not isinstance(element, Written) or element.name:
        whole = TextSpan(0, len(text))
        raise fault(text, whole, "this is not one operator", "Write one alone: CONV 16 5x5.")
    try:
        reading = operator_of(element, text)
    except SettingError as error:
        raise placed(text, element.span, error) from None
    if reading.shares:
        what = "an operator alone shares no weights"
        raise fault(text, reading.shares.span, what, "Share them in a network.")
    if isinstance(reading.operator, Composition):
        what = f"{element.keyword.text} is several operators"
        raise fault(text, element.keyword.span, what, "Write it in a network: INPUT 8x5 -> …")
    return reading.operator


def _read(text: str) -> tuple[tuple[Elements, ...], str]:
    """The chains of `text`, and the text that their places refer to."""
    if not isinstance(text, str):
        raise NotationError(
            f"a network is written as text, not as {type(text).__name__}",
            remedy='Write parse("INPUT 1x28x28 -> FC 10").',
        )
    text = text.removeprefix("\ufeff")
    if len(text) > LONGEST:
        raise NotationError(
            f"a text of {len(text):,} characters is no network",
            remedy=f"Write it in {LONGEST:,} or fewer; [ ... ]*n repeats a block.",
        )
    steps = sum(map(text.count, ("->", "→", "|", ";")))
    if steps > MOST_NODES:  # said before the seconds that reading them takes
        raise too_many(text, steps)
    _check_depth(text)
    try:
        return syntax.read(text), text
    except UnexpectedInput as error:
        raise explained(text, error) from None


def _check_depth(text: str) -> None:
    """Refuse brackets that nest deeper than anybody reads (and than the stack bears)."""
    depth = 0
    for found in BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEEPEST:
            span = TextSpan(found.start(), found.end())
            what = f"brackets nest more than {DEEPEST} deep"
            raise fault(text, span, what, "Name a node and go on from it: ; @name -> ...")
