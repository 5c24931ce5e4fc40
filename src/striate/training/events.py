"""What happens in a run, as values: for the terminal, for TensorBoard, for whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from striate.display import Block, Column, Displayed, Grid, Line
from striate.graph import Graph
from striate.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Loading:
    """Pictures are measured or decoded: `done` of `total` so far."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins, or goes on at `epoch` (counted from 1).

    Args:
        start: where its first weights come from; empty when they are drawn.
        picture: a picture to try the model on: digits#0, or a file; empty without any.
        notes: what was decided or left out.
    """

    folder: Path
    graph: Graph
    recipe: Recipe
    data: str
    pictures: int
    epoch: int
    start: str
    picture: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stepped:
    """A sign of life, about ten a second: loss and accuracy of this epoch so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch is over: one row of metrics.csv.

    Validation figures are None where no pictures are set aside for it.
    """

    epoch: int
    step: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float
    images_per_second: float


@dataclass(frozen=True, slots=True, repr=False)
class Result(Displayed):
    """A run is done.

    Args:
        folder: the run folder.
        model: the best weights, as a model file.
        test_accuracy: of the best weights on pictures never looked at before; None without any.
        best_epoch: where they come from.
        seconds: of training, evaluation between epochs included.
        images_per_second: training pictures in that time.
        first_loss: of the first step, with the first weights.
        history: one row per epoch.
    """

    folder: Path
    model: Path
    test_accuracy: float | None
    best_epoch: int
    epochs: int
    seconds: float
    images_per_second: float
    first_loss: float
    history: tuple[EpochRow, ...]

    @property
    def headline(self) -> str:
        """How good it is, and where it lies."""
        share = self.test_accuracy
        tested = "not tested" if share is None else f"test accuracy {share:.2%}"
        return f"{tested}, best of {self.epochs} epochs: {self.best_epoch}, {self.folder}"

    def display(self) -> Iterator[Block]:
        """The result, and every epoch on the way."""
        yield Line(self.headline, "strong")
        yield Grid(EPOCHS, tuple(_cells(row) for row in self.history))
        yield Line(f"{self.seconds:.1f} s, {self.images_per_second:,.0f} images/s")
        yield Line(f"best weights: {self.model}")

    def to_json(self) -> dict[str, object]:
        """The form that `striate train --json` ends with."""
        return {
            "schema_version": 1,
            "run": str(self.folder),
            "model": str(self.model),
            "test_accuracy": self.test_accuracy,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
            "first_loss": self.first_loss,
        }


def _cells(row: EpochRow) -> tuple[str, ...]:
    loss, accuracy = row.validation_loss, row.validation_accuracy
    return (
        str(row.epoch),
        f"{row.train_loss:.4f}",
        f"{row.train_accuracy:.2%}",
        "" if loss is None else f"{loss:.4f}",
        "" if accuracy is None else f"{accuracy:.2%}",
        f"{row.learning_rate:.3g}",
        f"{row.seconds:.1f}",
    )


EPOCHS = (
    Column("epoch"),
    Column("loss"),
    Column("accuracy"),
    Column("validation loss", rank=1),
    Column("validation accuracy"),
    Column("rate", rank=3),
    Column("seconds", rank=2),
)

Event: TypeAlias = Loading | Started | Stepped | EpochRow | Result
Listener: TypeAlias = Callable[[Event], None]
