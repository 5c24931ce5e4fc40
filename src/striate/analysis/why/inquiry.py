"""Why is a number in a network what it is? The exact products behind it, forward and backward.

    conv2[3,4,7] = Σ pool1[c, 4+u, 7+v] · conv2.weight[3,c,u,v] + conv2.bias[3]

Every factor is a number that can be asked about in turn, from the loss down to a pixel. The
network is taken as it predicts: fixed statistics, no dropout, no side exits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from striate.analysis.subject import Subject, network_of, picture_of, target_of
from striate.analysis.why.explanation import Explanation
from striate.analysis.why.function import Found, find
from striate.analysis.why.picture import pixel_products, pixel_value
from striate.analysis.why.question import Reader, forms
from striate.analysis.why.sight import foreign_note, padding_note, seen
from striate.analysis.why.stored import Stored
from striate.capacity import check
from striate.errors import ExplanationError
from striate.graph import Graph, Node, Ref
from striate.ops.arrays import Array
from striate.passes.attach_loss import loss_of
from striate.reference import Backward, NamedFactor, Number, Product, behind, prepared
from striate.reference.products import array_of, constant

SMALL_LOSS = 1e-3
"""Below it, 1 - probability has lost four or more of float32's seven digits."""


def why(
    model: Subject,
    picture: object,
    what: str,
    target: object = None,
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
) -> Explanation:
    """The products that sum to one number of a network, for one picture.

    Args:
        model: a `striate.Model`, its file or run folder; a network (a graph, a text, a name of
            the catalog, a .net file) with first weights; or a pair of a network and weights.
        picture: a picture file; a test picture by number (digits#7); a file of the numbers of the
            network's input; a picture's bytes or a uint8 array (with a model's preprocessing); or
            the input itself as an array or tensor of floats.
        what: conv2[3,4,7], fc1[12], conv1.weight[3,0,2,2], conv1.bias[3], input[0,5,5],
            probability[7], loss; with .grad behind it for the gradient of the loss.
        target: the right class, by name or number, for losses and gradients; None for the class
            of a test picture, else for the one that is predicted.
        seed: of first weights; 0 where the network has no weights and none are given.
        weights: a file of weights for a network that has none, as `fit_weights` takes it.
        data_dir: where named data sets lie.
        ink: "auto" takes the picture for a photograph of ink (`Preprocessing.picture`).

    Raises:
        ExplanationError: there is no such number, or it cannot be explained exactly.
        UnknownNameError: `target` is no class.
        DataError, WeightsError: the picture cannot be read, the weights do not fit.
    """
    more = {"seed": seed, "weights": weights, "data_dir": data_dir, "ink": ink}
    return Inquiry(model, picture, target, **more).why(what)  # type: ignore[arg-type]


class Inquiry:
    """Many questions about one picture, each evaluating only what it needs and nobody had.

    Args: as `why`.
    """

    def __init__(
        self,
        model: Subject,
        picture: object,
        target: object = None,
        *,
        seed: int | None = None,
        weights: Path | str | None = None,
        data_dir: Path | str | None = None,
        ink: str = "keep",
    ) -> None:
        self._network = network_of(model, seed, weights)
        self._graph = self._network.graph
        check(self._graph, 1, number=8)
        self._picture = picture_of(self._network, picture, data_dir, ink)
        self._trace = prepared(self._graph, self._network.weights, self._picture.exact)
        self._stored = Stored(self._graph, self._network.weights, self._picture.rounded)
        self._reader = Reader(self._graph, self._network.classes, self._network.aliases)
        known = self._picture.label or None
        self._given = target_of(self._network, known if target is None else target)

    @property
    def graph(self) -> Graph:
        """The network with its loss and probabilities: the nodes that can be asked about."""
        return self._graph

    def why(self, what: str) -> Explanation:
        """One question; see `why`."""
        answer = self._answer(what)
        note = self._network.note
        return replace(answer, notes=(*answer.notes, note)) if note else answer

    def _answer(self, what: str) -> Explanation:
        given = self._of_given(what)
        if given is not None:
            return given
        number = self._reader.number(what)
        if number is None:
            return self._of_function(what)
        if number.gradient:
            return self._of_gradient(number)
        return self._of_weight(number) if number.weight else self._of_value(number)

    def _of_value(self, number: Number) -> Explanation:
        node = self._graph[number.node]
        if node.operator.is_input:
            return self._of_input(number)
        if node.operator.is_loss:
            self._need_target()
        trace = self._trace.reach([node.name])
        whole = array_of(trace, number)
        return Explanation(
            what=str(number),
            formula=self._formula(number),
            terms=tuple(behind(trace, number)),
            reference=whole[number.index].item(),
            stored=self._stored.number(number),
            scale=_root_mean_square(whole),
            target=self._target_name if node.operator.is_loss else "",
            sees=seen(self._graph, trace, number),
            notes=(
                *padding_note(self._graph, number),
                *foreign_note(self._graph, number),
                *self._target_notes(node.operator.is_loss),
            ),
            asker=self.why,
        )

    def _of_input(self, number: Number) -> Explanation:
        trace = self._trace.reach([number.node])
        pixels, preprocessing = self._picture.pixels, self._network.preprocessing
        value = array_of(trace, number)[number.index].item()
        if pixels is None or preprocessing is None:
            formula = "given"
            terms = [Product((NamedFactor(str(number), value),))]
        else:
            formula, terms = pixel_products(number, pixels, preprocessing)
        return Explanation(
            what=str(number),
            formula=formula,
            terms=tuple(terms),
            reference=value,
            stored=self._stored.number(number),
            asker=self.why,
        )

    def _of_weight(self, number: Number) -> Explanation:
        value = array_of(self._trace, number)[number.index].item()
        trained = self._graph.weights(self._graph[number.node])[number.weight].trainable
        return Explanation(
            what=str(number),
            formula="learned" if trained else "counted while training",
            terms=(Product((NamedFactor(str(number), value),)),),
            reference=value,
            stored=self._stored.number(number),
            asker=self.why,
        )

    def _of_gradient(self, number: Number) -> Explanation:
        if number.node not in self._leading:
            self._need_target()
            raise ExplanationError(
                f"{number.node} does not lead to the loss, so nothing flows back to it",
                remedy="Ask for its value, or for the gradient of a node before the loss.",
            )
        backward = self._backward
        terms = behind(self._trace, number, backward)
        if self._graph[number.node].operator.is_loss:
            terms = [Product((NamedFactor("1", 1.0),))]
        backward.reach([number.node])
        whole = array_of(self._trace, number, backward)
        return Explanation(
            what=str(number),
            formula=self._gradient_formula(number),
            terms=tuple(terms),
            reference=float(whole[number.index]),
            stored=self._stored.number(number),
            scale=_root_mean_square(whole),
            target=self._target_name,
            notes=(
                *foreign_note(self._graph, number),
                *self._target_notes(True),
                *self._small_loss_note(),
            ),
            asker=self.why,
        )

    def _of_given(self, what: str) -> Explanation | None:
        """A constant factor, or a pixel; None when `what` is neither."""
        text = " ".join(what.split()) if isinstance(what, str) else repr(what)
        pixels, preprocessing = self._picture.pixels, self._network.preprocessing
        value, formula = constant(text), "a constant"
        if value is None and pixels is not None and preprocessing is not None:
            value = pixel_value(text, pixels, preprocessing)
            formula = "the picture's own, from 0 to 255" if text.startswith("pixel") else formula
        if value is None:
            return None
        one = (Product((NamedFactor(text, value),)),)
        return Explanation(text, formula, one, value, value, asker=self.why)

    def _of_function(self, what: str) -> Explanation:
        """A factor that is a function of other numbers."""
        text = " ".join(what.split()) if isinstance(what, str) else repr(what)
        found = self._found(text)
        if found is None:
            raise ExplanationError(f"{text!r} names no number", remedy=forms(self._graph))
        factor = found.factor
        arguments = tuple(NamedFactor(each, self._known(each), (each,)) for each in factor.refs)
        return Explanation(
            what=factor.what,
            formula=factor.what,
            terms=(Product((factor,)),),
            reference=factor.value,
            stored=self._stored_factor(found),
            arguments=arguments,
            target=self._target_name if self._graph[found.node].operator.is_loss else "",
            notes=(f"a factor of {found.node} ({type(found.operator).__name__})",),
            asker=self.why,
        )

    def _known(self, what: str) -> float:
        """The value of a number that some factor refers to."""
        number = self._reader.number(what)
        if number is None:
            raise ExplanationError(f"{what!r} names no number", remedy=forms(self._graph))
        return float(array_of(self._trace, number)[number.index])

    def _found(self, text: str) -> Found | None:
        """Where a function stands among the products of the network."""
        for number in self._reader.inside(text):
            if number.gradient:
                continue
            graph = self._graph
            for name in dict.fromkeys((*self._read_by(number), number.node)):
                if self._graph[name].operator.is_loss:
                    self._need_target()
                self._trace.reach([name])
                found = find(graph, graph[name], self._trace.calls[name], number, text)
                if found is not None:
                    return found
        return None

    def _stored_factor(self, found: Found) -> float | None:
        """What the same formula makes of PyTorch's numbers."""
        node = self._graph[found.node]
        call = self._stored.called(node)
        again = find(self._graph, node, call, found.number, found.factor.what)
        return None if again is None else again.factor.value

    def _formula(self, number: Number) -> str:
        node = self._graph[number.node]
        specs, target = self._graph.input_specs(node), self._trace.target
        operator, place = node.operator, Ref(number.inner, number.index)
        text = (
            operator.inner_formula(place, *specs)
            if place.source
            else operator.formula(place.index, *specs)
        )
        if node.operator.is_loss and target is not None and target.ndim > 1:
            text = loss_of(self._graph, self._network.scores).wanted_formula(*specs)
        inner = self._graph.inner(node)
        keepers = {each: self._graph.keeper(node, each) for each in self._graph.weights(node)}
        keepers |= dict.fromkeys(inner, node.name)
        if names := "|".join(map(re.escape, keepers)):
            text = re.sub(
                rf"(?<![\w.])({names})\[", lambda found: f"{keepers[found[1]]}.{found[1]}[", text
            )
        if node.operator.is_loss and target is not None and target.ndim == 1:
            text = text.replace("[target]", f"[{int(target[0])}]")
        return _with_names(text, node)

    def _gradient_formula(self, number: Number) -> str:
        if self._graph[number.node].operator.is_loss:
            return "1"
        return " + ".join(
            _with_names(
                reader.operator.gradient_formula(ref, *self._graph.input_specs(reader)), reader
            )
            for reader, ref in self._readers(number)
        )

    def _readers(self, number: Number) -> Iterator[tuple[Node, Ref]]:
        """The nodes that a number goes into, on the way to the loss."""
        for name in self._read_by(number):
            reader = self._graph[name]
            if part := number.weight or number.inner:
                yield reader, Ref(part, number.index)
                continue
            for slot, source in enumerate(reader.inputs):
                if source == number.node and name in self._leading:
                    yield reader, Ref(slot, number.index)

    def _read_by(self, number: Number) -> tuple[str, ...]:
        """The names of the nodes that a number goes into."""
        if number.weight:
            return self._graph.users(number.node, number.weight)
        return (number.node,) if number.inner else self._graph.consumers[number.node]

    @cached_property
    def _leading(self) -> frozenset[str]:
        """The nodes that the loss depends on."""
        loss = self._graph.loss
        return self._graph.ancestors([] if loss is None else [loss.name])

    @cached_property
    def _backward(self) -> Backward:
        loss = self._need_target()
        # Side exits and the probabilities lead nowhere, and stay without a gradient.
        trace = prepared(
            Graph(tuple(node for node in self._graph if node.name in self._leading)),
            {n: own for n, own in self._network.weights.items() if n in self._leading},
            self._picture.exact,
            target=self._trace.target,
        )
        trace.weights = self._trace.weights
        trace.values = {n: v for n, v in self._trace.values.items() if n in self._leading}
        trace.calls = {n: c for n, c in self._trace.calls.items() if n in self._leading}
        return Backward(trace.reach([loss.name]))

    def _need_target(self) -> Node:
        """The loss, after the target is settled: the one given, or the predicted class."""
        loss = self._graph.loss
        if loss is None:
            raise ExplanationError(
                "the network has no loss, so no number has a gradient",
                where=self._network.lossless,
                remedy="Ask for a value.",
            )
        if self._trace.target is None:
            target = self._given
            if target is None:
                scores = self._trace.reach([self._network.scores]).values[self._network.scores][0]
                penalty = self._graph[self._network.scores].operator.is_penalty
                target = loss_of(self._graph, self._network.scores).predicted_target(
                    -scores if penalty else scores
                )
            self._trace.target = self._stored.target = target
        return loss

    @property
    def _target_name(self) -> str:
        target, classes = self._trace.target, self._network.classes
        if target is None:
            return ""
        if target.ndim > 1:
            return "wanted values" if target.dtype.kind == "f" else "a class per position"
        unit = int(target[0])
        return classes[unit] if unit < len(classes) else str(unit)

    def _target_notes(self, matters: bool) -> tuple[str, ...]:
        if not matters or self._given is not None:
            return ()
        return (f"the target is the predicted class, {self._target_name}: none was given",)

    def _small_loss_note(self) -> tuple[str, ...]:
        loss = self._backward.trace.loss
        if not loss < SMALL_LOSS:
            return ()
        return (
            f"the loss is only {loss:.1e}: in float32 most of its gradient is rounding; "
            "the gradient for another class is larger",
        )


def _root_mean_square(array: Array) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def _with_names(text: str, node: Node) -> str:
    for slot, name in enumerate(node.inputs):
        text = text.replace(f"{{{slot}}}", name)
    return text.replace("{self}", node.name)
