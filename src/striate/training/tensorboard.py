"""Loss and accuracy for TensorBoard, as event files in the run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from striate.training.events import Row
from striate.training.run_folder import RunFolder

DRAWN = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "images_per_second",
)


@contextmanager
def curves(folder: RunFolder, step: int) -> Iterator[Callable[[Row], None]]:
    """A function that adds one epoch to the curves; points after `step` are forgotten first.

    Events are written at once, in this thread: `SummaryWriter` writes them in another one, which a
    full disk ends, and then waits for it.

    Raises:
        RunError: the file cannot be written.
    """
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import scalar

    with folder.writing():
        writer = EventsWriter(str(folder.path / "events"), f".{step}")
        if step:
            begins = SessionLog(status=SessionLog.START)
            writer.write_event(Event(wall_time=time.time(), step=step + 1, session_log=begins))
        writer.flush()

    def draw(row: Row) -> None:
        with folder.writing():
            for name in DRAWN:
                if getattr(row, name) is not None:
                    point = scalar(name, getattr(row, name))
                    writer.write_event(Event(wall_time=time.time(), step=row.step, summary=point))
            writer.flush()

    try:
        yield draw
    finally:
        with suppress(OSError):  # what could not be written was said by `draw`
            writer.close()
