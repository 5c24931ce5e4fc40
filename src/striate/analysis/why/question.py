"""Reading what is asked: conv2[3,4,7], fc1.weight[3,0].grad, probability[seven], loss."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from striate.errors import ExplanationError, did_you_mean
from striate.graph import Graph, Spec, Weight
from striate.graph.check import LETTER, normal_name
from striate.reference import Number

PROBABILITY = "probability"

_NAME = rf"[^\W\d]{LETTER}*(?:\.{LETTER}+)"
_REFERENCE = re.compile(rf"(?P<name>{_NAME}*?)(?:\[(?P<index>[^\[\]]*)\])?(?P<gradient>\.grad)?")
_INSIDE = re.compile(rf"{_NAME}*\[[0-9,\s]*\]")


def forms(graph: Graph) -> str:
    """What can be asked of a network, with the axes that its values have."""
    axes = dict.fromkeys(",".join(spec.axes) for spec in graph.specs.values() if spec.shape)
    values = ", ".join(f"node[{each}]" for each in axes)
    return (
        f"Ask for {values}, node.weight[..], node.bias[..], input[..], probability[class] or "
        "loss; with .grad behind it for the gradient."
    )


@dataclass(frozen=True)
class Reader:
    """Turns text into addresses of numbers of one network.

    Args:
        graph: with its loss, when it can have one, and the node of PROBABILITY.
        classes: names that stand for the units of the scores.
        aliases: other names of nodes: loss, probability, logit.
    """

    graph: Graph
    classes: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def number(self, what: str) -> Number | None:
        """The number that `what` names, or None when it has not the form of a name.

        Raises:
            ExplanationError: no such node or weight, or an index that does not exist.
        """
        text = "".join(what.split()) if isinstance(what, str) else ""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return None
        node, part = self._place(normal_name(match["name"]))
        known = self.graph.weights(self.graph[node]).get(part)
        inner = self.graph.inner(self.graph[node]).get(part)
        spec = Spec(known.shape) if known else inner or self.graph.specs[node]
        gradient = bool(match["gradient"])
        index = self._index(match["name"], node, spec, match["index"], known)
        if gradient and known and not known.trainable:
            raise ExplanationError(
                f"{match['name']} is counted, not learned: it has no gradient",
                remedy=f"Ask for {match['name']} itself.",
            )
        weight = part if known else ""
        return Number(node, index, weight, gradient, inner=part if inner else "")

    def inside(self, what: str) -> list[Number]:
        """The numbers that a function such as relu(conv1[0,2,3]) refers to."""
        found = []
        for text in _INSIDE.findall(what):
            try:
                number = self.number(text)
            except ExplanationError:
                continue
            if number is not None:
                found.append(number)
        return found

    def _place(self, name: str) -> tuple[str, str]:
        """Node and weight, or inner value, of a dotted name; nodes may have dots in theirs too."""
        if name in self.graph:
            return name, ""
        if name in self.aliases:
            return self.aliases[name], ""
        node, _, part = name.rpartition(".")
        if node in self.graph and part in self.graph.weights(self.graph[node]):
            return self.graph.keeper(self.graph[node], part), part
        if node in self.graph:
            if part in (inner := self.graph.inner(self.graph[node])):
                return node, part
            parts = [*self.graph.weights(self.graph[node]), *inner]
            near = did_you_mean(part, parts) or (
                f"It has {' and '.join(parts)}." if parts else "It has no weights."
            )
            raise ExplanationError(f"{node} has no {part}", remedy=near)
        if name == PROBABILITY:
            raise ExplanationError(
                "the network does not end in one score a class, so it has no probabilities",
                remedy=f"Ask for {self.graph.scores.name}.",
            )
        known = [each.name for each in self.graph]
        weights = [
            f"{node.name}.{part}"
            for node in self.graph
            for part in (*self.graph.weights(node), *self.graph.inner(node))
        ]
        shown = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
        raise ExplanationError(
            f"nothing is called {name}",
            remedy=did_you_mean(name, [*known, *weights, *self.aliases]) or f"There are: {shown}.",
        )

    def _index(
        self, name: str, node: str, spec: Spec, text: str | None, weight: Weight | None
    ) -> tuple[int, ...]:
        sizes = " and ".join(f"0 to {n - 1}" for n in spec.shape)
        axes = "" if weight or not spec.shape else f" ({', '.join(spec.axes)})"
        whole = f"{name} is {spec}{axes}" if spec.shape else f"{name} is one number"
        example = f"Write {name}[{','.join(str(n // 2) for n in spec.shape)}]"
        example = f"{example}: indices run from {sizes}." if spec.shape else f"Write {name}."
        if text is None and spec.shape:
            raise ExplanationError(f"{whole}: which number of it?", remedy=example)
        parts = text.split(",") if text else []
        if len(parts) != len(spec.shape):
            raise ExplanationError(
                f"{whole}, but {name}[{text}] has {len(parts)} "
                f"{'index' if len(parts) == 1 else 'indices'}",
                remedy=example,
            )
        named = [self._unit(node, part) for part in parts] if not weight else parts
        for part, size in zip(named, spec.shape, strict=True):
            if not (part.isascii() and part.isdigit() and len(part) < 10 and int(part) < size):
                raise ExplanationError(f"{whole}, so it has no [{text}]", remedy=example)
        return tuple(int(part) for part in named)

    def _unit(self, node: str, part: str) -> str:
        """A class name becomes the number of its score."""
        spec = self.graph.specs[node]
        names = ["".join(each.split()) for each in self.classes]
        if part.isdigit() or spec.rank != 1 or spec.size != len(names) or names.count(part) != 1:
            return part
        return str(names.index(part))
