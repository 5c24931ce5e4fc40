"""Loss and accuracy for TensorBoard, as event files in the run folder."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from striate.training.events import EpochRow
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
def curves(folder: RunFolder, step: int) -> Iterator[Callable[[EpochRow], None]]:
    """A function that adds one epoch to the curves; points after `step` are forgotten first.

    Events are written at once, in this thread: tensorboardX's own writer does it in another one,
    which a full disk ends, and then waits for it.

    Raises:
        RunError: the file cannot be written.
    """
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.record_writer import RecordWriter
    from tensorboardX.summary import scalar

    now = time.time()
    place = folder.path / f"events.out.tfevents.{now:.0f}.{socket.gethostname()}.{step}"

    def add(events: Iterable[Event]) -> None:
        with folder.writing(place=place):
            for event in events:
                writer.write(event.SerializeToString())
            writer.flush()

    def draw(row: EpochRow) -> None:
        points = {name: getattr(row, name) for name in DRAWN}
        now = time.time()
        add(
            Event(wall_time=now, step=row.step, summary=scalar(name, value))
            for name, value in points.items()
            if value is not None
        )

    first = [Event(wall_time=now, file_version="brain.Event:2")]
    if step:
        begins = SessionLog(status=SessionLog.START)
        first.append(Event(wall_time=now, step=step + 1, session_log=begins))
    with folder.writing(place=place):
        writer = RecordWriter(str(place))
    try:
        add(first)
        yield draw
    finally:
        with suppress(OSError):  # what could not be written was said by `add`
            writer.close()
