"""From text to graph."""

from __future__ import annotations

from lark import UnexpectedInput

from striate.errors import NotationError
from striate.graph import Graph, Operator
from striate.notation import syntax
from striate.notation.assembling import Assembler
from striate.notation.faults import fault
from striate.notation.reading import operator_of
from striate.notation.syntax import Span


def parse(text: str) -> Graph:
    """The graph that a text in the notation stands for.

    >>> [node.name for node in parse("INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10")]
    ['input', 'conv1', 'relu1', 'flatten1', 'fc1']

    Raises:
        NotationError: the text is malformed; the message shows the place.
        ShapeError, SettingError, GraphError: it is well written, but no network.
    """
    return Assembler(text).graph(read(text))


def read(text: str) -> tuple[syntax.Chain, ...]:
    try:
        return syntax.read(text)
    except UnexpectedInput as error:
        start = min(max(error.pos_in_stream or 0, 0), len(text))
        raise fault(text, Span(start, start + 1), "this cannot be read", "") from None


def parse_operator(text: str) -> Operator:
    """One operator from its text."""
    chains = read(text)
    (element,) = chains[0]
    if not isinstance(element, syntax.Written):
        raise NotationError("not one operator")
    return operator_of(element, text).operator
