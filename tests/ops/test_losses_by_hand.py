"""Losses that can be followed with pencil and paper: one picture's value and gradient."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

from striate import ops
from striate.graph import Call, Operator

L2, L3, L4 = log(2), log(3), log(4)

CASES: list[tuple[str, Operator, Any, Any, float, Any]] = [
    # Softmax of (0, log 3) is (1/4, 3/4).
    ("a class", ops.CrossEntropy(), [0, L3], 0, L4, [-3 / 4, 3 / 4]),
    # Shares (1, 1): both surprises, log 4 and log 4/3.
    ("shares above 1", ops.CrossEntropy(), [0, L3], [1, 1], 2 * L4 - L3, [-1 / 2, 1 / 2]),
    # Smoothing 1/2 of class 0: shares (3/4, 1/4).
    ("smoothing", ops.CrossEntropy(0.5), [0, L3], 0, L4 - L3 / 4, [-1 / 2, 1 / 2]),
    # Weights alone cancel in the mean of one picture; shares are weighed and do not cancel.
    ("a weight", ops.CrossEntropy(0.0, (2.0, 5.0)), [0, L3], 0, L4, [-3 / 4, 3 / 4]),
    ("weighed shares", ops.CrossEntropy(0.0, (2.0, 5.0)), [0, L3], [1, 0], 2 * L4, [-1.5, 1.5]),
    # (3/4 · 2 · log 4 + 1/4 · 4 · (log 4 - log 3)) / 2, the weight of class 0.
    (
        "weights and smoothing",
        ops.CrossEntropy(0.5, (2.0, 4.0)),
        [0, L3],
        0,
        (2.5 * L4 - L3) / 2,
        [(2.5 / 4 - 1.5) / 2, (7.5 / 4 - 1) / 2],
    ),
    ("nothing to compare", ops.CrossEntropy(ignore_index=9), [0, L3], 9, 0, [0, 0]),
    # Two places: (0, log 3) with class 0, and one that is ignored.
    (
        "a place ignored",
        ops.CrossEntropy(ignore_index=9),
        [[0, 5], [L3, 7]],
        [0, 9],
        L4,
        [[-3 / 4, 0], [3 / 4, 0]],
    ),
    # Two places of weights 1 and 3: (log 4 + 3 · log 4/3) / 4.
    (
        "places of weights 1 and 3",
        ops.CrossEntropy(class_weights=(1.0, 3.0)),
        [[0, 0], [L3, L3]],
        [0, 1],
        (4 * L4 - 3 * L3) / 4,
        [[-3 / 16, 3 / 16], [3 / 16, -3 / 16]],
    ),
    ("probabilities", ops.LogLoss(), [1 / 4, 3 / 4], 0, L4, [-4, 0]),
    ("smoothed probabilities", ops.LogLoss(0.5), [1 / 4, 1 / 2], 0, 1.75 * L2, [-3, -1 / 2]),
    ("no slope where a probability ends", ops.LogLoss(), [0, 1], 0, -log(2.0**-1022), [0, 0]),
    # d = (0, 2 - 1 + 1, 3 - 1 + 1).
    ("hinge", ops.Hinge(), [1, 2, 3], 0, 5, [-2, 1, 1]),
    ("hinge of power 2", ops.Hinge(p=2), [1, 2, 3], 0, 4 + 9, [-10, 4, 6]),
    ("a weighed hinge", ops.Hinge(1.0, 2, (2.0, 1.0, 1.0)), [1, 2, 3], 0, 26, [-20, 8, 12]),
    # σ(log 3) = 3/4: yes costs log 4/3, no log 4.
    ("yes", ops.SigmoidCrossEntropy(), [L3], [1], L4 - L3, [-1 / 4]),
    ("no", ops.SigmoidCrossEntropy(), [L3], [0], L4, [3 / 4]),
    ("a yes of weight 3", ops.SigmoidCrossEntropy(0.0, (3.0,)), [L3], [1], 3 * (L4 - L3), [-3 / 4]),
    ("a no beside it", ops.SigmoidCrossEntropy(0.0, (3.0,)), [L3], [0], L4, [3 / 4]),
    ("smoothed yes", ops.SigmoidCrossEntropy(0.5), [L3], [1], L4 - 0.75 * L3, [0]),
    ("a score of weight 2", ops.SigmoidCrossEntropy(0.0, None, (2.0,)), [L3], [0], 2 * L4, [1.5]),
    # e⁰ + e⁰ + e^-log 2 = 5/2.
    ("penalties", ops.MapLoss(0.0), [0, L2], 1, L2 + log(2.5), [-2 / 5, 1 - 1 / 5]),
    ("half a target", ops.MapLoss(0.0), [0, L2], [0, 0.5], L2 / 2 + log(2.5) / 2, [-0.2, 0.4]),
    # Two steps, blank and one class, all scores 0: three of four paths spell the label.
    (
        "a label in two steps",
        ops.CTC(),
        [[0, 0], [0, 0]],
        [1],
        L4 - L3,
        [[1 / 6] * 2, [-1 / 6] * 2],
    ),
    # "aa" needs a-blank-a: one path of eight, its loss halved; every step but said for certain.
    (
        "equal labels",
        ops.CTC(blank=1),
        [[0, 0, 0], [0, 0, 0]],
        [0, 0],
        1.5 * L2,
        [[-1 / 4, 1 / 4, -1 / 4], [1 / 4, -1 / 4, 1 / 4]],
    ),
    ("no label", ops.CTC(), [[0, 0], [L3, 0]], [-1], L4 + L2, [[-3 / 4, -1 / 2], [3 / 4, 1 / 2]]),
    # The mean of two places: ½ · 4 and ½ · (1 + 9).
    ("squares", ops.SquaredError(), [[1, 2], [2, 3]], [[1, 1], [0, 0]], 3.5, [[0, 0.5], [1, 1.5]]),
]
"""What, loss, scores, target, value, gradient."""


@pytest.mark.parametrize(
    ("loss", "x", "target", "value", "gradient"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_by_hand(loss: Operator, x: Any, target: Any, value: float, gradient: Any) -> None:
    call = Call((np.array([x], dtype=float),), target=np.array([target]))
    call = call.with_output(loss.forward(call))
    np.testing.assert_allclose(call.y, [value], rtol=1e-12, atol=1e-12)
    (found,) = loss.backward(call, np.array([1.0])).inputs
    np.testing.assert_allclose(found, [gradient], rtol=1e-12, atol=1e-12)
    terms = loss.terms(call, (0,))
    assert sum(term.value for term in terms) == pytest.approx(value, abs=1e-12)
