"""What a diagnosis is made from: network, weights, pictures, recipe, what a run wrote, one batch.

Everything dear is computed once, when the first check asks for it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log

import numpy as np
import torch

from striate.analysis.verify import drawn_input, drawn_target
from striate.capacity import available
from striate.data import DataSet, Preprocessing
from striate.data.dataset import AnySplit, Split
from striate.data.leaks import Twins, twins
from striate.diagnosis.record import Record
from striate.engine import lower
from striate.errors import StriateError
from striate.graph import Graph, Node
from striate.notation import text
from striate.ops.arrays import Array, Weights
from striate.ops.loss.class_loss import ClassLoss
from striate.pytorch import NodeValues, values_and_gradients
from striate.training import Recipe
from striate.training.evaluate import guesses
from striate.training.first_weights import first_weights

MOST_PICTURES = 256
"""Pictures of the batch whose values and gradients are looked at."""

ROOM = 0.25
"""The share of free memory that values and gradients of that batch may take."""

SAMPLE = 1000
"""Pictures that are compared with each other, or scored."""


@dataclass(frozen=True)
class ProbedBatch:
    """One batch, forward and backward.

    Args:
        x: the network's first input, (N, C, H, W) of pictures, float32.
        labels: class numbers (N,).
        seen: every value and gradient, by node.
        loss: the mean loss.
    """

    x: Array
    labels: Array
    seen: NodeValues
    loss: float


class Missing(Exception):
    """What a check needs is not there; the text says what."""


@dataclass(frozen=True)
class PreparedPictures:
    """Pictures as the network takes them.

    Args:
        data: with splits and classes.
        preprocessing: from a picture to the input.
        called: how a command names them.
    """

    data: DataSet
    preprocessing: Preprocessing
    called: str

    def entering(self, split: AnySplit) -> torch.Tensor:
        """The input (N, C, H, W) that the pictures of a split become."""
        return self.preprocessing.normalize(torch.from_numpy(np.asarray(split.images)))

    @cached_property
    def twins(self) -> Twins:
        """Equal pictures, within and between the splits."""
        return twins(self.data.splits, self.data.classes)


@dataclass(frozen=True)
class Evidence:
    """What the checks look at.

    Args:
        called: how a command names the subject.
        graph: with a loss at its end.
        weights: node -> weight name -> array: the trained ones, or first weights.
        is_trained: whether they are trained.
        recipe: the settings of the run, or the usual ones.
        given: the pictures; None without any.
        run: what a run wrote; None where there is no run.
        knows_recipe: whether the recipe is that of the weights.
        repeated: settings that a command must name, as the subject does not bring them along.
    """

    called: str
    graph: Graph
    weights: Weights
    is_trained: bool
    recipe: Recipe
    given: PreparedPictures | None = None
    run: Record | None = None
    knows_recipe: bool = True
    repeated: Mapping[str, object] = field(default_factory=dict)

    @property
    def pictures(self) -> PreparedPictures:
        """The pictures.

        Raises:
            Missing: there are none.
        """
        if self.given is None:
            raise Missing("needs pictures: --data")
        return self.given

    @property
    def record(self) -> Record:
        """What a run wrote of its epochs.

        Raises:
            Missing: there is no run, or none of its epochs is over.
        """
        if self.run is None or not self.run.rows:
            raise Missing("needs a run folder with an epoch that is over")
        return self.run

    @property
    def classes(self) -> int:
        """How many scores there are."""
        return self.graph.specs[self.graph.scores.name].channels

    @property
    def chance(self) -> float:
        """-log(1 / classes): the cross-entropy of who guesses."""
        return log(max(2, self.classes))

    @property
    def is_classifier(self) -> bool:
        """Whether it is trained by the cross-entropy of one class a picture."""
        flat = self.graph.specs[self.graph.scores.name].rank == 1
        loss = self.graph.loss
        return (
            flat and self.classes > 1 and loss is not None and isinstance(loss.operator, ClassLoss)
        )

    @cached_property
    def kernels(self) -> tuple[tuple[Node, str], ...]:
        """Every kernel that is trained, in order: (node, weight name)."""
        behind = self.graph.ancestors([self.graph.nodes[-1].name])
        return tuple(
            (node, name)
            for node in self.graph
            if node.name in behind
            for name, weight in self.graph.own_weights(node).items()
            if weight.role == "kernel" and weight.trainable
        )

    @cached_property
    def infinite(self) -> str:
        """The first node whose weights hold what is no finite number; empty where all are."""
        for node in self.graph:
            own = self.weights.get(node.name, {})
            if not all(np.isfinite(array).all() for array in own.values()):
                return node.name
        return ""

    @cached_property
    def probe(self) -> ProbedBatch:
        """One batch of training pictures, or of drawn inputs, through the network and back."""
        return self._probed(self.weights, training=not self.is_trained)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every weight, and every value of the batch, is a finite number."""
        if self.infinite:
            return False
        return all(np.isfinite(value).all() for value in self.probe.seen.values.values())

    @cached_property
    def first(self) -> Weights:
        """First weights, as the recipe draws them."""
        if not self.is_trained:
            return self.weights
        try:
            classes = self.given.data.classes if self.given is not None else ()
            return first_weights(self.graph, self.recipe, classes).weights
        except StriateError:  # the file that it started from
            raise Missing("the first weights of the run are gone") from None

    @cached_property
    def first_loss(self) -> float:
        """The mean loss of the batch with first weights."""
        if not self.is_trained:
            return self.probe.loss
        return self._probed(self.first, training=True).loss

    def _probed(self, weights: Weights, *, training: bool) -> ProbedBatch:
        x, labels = self._batch()
        with np.errstate(all="ignore"):
            seen = values_and_gradients(
                self.graph, weights, x, labels, torch.float32, training=training
            )
            loss = self.graph.loss
            mean = float(np.mean(seen.values[loss.name], dtype=np.float64)) if loss else 0.0
        return ProbedBatch(x[0], labels, seen, mean)

    def _batch(self) -> tuple[list[Array], Array]:
        numbers = sum(spec.size for spec in self.graph.specs.values())
        room = ROOM * (available() or 2**31)
        count = int(max(2, min(MOST_PICTURES, room // (16 * numbers))))
        if self.given is not None:
            some = spread(self.given.data.train, count)
            return [self.given.entering(some).numpy()], np.asarray(some.labels)
        rng = np.random.default_rng(0)
        drawn = [drawn_input(self.graph, node.name, count, rng) for node in self.graph.inputs]
        return drawn, drawn_target(self.graph, count, rng)

    def share_right(self, split: AnySplit) -> float:
        """The share of a sample of a split that the network is right about."""
        some = spread(split, SAMPLE)
        network = lower(self.graph, self.weights, fused=False).eval()
        with torch.inference_mode():
            found = guesses(self.graph, network(self.pictures.entering(some)))
        return float((found.numpy() == some.labels).mean())

    def train(self, **settings: object) -> str:
        """A command that trains the same again with other settings."""
        if self.run is not None:
            return _command("--config", self.run.config, settings)
        return _command(self.called, *self._data(), {**self.repeated, **settings})

    def rewritten(self, *changes: tuple[str, str]) -> str:
        """A command that trains the network with words of its text in place of others.

        Args:
            changes: (regular expression, what stands in its place).
        """
        written = text(self.graph)
        for pattern, instead in changes:
            written = re.sub(pattern, instead, written)
        return self._train(written)

    def without(self, name: str) -> str:
        """A command that trains the network without a node of one input."""
        (before,) = self.graph[name].inputs
        kept = (node for node in self.graph if node.name != name)
        nodes = (
            replace(node, inputs=tuple(before if n == name else n for n in node.inputs))
            for node in kept
        )
        return self._train(text(Graph(tuple(nodes))))

    def _train(self, written: str) -> str:
        own = {name: value for name, value in self.recipe.unusual.items() if name != "start"}
        return _command(" ".join(written.split()), *self._data(), own)

    def _data(self) -> list[str]:
        return [] if self.given is None else ["--data", self.given.called]


def spread(split: AnySplit, count: int) -> Split:
    """Pictures from all over a split, at most `count`."""
    rows = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).astype(np.int64))
    some = split.take(rows)
    return Split(np.asarray(some.images[:]), np.asarray(some.labels), some.paths)


def _command(*words: str | Mapping[str, object]) -> str:
    """`striate train` with words, and settings by name."""
    said = ["striate train"]
    for word in words:
        settings = {} if isinstance(word, str) else word
        said += [shlex.quote(word)] if isinstance(word, str) else []
        said += [f"{name}={_short(value)}" for name, value in settings.items()]
    return " ".join(said)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else shlex.quote(str(value))
