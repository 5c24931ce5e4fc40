"""Hypothesis strategies: legal graphs of every structure, and malformed texts."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from striate.graph import Auxiliary, Graph, Node, Operator
from striate.ops import (
    Add,
    BatchNorm,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    Input,
    Learned,
    MaxPool,
    Multiply,
    ReLU,
    Tanh,
)

SIZE = (2, 6, 5)
STEPS: tuple[Operator, ...] = (
    ReLU(),
    Tanh(),
    BatchNorm(),
    Dropout(0.25),
    Conv(2, 3, padding="same"),
    Conv(2, (1, 3), padding=((0, 0), (2, 0)), bias=False, groups=2),
    MaxPool(3, 1, 1),
)
"""Operators that keep the size, so that any node may read any other."""

NAMES = (
    "a",
    "relu2",
    "conv1",
    "add1",
    "PASS",
    "AUX",
    "x.y",
    "input2",
    "fc1",
    "flatten1",
    "卷积",
    "слой.0",
)


@st.composite
def graphs(draw: st.DrawFn, most: int = 14) -> Graph:
    """Graphs of any structure: not series-parallel, several inputs or learned values, odd names."""
    nodes = [Node("input", Input(SIZE))]
    names = draw(st.permutations(NAMES))
    for number in range(draw(st.integers(0, most))):
        nodes.append(_node(draw, nodes, _name(draw, names, number)))
    read = {name for node in nodes for name in node.needs}
    ends = [node.name for node in nodes if node.name not in read]
    weights = st.sampled_from((1.0, 0.3, 2.5))
    exits = [Auxiliary(end, draw(weights)) for end in ends[:-1] if draw(st.booleans())]
    if draw(st.booleans()):
        exits.append(Auxiliary(draw(st.sampled_from(nodes)).name, 0.5))
    left = [end for end in ends if end not in {each.node for each in exits} or end == ends[-1]]
    if len(left) > 1:
        nodes.append(Node("end", Add(), tuple(left)))
    else:
        nodes.append(Node("end", ReLU(), (left[0],)))
    return Graph((*nodes, *_head(draw, nodes[-1])), tuple(draw(st.permutations(exits))))


def _name(draw: st.DrawFn, names: list[str], number: int) -> str:
    usual = f"relu{number + 10}"
    return names[number] if number < len(names) and draw(st.booleans()) else usual


def _node(draw: st.DrawFn, nodes: list[Node], name: str) -> Node:
    near = st.integers(max(0, len(nodes) - 4), len(nodes) - 1)
    kind = draw(st.sampled_from(("step", "step", "merge", "input")))
    if kind == "input" and draw(st.integers(0, 3)) == 0:
        return Node(name, draw(st.sampled_from((Input, Learned)))(SIZE))
    if kind == "merge":
        inputs = draw(st.lists(near, min_size=2, max_size=3))
        operator = draw(st.sampled_from((Add(), Multiply())))
        return Node(name, operator, tuple(nodes[each].name for each in inputs))
    operator = draw(st.sampled_from(STEPS))
    alike = [""] + [each.name for each in nodes if each.operator == operator and not each.shares]
    shares = draw(st.sampled_from(alike)) if isinstance(operator, Conv | BatchNorm) else ""
    return Node(name, operator, (nodes[draw(near)].name,), shares)


def _head(draw: st.DrawFn, last: Node) -> list[Node]:
    """Nothing, or FLATTEN and FC under usual or other names, and maybe a loss."""
    if not draw(st.booleans()):
        return []
    flat = draw(st.sampled_from(("flatten1", "flatten2", "flat")))
    if last.name == flat or flat in NAMES:
        flat = "flat"
    head = [Node(flat, Flatten(), (last.name,)), Node("scores", Dense(3), (flat,))]
    if draw(st.booleans()):
        head.append(Node(draw(st.sampled_from(("loss", "cost"))), CrossEntropy(0.1), ("scores",)))
    return head


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """Legal texts with repetition, branches, names and comments; the size is always kept."""
    return f"INPUT 2x6x5 -> {draw(_chains(depth))} -> TANH"


@st.composite
def _chains(draw: st.DrawFn, depth: int) -> str:
    arrow = draw(st.sampled_from((" -> ", "->", " →\n", "\n-> # a comment\n")))
    return arrow.join(draw(st.lists(_elements(depth), min_size=1, max_size=3)))


def _does_something(chain: str) -> bool:
    """Whether a block of it may be repeated: PASS alone may not."""
    return bool({*re.split(r"->|→|#.*|\s", chain)} - {"", "PASS"})


@st.composite
def _elements(draw: st.DrawFn, depth: int) -> str:
    steps = ("RELU", "tanh", "BN", "Conv 2 3x3 same", "CONV3-2", "MAXPOOL 3 stride=1 pad=1", "PASS")
    kind = draw(st.integers(0, 5)) if depth else 0
    if kind < 3:
        return draw(st.sampled_from(steps))
    if kind == 3:
        block = draw(_chains(depth - 1).filter(_does_something))
        return f"[{block}]*{draw(st.integers(1, 3))}"
    if kind == 4:
        branches = draw(st.lists(_chains(depth - 1), min_size=1, max_size=2))
        merge = draw(st.sampled_from(("ADD", "mul")))
        return f"{{ {' | '.join(branches)} | }} {merge}"
    return f"{{ {draw(_chains(depth - 1))} }} AUX 0.5"


TOKENS = (
    *(
        "INPUT",
        "CONV",
        "RELU",
        "FC",
        "MAXPOOL",
        "ADD",
        "CONCAT",
        "PASS",
        "AUX",
        "POOL2",
        "CONV3-64",
    ),
    *("1x28x28", "5x5", "5", "-3", "0.5", "1e400", "9" * 5000, "٣", "0+1x2", "3x", "x", "²"),
    *("->", "->", "->", "→", "[", "]", "{", "}", "|", "*", "*3", "*1000000000", "@", ":", "=", ";"),
    *("same", "stride=2", "pad=", "bias=no", "a", "a:", "@a", '"', '"q"', "#", "\n", "\x00", "?"),
    *("(", ",", "input", "conv1", "\ud800", "\u202e", "\ufeff", "é", "🙂", "groups=0", "loss: "),
)
soups = st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join)
tight_soups = st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)
