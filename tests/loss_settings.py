"""Settings and targets of losses at random, for the promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from striate import ops
from striate.graph import Operator, Spec
from striate.ops.loss.row_loss import RowLoss

Array: TypeAlias = NDArray[Any]
Setting: TypeAlias = tuple[Operator, tuple[Spec, ...]]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
Specs: TypeAlias = st.SearchStrategy[Spec]

SMOOTHING = st.one_of(st.just(0.0), st.floats(0, 0.9))


@st.composite
def class_weights(draw: Draw, classes: int) -> tuple[float, ...] | None:
    """None, or one number per class, all different and above 0: with 0 a class is not seen."""
    if draw(st.booleans()):
        return None
    return tuple(draw(st.permutations(np.linspace(0.5, 2, classes).tolist())))


@st.composite
def class_loss(draw: Draw, kind: Callable[..., Operator], specs: Specs) -> Setting:
    """Smoothing, weights and an ignored number, over vectors, sequences and maps."""
    spec = draw(specs)
    ignored = draw(st.sampled_from([None, -1, 255]))
    return kind(draw(SMOOTHING), draw(class_weights(spec.channels)), ignored), (spec,)


@st.composite
def hinge(draw: Draw, specs: Specs) -> Setting:
    spec = draw(specs)
    margin, power = draw(st.floats(0.1, 3)), draw(st.integers(1, 2))
    return ops.Hinge(margin, power, draw(class_weights(spec.channels))), (spec,)


@st.composite
def sigmoid_cross_entropy(draw: Draw, specs: Specs) -> Setting:
    spec = draw(specs)
    positive = draw(st.one_of(st.just((2.5,)), class_weights(spec.channels)))
    own = draw(class_weights(spec.channels))
    return ops.SigmoidCrossEntropy(draw(SMOOTHING), positive, own), (spec,)


@st.composite
def ctc(draw: Draw) -> Setting:
    """Sequences of three steps or more, any class as the blank."""
    classes, steps = draw(st.permutations([2, 3, 4, 5]))[:2]
    return ops.CTC(draw(st.integers(0, classes - 1))), (Spec((classes, steps + 1)),)


def labels(loss: ops.CTC, scores: Spec, batch: int, rng: np.random.Generator) -> Array:
    """Labels that the steps suffice for, of different lengths, perhaps none."""
    classes = np.delete(np.arange(scores.channels), loss.blank)
    found = rng.choice(classes, (batch, (scores.spatial[0] + 1) // 2))
    for row in found[1:]:
        row[rng.integers(0, len(row) + 1) :] = -1
    return found


def target(
    operator: Operator, scores: Spec, batch: int, plain: bool, rng: np.random.Generator
) -> Array:
    """Class numbers, some of them ignored in the last picture, or any value for every score."""
    if isinstance(operator, ops.CTC):
        return labels(operator, scores, batch, rng)
    if not plain:
        return rng.random((batch, *scores.shape)) * 1.5
    numbers = rng.integers(0, scores.channels, (batch, *scores.spatial))
    ignored = operator.ignored if isinstance(operator, RowLoss) else None
    if ignored is not None:
        last = rng.random(numbers.shape) < 0.5
        last[:-1] = False
        numbers[last] = ignored
    return numbers
