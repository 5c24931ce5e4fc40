"""The processes of one run: who this one is, and what they tell each other by torch.distributed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed, nn

from striate.errors import RankError, SettingError, StriateError
from striate.training.recipe import Recipe

WAIT = "STRIATE_RANK_TIMEOUT"
"""The variable with the seconds after which a rank that does not answer is reported."""

USUAL_WAIT, ROLL_CALL = 300.0, 3.0
"""Seconds to wait for a rank in a step, and for its answer once one is missing."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The ranks of a run, and which of them this process is; alone, all of it does nothing.

    Args:
        rank: of this process, from 0; rank 0 alone writes and prints.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """The rows of a batch of `count` pictures that this rank computes."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def agreed(self, find: Callable[[], T]) -> T:
        """What rank 0 finds, at every rank; the others wait for it.

        Raises:
            StriateError: what rank 0 raised, at every rank; or a rank no longer answers.
        """
        if self.size == 1:
            return find()
        found: list[Any] = [_tried(find) if self.is_first else None]
        with self._answering():
            distributed.broadcast_object_list(found, src=0)
        answer, error = found[0]
        if error is not None:
            raise error
        return cast(T, answer)

    def average(
        self, module: nn.Module, weight: float, sums: tuple[float | Tensor, ...]
    ) -> list[Tensor]:
        """Average the gradients of all ranks by weight, in place; the sums over ranks come back.

        Args:
            weight: of this rank's gradients, which are a mean: 0 where it had no picture.
            sums: the weight's companions: numbers, added up over the ranks.
        """
        learning = [each for each in module.parameters() if each.requires_grad]
        like = learning[0]
        parts = [
            torch.zeros_like(each).flatten() if each.grad is None else each.grad.flatten() * weight
            for each in learning
        ]
        numbers = torch.stack([torch.as_tensor(each).to(like) for each in (weight, *sums)])
        flat = torch.cat([*parts, numbers])
        with self._answering():
            distributed.all_reduce(flat)
        total, *added = flat[-len(numbers) :]
        ends = [*accumulate(each.numel() for each in learning[:-1])]
        pieces = flat[: -len(numbers)].tensor_split(ends)
        for each, piece in zip(learning, pieces, strict=True):
            each.grad = (piece / total).view_as(each)
        return added

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around what waits for the others.

        Raises:
            RankError: it names the ranks that no longer answer.
        """
        try:
            yield
        except RuntimeError as error:
            raise self._missing() from error

    def _missing(self) -> RankError:
        """Which ranks do not answer a roll call."""
        try:
            self.report()
            time.sleep(ROLL_CALL)
            store = _store()
            there = [store.check([_here(rank)]) for rank in range(self.size)]
        except RuntimeError:
            there = [rank == self.rank for rank in range(self.size)]
        names = [str(rank) for rank, is_there in enumerate(there) if not is_there]
        who = f"rank {', '.join(names)} of {self.size}" if names else "a connection between ranks"
        return RankError(
            f"{who} no longer answers",
            reporter=there.index(True),
            where=f"rank {self.rank} waited until its connection ended, or {wait():g} s ({WAIT})",
        )

    def report(self) -> None:
        """Tell the others that this rank answers, or ended with a message of its own."""
        _store().set(_here(self.rank), "yes")


ALONE = Ranks()


def _here(rank: int) -> str:
    return f"striate/here/{rank}"


def _store() -> Any:
    return distributed.distributed_c10d._get_default_store()


def _tried(find: Callable[[], T]) -> tuple[T | None, StriateError | None]:
    try:
        return find(), None
    except StriateError as error:
        return None, error


def check_ranks(ranks: Ranks, recipe: Recipe, has_batch_norm: bool) -> None:
    """Refuse a batch that cannot be shared by the ranks.

    Raises:
        SettingError: it has too few pictures, or is mixed with itself.
    """
    if ranks.size == 1:
        return
    least = ranks.size * (2 if has_batch_norm else 1)
    if recipe.batch_size < least:
        raise SettingError(
            f"batch_size is {recipe.batch_size}, too few pictures for {ranks.size} processes",
            remedy=f"It counts the pictures of all of them: {least} or more.",
        )
    for name in ("mixup", "cutmix"):
        if getattr(recipe, name):
            raise SettingError(
                f"{name} mixes a batch with itself, which {ranks.size} processes share",
                remedy=f"Train with one process, or without {name}.",
            )


def wait() -> float:
    """Seconds after which a rank that does not answer is reported.

    Raises:
        SettingError: the variable holds no such number.
    """
    text = os.environ.get(WAIT, str(USUAL_WAIT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise SettingError(f"{WAIT} is {text!r}", remedy="It is a number of seconds above 0: 300.")
    return seconds


@contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks of this run, where torchrun started it; else this process alone."""
    if distributed.is_available() and distributed.is_initialized():
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=timedelta(seconds=wait()))
    ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
    try:
        yield ranks
    except StriateError:
        with suppress(RuntimeError):
            ranks.report()
        raise
    finally:
        distributed.destroy_process_group()
