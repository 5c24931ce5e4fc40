"""How a training run looks while it happens: a line an epoch, and a live one below."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich import progress

from striate.cli import terminal
from striate.training import Event, Row, Started, Stepped


class Progress:
    """A listener that draws on the terminal; where there is none, it prints a line an epoch.

    Args:
        quiet: draw nothing.
        to_error: draw on standard error, so that standard output carries the result alone.
    """

    def __init__(self, *, quiet: bool, to_error: bool) -> None:
        self._quiet = quiet
        self._console = terminal.console(error=to_error)
        self._epochs = 0
        self.begun: Started | None = None
        self._bar = progress.Progress(
            progress.TextColumn("epoch {task.fields[epoch]}", markup=False),
            progress.BarColumn(bar_width=24),
            progress.TextColumn("{task.fields[figures]}", markup=False),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, epoch="", figures="", visible=False)

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
        """Draw one event; when whoever read has left, the run goes on without a word."""
        if isinstance(event, Started):
            self.begun = event
        if self._quiet:
            return
        try:
            self._draw(event)
        except BrokenPipeError:
            terminal.hush(self._console.file)  # type: ignore[arg-type]
            self._quiet = True

    def _draw(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Stepped):
            self._bar.update(
                self._task,
                visible=True,
                total=event.batches,
                completed=event.batch,
                epoch=f"{event.epoch}/{event.epochs}",
                figures=f"loss {event.loss:.4f}  accuracy {event.accuracy:.2%}  "
                f"{event.images_per_second:,.0f} images/s  "
                f"{terminal.duration(event.seconds_left)} left",
            )
        elif isinstance(event, Row):
            self._bar.update(self._task, completed=0, visible=False)
            looked = event.validation_accuracy
            validation = "" if looked is None else f"  validation {looked:.2%}"
            self._console.print(
                f"epoch {event.epoch:>3}/{self._epochs}  loss {event.train_loss:.4f}  "
                f"accuracy {event.train_accuracy:.2%}{validation}  "
                f"{event.images_per_second:,.0f} images/s  {terminal.duration(event.seconds)}"
            )

    def _start(self, event: Started) -> None:
        self._epochs = event.recipe.epochs
        going_on = f", going on at epoch {event.epoch}" if event.epoch > 1 else ""
        self._console.print(
            f"training on {event.pictures:,} pictures of {event.data}{going_on}; "
            f"run folder {event.folder}"
        )
        for note in event.notes[:8]:
            self._console.print(f"  {note}", style="dim")
        if len(event.notes) > 8:
            self._console.print(f"  … and {len(event.notes) - 8} more", style="dim")
