"""How a training run looks while it happens: a line per epoch, and a live one below it.

A terminal gets the live line. A notebook gets one that is written over itself, in a cell with
Python; a notebook's `!striate train`, a pipe and a file get the lines of the epochs alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TextIO

from rich import progress

from striate.console import console, hush
from striate.display import visible
from striate.training.events import EpochRow, Event, Listener, Loading, Started, Stepped

NOTES = 8
"""Notes that are printed of a run; the others are counted."""

OVERWRITTEN = 1.0
"""Seconds between two states of a line in a notebook."""


class ProgressBar:
    """A listener that shows a run.

    When whoever read has left (`striate train | head`), the run goes on without a word.

    Args:
        quiet: show nothing.
        to_error: write to standard error, so that standard output carries the result alone.
    """

    def __init__(self, *, quiet: bool = False, to_error: bool = False) -> None:
        self._quiet = quiet
        self._stream = sys.stderr if to_error else sys.stdout
        self._console = console(error=to_error)
        self._epochs = 0
        self._last = 0.0
        self._over = 0
        self.begun: Started | None = None
        self._notebook = is_notebook(self._stream)
        self._bar = progress.Progress(
            progress.TextColumn("{task.fields[what]}", markup=False),
            progress.BarColumn(bar_width=24),
            progress.TextColumn("{task.fields[figures]}", markup=False),
            console=self._console,
            transient=True,
            disable=quiet or not is_live(self._stream),
        )
        self._task = self._bar.add_task("", total=1, what="", figures="", visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Started):
            self.begun = event
        if self._quiet:
            return
        try:
            self._show(event)
        except BrokenPipeError:
            self._quiet = True
            hush(self._stream)

    def _show(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Loading):
            done, total = event.done, event.total
            self._live(f"{event.what} pictures", done, total, f"{done:,} of {total:,}")
        elif isinstance(event, Stepped):
            what, figures = f"epoch {event.epoch}/{event.epochs}", stepped(event)
            self._live(what, event.batch, event.batches, figures)
        elif isinstance(event, EpochRow):
            self._line(row(event, self._epochs))

    def _start(self, event: Started) -> None:
        self._epochs = event.recipe.epochs
        is_done = event.epoch > self._epochs
        where = "with all its epochs done" if is_done else f"going on at epoch {event.epoch}"
        going_on = f", {where}" if event.epoch > 1 else ""
        start = f", starting from the weights of {event.start}" if event.start else ""
        self._line(
            f"training on {event.pictures:,} pictures of {event.data}{start}{going_on}; "
            f"run folder {event.folder}"
        )
        for note in event.notes[:NOTES]:
            self._line(f"  {note}", style="dim")
        if len(event.notes) > NOTES:
            self._line(f"  … and {len(event.notes) - NOTES} more", style="dim")

    def _live(self, what: str, done: int, total: int, figures: str) -> None:
        self._bar.update(
            self._task, visible=True, total=total, completed=done, what=what, figures=figures
        )
        if self._notebook and perf_counter() - self._last > OVERWRITTEN:
            self._last = perf_counter()
            self._write_over(f"{what}  {done / total:.0%}  {figures}")

    def _line(self, text: str, **style: Any) -> None:
        self._bar.update(self._task, completed=0, visible=False)
        if self._notebook:
            self._write_over(text, "\n")
            self._over = 0
        else:
            self._console.print(text, soft_wrap=True, **style)

    def _write_over(self, text: str, end: str = "") -> None:
        """Write in place of what was written last: \\r goes back to the beginning of the line."""
        self._stream.write(f"\r{visible(text):<{self._over}}{end}")
        self._stream.flush()
        self._over = len(text)


@contextmanager
def shown(on_event: Listener | None, quiet: bool) -> Iterator[Listener]:
    """The listener of a run: the one given, else one that shows progress."""
    if on_event is not None:
        yield on_event
        return
    with ProgressBar(quiet=quiet) as listener:
        yield listener


def is_live(stream: TextIO) -> bool:
    """Whether lines can be drawn anew: a terminal, but not the one that a notebook's `!` makes."""
    return stream.isatty() and "JPY_PARENT_PID" not in os.environ


def is_notebook(stream: TextIO) -> bool:
    """Whether Python itself runs in a notebook, whose output is no terminal."""
    return "ipykernel" in sys.modules and not stream.isatty()


def stepped(event: Stepped) -> str:
    """Loss, accuracy, speed and the time that is left."""
    return (
        f"loss {event.loss:.4f}  accuracy {event.accuracy:.2%}  "
        f"{event.images_per_second:,.0f} images/s  {duration(event.seconds_left)} left"
    )


def row(event: EpochRow, epochs: int) -> str:
    """The line of an epoch."""
    looked = event.validation_accuracy
    validation = "" if looked is None else f"  validation {looked:.2%}"
    return (
        f"epoch {event.epoch:>3}/{epochs}  loss {event.train_loss:.4f}  "
        f"accuracy {event.train_accuracy:.2%}{validation}  "
        f"{event.images_per_second:,.0f} images/s  {duration(event.seconds)}"
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(7.25), duration(200), duration(8000)
    ('7.2 s', '3 min 20 s', '2 h 13 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
