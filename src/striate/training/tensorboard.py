"""Loss and accuracy for TensorBoard, as event files in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from striate.training.events import Row

DRAWN = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "images_per_second",
)


@contextmanager
def curves(folder: Path, step: int) -> Iterator[Callable[[Row], None]]:
    """A function that adds one epoch to the curves; points after `step` are forgotten first."""
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def draw(row: Row) -> None:
        for name in DRAWN:
            if getattr(row, name) is not None:
                writer.add_scalar(name, getattr(row, name), row.step)
        writer.flush()

    try:
        yield draw
    finally:
        writer.close()
