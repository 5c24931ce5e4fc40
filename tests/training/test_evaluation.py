"""Judging a model: counted by hand, classes matched by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from striate.data import DataSet, Preprocessing
from striate.data.dataset import Split
from striate.errors import DataError
from striate.model import Model
from striate.notation import parse
from striate.training import evaluate
from striate.training.metrics import accuracy_of, class_scores, interval, macro_f1

# One score a pixel: the brightest pixel is the guessed class.
CLASSES = ("low", "mid", "high")
PIXELS = np.array([[9, 0, 0], [0, 200, 0], [0, 0, 90], [80, 0, 0], [0, 255, 0]], dtype=np.uint8)
TRUTH = np.array([0, 1, 2, 1, 2], dtype=np.int64)


@pytest.fixture
def model() -> Model:
    graph = parse("INPUT 1x1x3 -> FC 3")
    weights = {"fc1": {"weight": 10 * np.eye(3, dtype=np.float32), "bias": np.zeros(3, np.float32)}}
    return Model(graph, weights, CLASSES, Preprocessing(1, 1, 3, mean=(0.0,), std=(1.0,)))


def _data(pixels: np.ndarray = PIXELS, truth: np.ndarray = TRUTH) -> DataSet:
    files = tuple(f"{k}.png" for k in range(len(truth)))
    split = Split(pixels.reshape(-1, 1, 1, 3), truth, files)
    return DataSet("made", CLASSES, split, None, split, (1, 1, 3), (0.0,), (1.0,), "0")


def test_counts_by_hand(model: Model) -> None:
    found = evaluate(model, _data())
    assert (found.pictures, found.accuracy) == (5, 0.6)
    assert found.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    surest, next_one = found.mistakes
    assert (surest.index, surest.path, surest.truth, surest.guess) == (4, "4.png", "high", "mid")
    assert (next_one.index, next_one.truth, next_one.guess) == (3, "mid", "low")
    scores = 10 * PIXELS.astype(float) / 255
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert surest.probability == pytest.approx(p[4, 1], abs=1e-6)
    assert next_one.probability == pytest.approx(p[3, 0], abs=1e-6)
    assert found.loss == pytest.approx(-np.log(p[np.arange(5), TRUTH]).mean(), rel=1e-5)


def test_figures_by_hand(model: Model) -> None:
    """Truth 0 1 2 1 2, answers 0 1 2 0 1."""
    found = evaluate(model, _data())
    low, mid, high = found.by_class
    assert (low.pictures, low.precision, low.recall, low.f1) == (1, 1 / 2, 1.0, 2 / 3)
    assert (mid.pictures, mid.precision, mid.recall, mid.f1) == (2, 1 / 2, 1 / 2, 1 / 2)
    assert (high.pictures, high.precision, high.recall, high.f1) == (2, 1.0, 1 / 2, 2 / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    assert found.ranks.tolist() == [0, 0, 0, 1, 2], "of equal scores the first class is first"
    assert (found.top(1), found.top(2), found.top(3)) == (0.6, 0.8, 1.0)
    assert found.tops == {}, "all of three classes are no choice"
    scores = 10 * PIXELS.astype(float) / 255
    p = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).max(axis=1)
    right = np.array([1, 1, 1, 0, 0])
    bins = [(np.ceil(p * 15) == k) for k in range(1, 16)]
    error = sum(abs(right[b].sum() - p[b].sum()) for b in bins) / 5
    assert found.calibration_error == pytest.approx(error, abs=1e-6)
    assert sum(each.pictures for each in found.reliability) == 5
    form = found.to_json()
    assert form["by_class"][2] == {
        "class": "high", "pictures": 2, "precision": 1.0, "recall": 0.5, "f1": 2 / 3
    }  # fmt: skip
    assert form["calibration_error"] == found.calibration_error


def test_intervals_are_those_of_the_bootstrap() -> None:
    """Of one figure there is a formula: pictures that are right are binomial."""
    confusion = np.array([[450, 30], [20, 500]])
    low, high = interval(confusion, accuracy_of)
    spread = 1.96 * np.sqrt(0.95 * 0.05 / 1000)
    assert low == pytest.approx(0.95 - spread, abs=2e-3)
    assert high == pytest.approx(0.95 + spread, abs=2e-3)
    assert interval(confusion, accuracy_of) == (low, high), "the seed decides"
    assert interval(confusion, accuracy_of, seed=1) != (low, high)
    assert interval(np.diag([5, 7]), macro_f1) == (1.0, 1.0)


def test_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    random = np.random.default_rng(7)
    truth, guess = random.integers(0, 7, 90), random.integers(1, 8, 90)
    confusion = np.zeros((9, 9), dtype=int)
    np.add.at(confusion, (truth, guess), 1)
    wanted = precision_recall_fscore_support(truth, guess, labels=range(9), zero_division=np.nan)
    found = class_scores(confusion, tuple("abcdefghi"))
    for name, column in zip(("precision", "recall", "f1", "pictures"), wanted, strict=True):
        ours = [getattr(each, name) for each in found]
        np.testing.assert_allclose(np.array(ours, dtype=float), column)
    assert macro_f1(confusion) == pytest.approx(np.nanmean(wanted[2]))


def test_classes_are_matched_by_name_whatever_their_order(model: Model) -> None:
    turned = replace(_data(truth=np.array([2, 0, 1, 0, 1])), classes=("mid", "high", "low"))
    assert evaluate(model, turned).confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]


def test_what_does_not_fit_is_refused(model: Model) -> None:
    with pytest.raises(DataError, match="deep"):
        evaluate(model, replace(_data(), classes=("low", "mid", "deep")))
    with pytest.raises(DataError, match="pictures are"):
        evaluate(model, replace(_data(), shape=(1, 3, 1)))
    with pytest.raises(DataError, match="validation"):
        evaluate(model, _data(), split="validation")


def test_the_last_batch_counts_by_its_size(model: Model) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (1203, 3), dtype=np.uint8)
    truth = rng.integers(0, 3, 1203)
    found = evaluate(model, _data(pixels, truth))
    scores = 10 * pixels.astype(float) / 255
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    assert found.loss == pytest.approx(-log_p[np.arange(1203), truth].mean(), rel=1e-5)
    assert found.confusion.sum() == 1203
    assert found.accuracy == (log_p.argmax(axis=1) == truth).mean()


def test_a_module_that_is_ready_answers_in_the_models_place(model: Model) -> None:
    module = model.module()
    module.train()
    found = evaluate(model, _data(), module=module)
    assert found.mistakes == evaluate(model, _data()).mistakes
    assert module.training, "it goes on as it was"
    with torch.no_grad():
        module.fc1.weight.zero_()
        module.fc1.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    assert evaluate(model, _data(), module=module).confusion[:, 1].sum() == 5
