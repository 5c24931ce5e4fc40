"""One run: a module, its optimizer and its place in the data, stepped to the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from striate.data import Batches, DataSet, Preprocessing, suited_fill
from striate.data.ink import measure_ink
from striate.engine import lower, optimizer, pays
from striate.errors import InterruptedRunError, NumbersError, SettingError
from striate.fused.build import cache_folder, mode
from striate.graph import Graph
from striate.model import Model
from striate.ops.arrays import Weights
from striate.pytorch import weights_of
from striate.training.checkpoint import Position, load_state, save_state
from striate.training.evaluate import BATCH, accuracy, evaluate, scored
from striate.training.events import Listener, Result, Row, Started, Stepped
from striate.training.patience import Look, is_over, looked
from striate.training.recipe import Recipe
from striate.training.run_folder import RunFolder
from striate.training.schedules import rate
from striate.training.step import Step, replays
from striate.training.tensorboard import curves
from striate.training.versions import versions

SIGN_OF_LIFE = 0.1
"""Seconds between two looks at the running loss; each makes the machine wait for it."""

SAVE_EVERY = 30.0
"""Seconds after which a state is saved in the middle of an epoch."""


class Session:
    """Trains a graph on a data set, from the start or from a saved state.

    The best weights are those that did best on the validation pictures; the last, without any.

    Every number drawn is a function of the seed and the position, so that a run that was killed
    and taken up again ends in the same weights as one that was not.

    `first` are the first weights; without them, those of a saved state have to follow.

    Set `is_stopping` to end after the current step, with everything saved.

    Raises:
        SettingError: the recipe asks for patience, and there is nothing to look at.
    """

    def __init__(
        self,
        graph: Graph,
        data: DataSet,
        recipe: Recipe,
        folder: RunFolder,
        listen: Listener,
        first: Weights | None = None,
    ) -> None:
        self.graph, self.data, self.recipe = graph, data, recipe
        self.folder, self.listen = folder, listen
        if data.validation is None and (recipe.patience or recipe.patience_steps):
            raise SettingError(
                "patience looks at validation pictures, and none are set aside",
                remedy="Set some aside: validation=0.1.",
            )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.preprocessing = _preprocessing(data, recipe)
        self.is_fused = pays(graph, len(data.train) * recipe.epochs, training=True)
        self.module = lower(graph, first, fused=self.is_fused).to(self.device)
        graphed = replays(self.device)
        self.optimizer = _optimizer(self.module, recipe, capturable=graphed)
        self.batches = Batches(
            data.train,
            recipe.batch_size,
            shuffle=True,
            seed=recipe.seed,
            drop_last=len(data.train) >= recipe.batch_size,
            augment=recipe.augment(suited_fill(data.train)),
            device=self.device,
        )
        self.step = Step(
            graph,
            self.module,
            self.optimizer,
            recipe,
            self.preprocessing.normalize,
            len(self.batches),
            graphed=graphed,
        )
        self.position = Position(data=data.sha256)
        self.is_stopping = False

    def restore(self) -> None:
        """Go on from the folder's state, or from the start when the run was killed before one.

        Raises:
            RunError: the state is damaged, or of another run.
        """
        if self.folder.state.exists():
            self.position = load_state(self.folder.state, self.module, self.optimizer)
            self.folder.write_metrics(self.position.history)

    def run(self) -> Result:
        """Train to the end and judge the best weights.

        Raises:
            InterruptedRunError: `is_stopping` was set; everything is saved.
            NumbersError: the loss is no longer a number.
        """
        self.listen(
            Started(
                self.folder.path,
                self.graph,
                self.recipe,
                self.data.name,
                len(self.data.train),
                self.position.epoch + 1,
                (*self.data.problems, *self.data.notes, *self._notes()),
            )
        )
        work = self.graph.multiply_adds * self.recipe.batch_size
        with curves(self.folder.path, self.position.step) as draw, _threads(work):
            while not self.position.finished:
                self._train_epoch()
                self._end_epoch()
                draw(self.position.history[-1])
        return self._result()

    def _notes(self) -> tuple[str, ...]:
        """What a person would wonder about: the wait for kernels that are not there yet."""
        if not self.is_fused or mode() == "off" or any(cache_folder().glob("*.so")):
            return ()
        return ("kernels for this processor are built once, which takes some seconds",)

    def _train_epoch(self) -> None:
        """Train through the rest of one epoch."""
        self.module.train()
        running = _Running(self.position, self.device)
        shown = saved = time.perf_counter()
        for x, y in self.batches.epoch(self.position.epoch, self.position.batch):
            if self.recipe.steps and running.step >= self.recipe.steps:
                break
            running.add(*self.step(x, y, running.step), len(y))
            now = time.perf_counter()
            if now - shown > SIGN_OF_LIFE:
                shown = now
                self._show(running.position())
            if now - saved > SAVE_EVERY or self.is_stopping:
                saved = now
                self._save(running.position())
                self._leave_if_asked()
        self.position = self._checked(running.position())

    def _show(self, now: Position) -> None:
        self._checked(now)
        steps = self.recipe.steps or self.recipe.epochs * len(self.batches)
        self.listen(
            Stepped(
                now.epoch + 1,
                self.recipe.epochs,
                now.batch,
                len(self.batches),
                now.loss_sum / now.seen,
                now.correct / now.seen,
                now.pictures / now.seconds,
                (steps - now.step) * now.seconds / now.step,
            )
        )

    def _end_epoch(self) -> None:
        """Look at the validation pictures, and write everything down."""
        started = time.perf_counter()
        before = self.position
        look = self._look()
        right, loss = look or (None, None)
        epoch = before.epoch + 1
        progress = looked(before.progress, self.recipe, epoch, before.step, look)
        seconds = before.seconds + time.perf_counter() - started
        row = Row(
            epoch,
            before.step,
            rate(self.recipe, max(0, before.step - 1), len(self.batches)),
            before.loss_sum / max(1, before.seen),
            before.correct / max(1, before.seen),
            loss,
            right,
            round(seconds, 3),
            round(before.pictures / seconds, 1),
        )
        after = Position(
            epoch=epoch,
            step=before.step,
            seconds=seconds,
            pictures=before.pictures,
            progress=progress,
            history=(*before.history, row),
            finished=is_over(progress, self.recipe, epoch, before.step),
            data=before.data,
            first_loss=before.first_loss,
        )
        # The state comes last: a kill before it repeats this epoch, to the same numbers.
        model = self._model(row)
        if progress.is_best:
            model.save(self.folder.best)
        model.save(self.folder.last)
        self.folder.write_metrics(after.history)
        self._save(after)
        self.listen(row)
        if not after.finished:
            self._leave_if_asked()

    def _look(self) -> Look | None:
        """Accuracy and loss of the validation pictures, where there are any."""
        if self.data.validation is None:
            return None
        batches = Batches(self.data.validation, BATCH, shuffle=False, seed=0, device=self.device)
        scores, loss = scored(self.graph, self.module, self.preprocessing, batches)
        return accuracy(self.graph, scores, self.data.validation.labels), loss

    def _save(self, position: Position) -> None:
        self.position = self._checked(position)
        save_state(self.folder.state, self.module, self.optimizer, position)

    def _leave_if_asked(self) -> None:
        if self.is_stopping:
            raise InterruptedRunError(
                f"interrupted after step {self.position.step}; everything is saved",
                remedy=f"Go on with: striate train --resume {self.folder.path}",
            )

    def _checked(self, now: Position) -> Position:
        if isfinite(now.loss_sum):
            return now
        raise NumbersError(
            f"the loss is no longer a number after step {now.step} (epoch {now.epoch + 1})",
            remedy=f"A learning rate of {self.recipe.rate:g} is too large for this network and "
            f"its first weights: try {self.recipe.rate / 10:g}, or a warm-up of 1 epoch.",
        )

    def _model(self, row: Row) -> Model:
        return Model(
            self.graph,
            weights_of(self.module),
            self.data.classes,
            self.preprocessing,
            {
                "recipe": self.recipe.to_dict(),
                "data": {"source": self.data.name, "sha256": self.data.sha256},
                "epoch": row.epoch,
                "validation_accuracy": row.validation_accuracy,
                "versions": versions(),
            },
        )

    def _result(self) -> Result:
        now = self.position
        test = None
        if self.data.test is not None:
            # The module holds the last weights: its kernels are ready, if those are the best.
            module = self.module if now.progress.best_epoch == now.epoch else None
            test = evaluate(Model.load(self.folder.best), self.data, module=module).accuracy
        result = Result(
            self.folder.path,
            self.folder.best,
            test,
            now.progress.best_epoch,
            now.epoch,
            round(now.seconds, 3),
            round(now.pictures / now.seconds, 1),
            now.first_loss,
            now.history,
        )
        self.listen(result)
        return result


class _Running:
    """Sums over the batches of an unfinished epoch, kept on the device until they are asked for."""

    def __init__(self, start: Position, device: torch.device) -> None:
        self._start = start
        self._clock = time.perf_counter()
        self._loss = torch.tensor(start.loss_sum, dtype=torch.float64, device=device)
        self._correct = torch.tensor(start.correct, device=device)
        self._seen, self._batch, self.step = start.seen, start.batch, start.step

    def add(self, loss: Tensor, correct: Tensor, pictures: int) -> None:
        """Count one step."""
        if not self.step:
            self._start = replace(self._start, first_loss=loss.item())
        self._loss += loss * pictures
        self._correct += correct
        self._seen += pictures
        self._batch += 1
        self.step += 1

    def position(self) -> Position:
        """Where the run is now; waits for the device."""
        start = self._start
        return replace(
            start,
            batch=self._batch,
            step=self.step,
            loss_sum=self._loss.item(),
            correct=int(self._correct.item()),
            seen=self._seen,
            seconds=start.seconds + time.perf_counter() - self._clock,
            pictures=start.pictures + self._seen - start.seen,
        )


SMALL_STEP = 1e8
"""Multiply-adds of a forward pass below which a second thread waits longer than it works."""


@contextmanager
def _threads(work: int) -> Iterator[None]:
    """One thread for small steps: waking others costs more, much more on a busy machine."""
    before = torch.get_num_threads()
    if work < SMALL_STEP:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _preprocessing(data: DataSet, recipe: Recipe) -> Preprocessing:
    ink = measure_ink(data.train)
    if recipe.normalize:
        return Preprocessing(*data.shape, mean=data.mean, std=data.std, ink=ink)
    channels = len(data.mean)
    return Preprocessing(*data.shape, mean=(0.0,) * channels, std=(1.0,) * channels, ink=ink)


def _optimizer(
    module: torch.nn.Module, recipe: Recipe, *, capturable: bool
) -> torch.optim.Optimizer:
    """The recipe's optimizer; `capturable` by a CUDA graph, with a rate that can be overwritten."""
    own: dict[str, Any] = {"weight_decay": recipe.weight_decay}
    if recipe.optimizer in ("momentum", "nesterov"):
        own["momentum"] = recipe.momentum
    if capturable:
        own["lr"] = torch.tensor(recipe.rate, device="cuda")
        own |= {"capturable": True} if recipe.optimizer.startswith("adam") else {}
    return optimizer(recipe.optimizer, module, **{"lr": recipe.rate, **own})
