"""One run: a module, its optimizer and its place in the data, stepped to the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import numpy as np
import torch

from striate.data import NAMES, Batches, DataSet, Preprocessing, suited_fill
from striate.data.ink import measure_ink
from striate.engine import lower, pays
from striate.errors import InterruptedRunError, NumbersError, SettingError
from striate.fused.build import cache_folder, mode
from striate.graph import Graph
from striate.model import Model
from striate.ops.arrays import Weights
from striate.pytorch import weights_of
from striate.training.average import Average
from striate.training.checkpoint import Position, load_state, save_state
from striate.training.evaluate import BATCH, accuracy, evaluate, scored
from striate.training.events import EpochRow, Listener, Result, Started, Stepped
from striate.training.fit import has_batch_norm
from striate.training.freezing import freeze, freezing_notes, frozen_nodes, hold
from striate.training.patience import Look, is_over, looked
from striate.training.ranks import ALONE, Ranks, check_ranks
from striate.training.recipe import Recipe
from striate.training.requirements import check_length
from striate.training.run_folder import RunFolder
from striate.training.running import Running
from striate.training.schedules import rate
from striate.training.step import TrainingStep, optimizer_of
from striate.training.tensorboard import curves
from striate.training.threads import few_threads
from striate.training.versions import versions

SIGN_OF_LIFE = 0.1
"""Seconds between two looks at the running loss; each makes the machine wait for it."""

SAVE_EVERY = 30.0
"""Seconds after which a state is saved in the middle of an epoch."""


@dataclass(frozen=True)
class Origin:
    """Where pictures come from, so that they are found again from any folder.

    Args:
        source: the name of a data set, or the whole path of a folder.
        data_dir: where named data sets lie, if a place was named.
    """

    source: str
    data_dir: str | None = None


class Session:
    """Trains a graph on a data set, from the start or from a saved state.

    The best weights are those that did best on the validation pictures; the last, without any.

    Every number drawn is a function of the seed and the position, so that a run that was killed
    and taken up again ends in the same weights as one that was not.

    Set `is_stopping` to end after the current step, with everything saved.

    Args:
        first: the first weights; without them, those of a saved state have to follow.
        origin: where the data comes from; its name, without any.
        preprocessing: of the pictures, where the first weights decide it.
        start: where the first weights come from, for a person.
        notes: for the listener, when the run begins.
        ranks: the processes of the run; the first of them alone writes.

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
        *,
        origin: Origin | None = None,
        preprocessing: Preprocessing | None = None,
        start: str = "",
        notes: Sequence[str] = (),
        ranks: Ranks = ALONE,
    ) -> None:
        self.graph, self.data, self.recipe = graph, data, recipe
        self.folder, self.listen = folder, listen
        self.origin = origin or Origin(data.name)
        self.start, self.notes, self.ranks = start, notes, ranks
        check_ranks(ranks, recipe, has_batch_norm(graph))
        if data.validation is None and (recipe.patience or recipe.patience_steps):
            raise SettingError(
                "patience looks at validation pictures, and none are set aside",
                remedy="Set some aside: validation=0.1.",
            )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.preprocessing = preprocessing or preprocessing_of(data, recipe)
        self.is_fused = pays(graph, len(data.train) * recipe.epochs, training=True)
        self.module = lower(graph, first, fused=self.is_fused).to(self.device)
        self.frozen = frozen_nodes(graph, recipe.freeze)
        freeze(self.module, self.frozen)
        self.optimizer = optimizer_of(self.module, recipe)
        self.average = Average(self.module, recipe.ema) if recipe.ema else None
        self.batches = Batches(
            data.train,
            recipe.batch_size,
            shuffle=True,
            seed=recipe.seed,
            least=min(2 * ranks.size, recipe.batch_size) if has_batch_norm(graph) else 1,
            balanced=recipe.sampling == "balanced",
            augment=recipe.augment(suited_fill(data.train)),
            device=self.device,
            rows=None if ranks.size == 1 else ranks.rows,
        )
        check_length(recipe, len(self.batches))
        normalize, count = self.preprocessing.normalize, len(self.batches)
        self.step = TrainingStep(
            graph, self.module, self.optimizer, recipe, normalize, count, ranks
        )
        self.position = Position(data=data.sha256)
        self.is_stopping = False

    def restore(self) -> None:
        """Go on from the folder's state, or from the start when the run was killed before one.

        Raises:
            RunError: the state is damaged, or of another run.
        """
        if self.folder.state.exists():
            self.position = load_state(self.folder.state, self.module, self.optimizer, self.average)
            if self.position.finished:
                self.position = replace(self.position, finished=self._is_over())
            if self.ranks.is_first:
                with self.folder.writing():
                    self.folder.write_metrics(self.position.history)

    def _is_over(self) -> bool:
        """Whether nothing is left to do: the recipe may have been given more epochs."""
        now = self.position
        return is_over(now.progress, self.recipe, now.epoch, now.step)

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
                self.start,
                self._picture(),
                (*self.notes, *self.data.problems, *self.data.notes, *self._notes()),
            )
        )
        work = self.graph.multiply_adds * self.recipe.batch_size
        drawing = (
            curves(self.folder, self.graph, self.position.step)
            if self.ranks.is_first
            else nullcontext(lambda row: None)
        )
        with drawing as draw, few_threads(work // self.ranks.size):
            while not self.position.finished:
                self._train_epoch()
                self._end_epoch()
                draw(self.position.history[-1])
        return self._result()

    def _picture(self) -> str:
        """A picture to try the model on, by number or by its file."""
        if self.origin.source in NAMES:
            return f"{self.origin.source}#0"
        paths = (self.data.test or self.data.train).paths or ("",)
        return str(Path(paths[0]).resolve()) if Path(paths[0]).is_file() else ""

    def _notes(self) -> tuple[str, ...]:
        """What a person would wonder about: what is frozen, the wait for kernels to be built."""
        frozen = freezing_notes(self.graph, self.frozen)
        if not self.is_fused or mode() == "off" or any(cache_folder().glob("*.so")):
            return frozen
        return (*frozen, "kernels for this processor are built once, which takes some seconds")

    def _train_epoch(self) -> None:
        """Train through the rest of one epoch."""
        self.module.train()
        hold(self.module, self.frozen)
        running = Running(self.position, self.device)
        shown = saved = time.perf_counter()
        for x, y in self.batches.epoch(self.position.epoch, self.position.batch):
            if self.recipe.steps and running.step >= self.recipe.steps:
                break
            self.step.is_asked = self.is_stopping
            pictures = self.batches.pictures(running.batch)
            loss, right = self.step(x, y, running.step)
            self.is_stopping |= self.step.is_asked
            if self.average is not None:
                self.average.update(running.step)
            running.add(loss, right, pictures)
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
        steps = self.recipe.last_step(len(self.batches))
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
        with self.judged():
            look = self.ranks.agreed(self._look)
        right, loss = look or (None, None)
        epoch = before.epoch + 1
        progress = looked(before.progress, self.recipe, epoch, before.step, look)
        seconds = before.seconds + time.perf_counter() - started
        row = EpochRow(
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
        if self.ranks.is_first:
            self._write(after, row)
        self._save(after)
        self.listen(row)
        if not after.finished:
            self._leave_if_asked()

    def _write(self, after: Position, row: EpochRow) -> None:
        """Write the models and the rows of the epochs."""
        with self.judged():
            model = self._model(row)
        with self.folder.writing():
            if after.progress.is_best:
                model.save(self.folder.best)
            model.save(self.folder.last)
            self.folder.write_metrics(after.history)

    def judged(self) -> AbstractContextManager[None]:
        """Within, the module has the weights that are judged and kept: their average, if any."""
        return nullcontext() if self.average is None else self.average.in_place()

    def _look(self) -> Look | None:
        """Accuracy and loss of the validation pictures, where there are any.

        The weights after the last update of an epoch are looked at in any case, by some training
        pictures: they may be no numbers any more, or lead to none.

        Raises:
            NumbersError: the loss is no number.
        """
        few = np.arange(min(BATCH, len(self.data.train)))
        seen = self.data.validation or self.data.train.take(few)
        batches = Batches(seen, BATCH, shuffle=False, seed=0, device=self.device)
        scores, loss = scored(self.graph, self.module, self.preprocessing, batches)
        if not (isfinite(loss) and bool(torch.isfinite(scores).all()) and self._is_finite()):
            raise self._diverged(self.position)
        is_judged = self.data.validation is not None
        return (accuracy(self.graph, scores, seen.labels), loss) if is_judged else None

    def _is_finite(self) -> bool:
        """Whether all weights and statistics are numbers."""
        return all(bool(each.isfinite().all()) for each in self.module.state_dict().values())

    def _save(self, position: Position) -> None:
        if not self._is_finite():
            raise self._diverged(self.position)
        self.position = self._checked(position)
        if not self.ranks.is_first:
            return
        with self.folder.writing():
            save_state(self.folder.state, self.module, self.optimizer, position, self.average)

    def _leave_if_asked(self) -> None:
        if self.is_stopping:
            raise InterruptedRunError(
                f"interrupted after step {self.position.step}; everything is saved",
                remedy=f"Go on with: {self.folder.resume_command}",
            )

    def _checked(self, now: Position) -> Position:
        if isfinite(now.loss_sum):
            return now
        raise self._diverged(now)

    def _diverged(self, now: Position) -> NumbersError:
        return NumbersError(
            f"the loss is no longer a number after step {now.step} (epoch {now.epoch + 1})",
            remedy=f"A learning rate of {self.recipe.rate:g} is too large for this network and "
            f"its first weights: try {self.recipe.rate / 10:g}, or a warm-up of 1 epoch.",
        )

    def _model(self, row: EpochRow) -> Model:
        return Model(
            self.graph,
            weights_of(self.module),
            self.data.classes,
            self.preprocessing,
            {
                "recipe": self.recipe.to_dict(),
                "data": {
                    "source": self.origin.source,
                    "data_dir": self.origin.data_dir,
                    "sha256": self.data.sha256,
                },
                "epoch": row.epoch,
                "validation_accuracy": row.validation_accuracy,
                "versions": versions(),
            },
        )

    def _result(self) -> Result:
        now = self.position
        test = None
        if self.data.test is not None and self.ranks.is_first:
            # The module holds the last weights: its kernels are ready, if those are the best.
            is_last = now.progress.best_epoch == now.epoch and self.average is None
            module = self.module if is_last else None
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


def preprocessing_of(data: DataSet, recipe: Recipe) -> Preprocessing:
    """How pictures are prepared where nothing but the training pictures decides it."""
    ink = measure_ink(data.train)
    if recipe.normalize:
        return Preprocessing(*data.shape, mean=data.mean, std=data.std, ink=ink)
    channels = len(data.mean)
    return Preprocessing(*data.shape, mean=(0.0,) * channels, std=(1.0,) * channels, ink=ink)
