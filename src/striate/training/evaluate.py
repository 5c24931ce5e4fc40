"""How good a network is: accuracy, loss, confusion, and the mistakes it was surest of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.capacity import check
from striate.data import Batches, DataSet, Preprocessing
from striate.data.names import printable
from striate.data.sources import Source
from striate.display import Block, Column, Displayed, Grid, Line, count
from striate.engine import pays
from striate.errors import DataError
from striate.graph import Graph
from striate.lookup import model_of
from striate.model import Model
from striate.model_data import data_of
from striate.prediction import probabilities
from striate.pytorch import loss_function
from striate.training.metrics import (
    Bin,
    ClassScores,
    accuracy_of,
    calibration_error,
    class_scores,
    interval,
    macro_f1,
    reliability,
)

BATCH = 500

WORST = 10
"""Mistakes that are listed when an evaluation is shown."""

MOST_CLASSES = 40
"""Classes whose rows and columns are shown."""

TOP = (3, 5)
"""How many answers a picture's class may be among, beside the first."""

SCORES = (
    Column("class", text=True, wide=24),
    Column("pictures"),
    Column("precision"),
    Column("recall"),
    Column("F1"),
)

MISTAKES = (
    Column("picture", text=True, wide=40),
    Column("is", text=True, wide=20),
    Column("taken for", text=True, wide=20),
    Column("sure"),
)


@dataclass(frozen=True)
class Mistake:
    """One picture the model was wrong about.

    Args:
        index: its place in the split.
        path: its file, when there is one.
        truth, guess: class names.
        probability: what the model gave its guess.
    """

    index: int
    path: str | None
    truth: str
    guess: str
    probability: float


@dataclass(frozen=True, repr=False)
class Evaluation(Displayed):
    """How a model did on a split.

    Args:
        pictures: how many there were.
        accuracy: share of right answers.
        loss: mean training loss.
        confusion: pictures by [true class, guessed class].
        classes: names by index.
        mistakes: the surest first.
        ranks: of each picture's true class among the answers, by falling probability; 0 is right.
        confidences: the probability of each picture's answer.
    """

    pictures: int
    accuracy: float
    loss: float
    confusion: NDArray[Any]
    classes: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    ranks: NDArray[Any]
    confidences: NDArray[Any]

    @cached_property
    def by_class(self) -> tuple[ClassScores, ...]:
        """Precision, recall and F1 of each class."""
        return class_scores(self.confusion, self.classes)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes: each counts the same, however many pictures it has."""
        return macro_f1(self.confusion)

    def top(self, k: int) -> float:
        """Share of pictures whose class is among the `k` most probable answers."""
        return float((self.ranks < k).mean())

    @cached_property
    def reliability(self) -> tuple[Bin, ...]:
        """How often answers were right, by how sure they were."""
        return reliability(self.confidences, self.ranks == 0)

    @property
    def calibration_error(self) -> float:
        """Expected distance of how sure an answer is and how often it is right (ECE)."""
        return calibration_error(self.reliability)

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Of `accuracy` and `macro_f1`, where they fall for 95 % of other draws of pictures."""
        figures = {"accuracy": accuracy_of, "macro_f1": macro_f1}
        return {name: interval(self.confusion, figure) for name, figure in figures.items()}

    @property
    def tops(self) -> dict[int, float]:
        """`top` for the usual numbers of answers, as far as there are more classes."""
        return {k: self.top(k) for k in TOP if k < len(self.classes)}

    @property
    def headline(self) -> str:
        """How many were right, and the loss."""
        return (
            f"{self.accuracy:.2%} of {self.pictures:,} pictures right, "
            f"{len(self.mistakes):,} wrong; loss {self.loss:.4f}"
        )

    def display(self, worst: int = WORST) -> Iterator[Block]:
        """Accuracy, confusion matrix and mistakes.

        Args:
            worst: how many mistakes are listed.
        """
        yield Line(self.headline, "strong")
        yield from self._figures()
        yield from self._confusion()
        listed = tuple(
            (each.path or f"#{each.index}", each.truth, each.guess, f"{each.probability:.1%}")
            for each in self.mistakes[:worst]
        )
        if listed:
            yield Line("The mistakes it was surest of:")
            yield Grid(MISTAKES, listed)

    def _figures(self) -> Iterator[Block]:
        """How sure the accuracy is, how well the probabilities say it, and each class by itself."""
        bounds = {name: f"{low:.1%} to {high:.1%}" for name, (low, high) in self.intervals.items()}
        tops = "".join(f"; top-{k} accuracy {share:.2%}" for k, share in self.tops.items())
        yield Line(f"95% interval of the accuracy: {bounds['accuracy']}{tops}")
        yield Line(f"macro F1 {self.macro_f1:.2%}, 95% interval {bounds['macro_f1']}")
        yield Line(f"expected calibration error {self.calibration_error:.2%}")
        chosen = sorted(self._most_mistaken()[:MOST_CLASSES])
        rows = ((each, *_cells(self.by_class[k])) for k in chosen for each in [self.classes[k]])
        yield Grid(SCORES, tuple(rows))

    def _most_mistaken(self) -> list[int]:
        """Numbers of classes, those with the most mistakes first."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")
        return [int(k) for k in order]

    def _confusion(self) -> Iterator[Block]:
        """Of many classes, the rows and columns with the most mistakes."""
        confusion, order = self.confusion, self._most_mistaken()
        chosen = sorted(order[:MOST_CLASSES])
        rank = {k: place for place, k in enumerate(order, 1)}
        columns = (
            Column("", text=True, wide=24),
            *(Column(self.classes[k], rank=rank[k]) for k in chosen),
            Column("right"),
        )
        rows = (
            (
                self.classes[k],
                *(count(int(confusion[k, j])) for j in chosen),
                _share(int(confusion[k, k]), int(confusion[k].sum())),
            )
            for k in chosen
        )
        yield Line("True classes down, answers across:")
        yield Grid(columns, tuple(rows))
        if len(self.classes) > MOST_CLASSES:
            yield Line(
                f"These are the {MOST_CLASSES} of {len(self.classes):,} classes with the most "
                "mistakes; `confusion` has all.",
                "quiet",
            )

    def to_json(self, worst: int = 25) -> dict[str, object]:
        """The form that `striate evaluate --json` prints."""
        return {
            "schema_version": 1,
            "pictures": self.pictures,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "macro_f1": self.macro_f1,
            "top": {str(k): share for k, share in self.tops.items()},
            "calibration_error": self.calibration_error,
            "intervals": {name: list(bounds) for name, bounds in self.intervals.items()},
            "by_class": [_of_class(each) for each in self.by_class],
            "reliability": [vars(each) for each in self.reliability],
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "mistakes": [vars(each) for each in self.mistakes[:worst]],
        }


def _cells(scores: ClassScores) -> tuple[str, ...]:
    shares = (scores.precision, scores.recall, scores.f1)
    return (count(scores.pictures), *("–" if s is None else f"{s:.1%}" for s in shares))


def _of_class(scores: ClassScores) -> dict[str, object]:
    return {"class": scores.name, **{k: v for k, v in vars(scores).items() if k != "name"}}


def _share(right: int, pictures: int) -> str:
    return f"{right / pictures:.1%}" if pictures else "no pictures"


def evaluate(
    model: Model | Path | str,
    data: DataSet | Source = "",
    *,
    split: str = "test",
    module: nn.Module | None = None,
) -> Evaluation:
    """Judge a model on a split of a data set, classes matched by name.

    Args:
        model: a model, or its file or run folder.
        data: a data set, its name, a folder of pictures, or arrays (x, y); else what the model
            was trained on.
        module: the model, where it has already been made ready to run.

    Raises:
        ModelFileError: there is no such model.
        DataError: the split is missing, or the pictures or classes are not the model's.
    """
    judged = model_of(model)
    pictures = data if isinstance(data, DataSet) else data_of(judged, data, None, judging=True)
    return _evaluated(judged, pictures, split, module)


def _evaluated(model: Model, data: DataSet, split: str, module: nn.Module | None) -> Evaluation:
    if data.shape != model.preprocessing.shape:
        raise DataError(
            f"the pictures are {data.shape}, but the model takes {model.preprocessing.shape}"
        )
    chosen = data.with_classes(model.classes).split(split)
    check(model.graph, min(BATCH, len(chosen)))
    if module is None:
        module = model.frozen(
            fused=pays(model.graph, len(chosen), training=False), engine="striate"
        )
    device = next((each.device for each in module.parameters()), "cpu")
    batches = Batches(chosen, BATCH, device=device, **_IN_ORDER)
    scores, loss = scored(model.graph, module, model.preprocessing, batches)
    said = probabilities(model.graph, scores.double().numpy())
    guesses, truths = said.argmax(axis=1), np.asarray(chosen.labels)
    confusion = np.zeros((len(model.classes),) * 2, dtype=np.int64)
    np.add.at(confusion, (truths, guesses), 1)
    wrong = np.flatnonzero(guesses != truths)
    surest = wrong[np.argsort(-said[wrong, guesses[wrong]], kind="stable")]
    return Evaluation(
        len(truths),
        float((guesses == truths).mean()),
        loss,
        confusion,
        model.classes,
        tuple(
            Mistake(
                int(k),
                printable(chosen.paths[k]) if chosen.paths else None,
                model.classes[truths[k]],
                model.classes[guesses[k]],
                float(said[k, guesses[k]]),
            )
            for k in surest
        ),
        _ranks(said, truths),
        said.max(axis=1),
    )


def _ranks(said: NDArray[Any], truths: NDArray[Any]) -> NDArray[Any]:
    """How many classes stand before the true one, of equal ones those that come first."""
    own = said[np.arange(len(truths)), truths][:, None]
    earlier = np.arange(said.shape[1]) < truths[:, None]
    ranks: NDArray[Any] = ((said > own) | ((said == own) & earlier)).sum(axis=1)
    return ranks


_IN_ORDER: dict[str, Any] = {"shuffle": False, "seed": 0}


def scored(
    graph: Graph, module: nn.Module, preprocessing: Preprocessing, batches: Batches
) -> tuple[Tensor, float]:
    """The scores (N, classes) of every picture in order, and the mean loss."""
    loss = loss_function(graph)
    rows: list[Tensor] = []
    total = torch.zeros((), dtype=torch.float64)
    training = module.training
    module.eval()
    with torch.inference_mode():
        for x, y in batches.epoch(0):
            scores = module(preprocessing.normalize(x))
            total += loss(scores, y).cpu() * len(y)
            rows.append(scores.flatten(1).cpu())
    module.train(training)
    scores = torch.cat(rows)
    return scores, total.item() / len(scores)


def accuracy(graph: Graph, scores: Tensor, labels: Sequence[int] | NDArray[Any]) -> float:
    """Share of pictures whose best score is that of the right class."""
    return float((guesses(graph, scores) == torch.as_tensor(labels)).double().mean())


def guesses(graph: Graph, scores: Tensor) -> Tensor:
    """The class each row of scores speaks for: the largest, or the smallest penalty."""
    rows = scores.flatten(1)
    return rows.argmin(dim=1) if graph.scores.operator.is_penalty else rows.argmax(dim=1)
