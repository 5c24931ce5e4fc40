"""Legality: run on every graph when it is made, and so after every pass."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from striate.display import shape_text
from striate.errors import GraphError, SettingError, ShapeError
from striate.graph.spec import Spec
from striate.graph.walk import way

if TYPE_CHECKING:
    from striate.graph.graph import Node

MOST_NODES = 30_000
"""More operators than this in a text, or in a block that is repeated, are a slip of the pen."""

MOST_NUMBERS, MOST_AXES = 1 << 60, 32
"""Of one value: beyond any memory, and as many as NumPy and PyTorch both take."""

LETTER = r"[\w\u0300-\u1fff\ua800-\uabff]"
"""Letters of any script, digits, _, and the marks that stand over, under and after letters."""

NAME = re.compile(rf"[^\W\d]{LETTER}*(\.{LETTER}+)*")
NAMES = "Names are letters, digits and _, starting with a letter; dots may join them."


def normal_name(text: str) -> str:
    """`text` in the one form (NFKC) in which Python keeps an identifier, and a graph a name."""
    return unicodedata.normalize("NFKC", text)


def is_name(text: str) -> bool:
    """Whether a node may be called so: words of letters of any script, joined by dots.

    >>> is_name("conv1"), is_name("layer1.0.conv2"), is_name("卷积1"), is_name("a b")
    (True, True, True, False)
    """
    # Each word is an identifier of Python, but that those after a dot may begin with a digit.
    words = NAME.fullmatch(text) and text.replace(".", "_").isidentifier()
    return bool(words) and text == normal_name(text)


def checked_specs(nodes: Sequence[Node]) -> Mapping[str, Spec]:
    """The output spec of every node, computed in order.

    Raises:
        GraphError: a name is no word, an operator has the wrong number of inputs, a loss is not
            the last node.
        ShapeError: an operator does not fit; `where` shows the way to it.
    """
    specs: dict[str, Spec] = {}
    for node in nodes:
        _check_node(node, is_last=node is nodes[-1])
        specs[node.name] = inferred(node, nodes, specs)
    return MappingProxyType(specs)


def _check_node(node: Node, *, is_last: bool) -> None:
    if not is_name(node.name):
        normal = normal_name(node.name)
        raise GraphError(
            f"{node.name!r} is not a name",
            remedy=f"Write {normal!r}, as Python does (NFKC)." if is_name(normal) else NAMES,
        )
    least, most = node.operator.arity
    count = len(node.inputs)
    if count < least or (most is not None and count > most):
        wanted = inputs_wanted(least, most)
        raise GraphError(f"{node.name} takes {wanted} inputs, not {count}")
    if node.operator.is_loss and not is_last:
        raise GraphError(
            f"{node.name} is a loss, but something comes after it", remedy="End with the loss."
        )


def inputs_wanted(least: int, most: int | None) -> str:
    """How many inputs an operator takes, in words."""
    if most is None:
        return f"{least} or more"
    return f"{least}" if least == most else f"{least} to {most}"


def inferred(node: Node, nodes: Sequence[Node], specs: Mapping[str, Spec]) -> Spec:
    """The spec of `node`; a `ShapeError` or `SettingError` gains its name and the way to it."""
    try:
        spec = node.operator.shape(*(specs[name] for name in node.inputs))
        _check_size(spec)
        return spec
    except (ShapeError, SettingError) as error:
        raise type(error)(
            error.what.replace("{self}", node.name),
            where=way(nodes, specs, node),
            remedy=error.remedy,
        ) from None


def check_sharing(node: Node, keeper: Node, specs: Mapping[str, Spec]) -> None:
    """Whether `node` can use the trained weights of `keeper`.

    Raises:
        GraphError: the keeper's are those of a third node, none has the same name, or one has
            another shape.
    """
    what = f"{node.name} cannot share the weights of {keeper.name}"
    if keeper.shares:
        why, remedy = f"they are those of {keeper.shares}", f"Share those of {keeper.shares}."
        raise GraphError(f"{what}: {why}", remedy=remedy)
    own, kept = (
        each.operator.weights(*(specs[name] for name in each.inputs)) for each in (node, keeper)
    )
    common = [name for name in own if name in kept and own[name].trainable]
    if not common:
        has = f"{keeper.name} has {' and '.join(kept) or 'none'}"
        raise GraphError(f"{what}: none has the same name", remedy=f"{has}.")
    for name in common:
        if own[name].shape != kept[name].shape:
            wanted, found = (shape_text(each[name].shape) for each in (own, kept))
            raise GraphError(
                f"{what}: {node.name}.{name} is {wanted}, {keeper.name}.{name} is {found}",
                remedy="Layers that share weights have as many inputs, outputs and taps.",
            )


def _check_size(spec: Spec) -> None:
    if spec.rank > MOST_AXES:
        raise ShapeError(f"{{self}} has {spec.rank} axes", remedy=f"At most {MOST_AXES} are read.")
    if spec.size > MOST_NUMBERS:
        raise ShapeError(
            "{self} would hold more than 10^18 numbers", remedy="No machine can; make it smaller."
        )
