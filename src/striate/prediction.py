"""What a model says of a picture: from scores to probabilities, by falling probability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from striate.display import Block, Column, Displayed, Grid, Line
from striate.graph import Graph
from striate.ops.arrays import Array

SHOWN = 10
"""Classes that are named when a prediction or a model is shown."""


@dataclass(frozen=True, repr=False)
class Prediction(Displayed):
    """What a model says of one picture: classes by falling probability."""

    ranking: tuple[tuple[str, float], ...]

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.ranking[0][0]

    @property
    def probability(self) -> float:
        """How probable it is."""
        return self.ranking[0][1]

    @property
    def headline(self) -> str:
        """The most probable class, and how probable it is."""
        return f"{self.label} {self.probability:.2%}"

    def display(self) -> Iterator[Block]:
        """The most probable classes."""
        rows = tuple((name, f"{share:.2%}") for name, share in self.ranking[:SHOWN])
        yield Grid((Column("class", text=True, wide=60), Column("probability")), rows)
        if others := self.ranking[SHOWN:]:
            share = sum(share for _, share in others)
            yield Line(f"{len(others):,} others together {share:.2%}", "quiet")


def probabilities(graph: Graph, scores: Array) -> Array:
    """Class probabilities (N, classes) from scores, whatever the network ends in.

    Probabilities stay as they are; penalties count as negative logarithms; anything else goes
    through softmax.
    """
    rows = scores.reshape(len(scores), -1)
    if graph.gives_shares(graph.scores.name):
        return rows
    logits = -rows if graph.scores.operator.is_penalty else rows
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
