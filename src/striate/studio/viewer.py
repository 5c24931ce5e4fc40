"""What the studio shows: one network for all pages, and one picture for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.analysis.subject import network_of
from striate.analysis.why.inquiry import Inquiry
from striate.analysis.why.question import Reader
from striate.capacity import check
from striate.data.given import Given
from striate.drawing.values import layers_of
from striate.errors import DataError, ExplanationError, StriateError
from striate.graph import Graph, Node
from striate.lookup import Weighted
from striate.model import Model
from striate.ops.arrays import Array
from striate.reference import Number
from striate.studio.tiles import FEW, MOST, PageJson, plane, reads, tiles

if TYPE_CHECKING:
    from torch import nn

    from striate.data.preprocess import Preprocessing

VIEWS = ("values", "gradients", "kernels")
"""What the maps show: values, the gradient of the loss by them, or weights."""

MOST_TERMS = 300
"""Products that a page gets of one number, the largest."""

LARGEST_FILE = 32 * 2**20
"""Bytes of a picture that somebody drops on the page."""


class Studio:
    """A network with weights, ready for pages.

    Args:
        subject: a model, or a network with weights.
        name: what the page calls it.
        data_dir: where named data sets lie.

    Raises:
        ExplanationError: the network reads no picture.
    """

    def __init__(self, subject: Model | Weighted, name: str, data_dir: Path | None = None) -> None:
        self.subject = subject
        self.name = name
        self.data_dir = data_dir
        self.network = network_of(subject)
        if len(self.graph.inputs) != 1 or self.network.preprocessing is None:
            raise ExplanationError(
                "the studio shows networks that read one picture",
                remedy="Ask striate why for the numbers of others.",
            )
        check(self.graph, 1, number=8)
        self.preprocessing: Preprocessing = self.network.preprocessing

    @property
    def graph(self) -> Graph:
        """The network with its loss and its probabilities."""
        return self.network.graph

    @cached_property
    def modules(self) -> Mapping[str, nn.Module]:
        """A module for each node, in float32: nobody else has hooks on these."""
        from torch import float32

        from striate.pytorch.evaluate import modules_of

        return modules_of(self.graph, self.network.weights, float32, training=False)

    @cached_property
    def sets(self) -> tuple[str, ...]:
        """Where test pictures can be chosen: what it learned from, and the digits."""
        own = self.subject.learned_from[0] if isinstance(self.subject, Model) else ""
        return tuple(dict.fromkeys(each for each in (own, "digits") if each))

    def warm(self) -> None:
        """Load what the first page needs, PyTorch above all, before anybody asks."""
        with suppress(StriateError):
            Viewer(self).choose(self.sets[0], 0)

    @property
    def shortcuts(self) -> tuple[str, ...]:
        """Numbers that lie on no map."""
        return () if self.graph.loss is None else ("loss",)

    @cached_property
    def reads(self) -> PageJson:
        """By node, in calculating order, what a unit sees of each input."""
        return {node.name: reads(self.graph, node) for node in self.graph}

    @cached_property
    def reader(self) -> Reader:
        """What reads the name of a number."""
        return Reader(self.graph, self.network.classes, self.network.aliases)


class Viewer:
    """One page's picture, and what the network makes of it.

    Args:
        studio: the network.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.picture = Given()
        self.values: Mapping[str, Array] = {}
        self._inquiry: Inquiry | None = None
        self._gradients: Mapping[str, Array] | None = None

    def choose(self, data: str, number: int) -> None:
        """Take a test picture.

        Raises:
            DataError: it is in none of the sets that the studio offers, or has no such number.
        """
        if data not in self.studio.sets:
            raise DataError(
                f"no pictures are called {data!r}",
                remedy=f"There are: {', '.join(self.studio.sets)}.",
            )
        self._show(self.studio.subject.read(f"{data}#{number}", data_dir=self.studio.data_dir))

    def take(self, picture: bytes | Array) -> None:
        """Take the bytes of a picture file, or a uint8 array.

        Raises:
            DataError: no picture, or a larger file than is read.
        """
        if isinstance(picture, bytes) and len(picture) > LARGEST_FILE:
            raise DataError(f"the file is larger than {LARGEST_FILE:,} bytes")
        self._show(Given(self.studio.preprocessing.picture(picture)))

    def _show(self, picture: Given) -> None:
        from striate.pytorch.evaluate import values_by

        x = picture.input(self.studio.preprocessing)[None]
        found = values_by(self.studio.graph, self.studio.modules, [x])
        self.picture, self._inquiry, self._gradients = picture, None, None
        self.values = {name: value[0] for name, value in found.items()}

    @property
    def inquiry(self) -> Inquiry:
        """What answers questions about this picture."""
        if self._inquiry is None:
            self._inquiry = Inquiry(self.studio.subject, self.picture)
        return self._inquiry

    @property
    def gradients(self) -> Mapping[str, Array]:
        """The gradient of the loss by every value.

        Raises:
            ExplanationError: the network has no loss.
        """
        if self._gradients is None:
            from striate.drawing.values import errors_of, values_of

            shown = errors_of(values_of(self.studio.subject, self.picture))
            self._gradients = shown.values
        return self._gradients

    def columns(
        self, view: str = "values", *, every: bool = False, opened: str = ""
    ) -> list[PageJson]:
        """The layers, each with its maps.

        Args:
            view: one of `VIEWS`.
            every: of a large network every node; else what each block ends in.
            opened: the layer of which every map is sent.
        """
        graph = self.studio.graph
        nodes = graph.nodes if every else layers_of(graph)
        make: Callable[[Node, int], list[PageJson]] = {
            "values": self._of_values,
            "gradients": self._of_gradients,
            "kernels": self._of_weights,
        }[view]
        found = [
            each | {"title": node.name}
            for node in (graph.nodes if view == "kernels" else nodes)
            for each in make(node, MOST if node.name == opened else FEW)
        ]
        is_whole = every or view != "kernels" or len(nodes) == len(graph)
        return found if is_whole else [each for each in found if not each["flat"]]

    def _of_values(self, node: Node, most: int) -> list[PageJson]:
        return self._of(node, self.values, most, "")

    def _of_gradients(self, node: Node, most: int) -> list[PageJson]:
        return self._of(node, self.gradients, most, ".grad")

    def _of(
        self, node: Node, arrays: Mapping[str, Array], most: int, suffix: str
    ) -> list[PageJson]:
        if node.name not in arrays:
            return []
        labels = self.studio.network.classes
        found = tiles(node.name, arrays[node.name], most=most, labels=labels)
        return [found | {"suffix": suffix, "text": _text(self.studio.graph, node)}]

    def _of_weights(self, node: Node, most: int) -> list[PageJson]:
        own = self.studio.network.weights
        return [
            tiles(f"{node.name}.{name}", np.asarray(own[node.name][name]), most=4 * most)
            | {"suffix": "", "text": " × ".join(map(str, weight.shape))}
            | ({"across": weight.shape[1]} if len(weight.shape) == 4 else {})
            for name, weight in self.studio.graph.own_weights(node).items()
        ]

    def why(self, what: str) -> PageJson:
        """The products behind one number, the largest of very many.

        Raises:
            ExplanationError: there is no such number, or it cannot be explained exactly.
        """
        answer = self.inquiry.why(what)
        shown = answer.terms if len(answer.terms) <= MOST_TERMS else answer.largest(MOST_TERMS)
        rest = answer.value - sum(term.value for term in shown)
        return answer.to_json() | {
            "terms": [
                {"value": _plain(term.value), "factors": [_factor(each) for each in term.factors]}
                for term in shown
            ],
            "value": _plain(answer.value),
            "stored": _plain(answer.stored),
            "residual": _plain(answer.residual),
            "reference": _plain(answer.reference),
            "others": len(answer.terms) - len(shown),
            "rest": _plain(rest),
        }

    def closer(self, what: str) -> PageJson:
        """The map that a number lies on; empty for what lies on none, such as a function."""
        try:
            number = self.studio.reader.number(what)
        except ExplanationError:
            return {}
        array = None if number is None else self._array_of(number)
        if number is None or array is None:
            return {}
        name = f"{number.node}.{number.weight}" if number.weight else number.node
        found = plane(name, array, number.index)
        return found | {"suffix": ".grad" if number.gradient else ""}

    def _array_of(self, number: Number) -> Array | None:
        """The array that a number stands in, as the page shows it."""
        if number.inner or (number.weight and number.gradient):
            return None
        if number.weight:
            return np.asarray(self.studio.network.weights[number.node][number.weight])
        return (self.gradients if number.gradient else self.values).get(number.node)


def _text(graph: Graph, node: Node) -> str:
    return f"{node.operator.label} {graph.specs[node.name]}"


def _factor(factor: Any) -> PageJson:
    """A factor with the numbers that it is made of, each of which can be asked about."""
    return {"what": factor.what, "value": _plain(factor.value), "refs": list(factor.refs)}


def _plain(value: float | None) -> float | str | None:
    """A number as JSON has it."""
    return value if value is None or np.isfinite(value) else str(value)
