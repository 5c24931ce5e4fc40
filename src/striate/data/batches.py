"""One epoch at a time: batches gathered by index, in an order that can be taken up again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from striate.data.dataset import AnySplit
from striate.data.decode import PixelArray
from striate.data.distort import Augment
from striate.data.stream import Pictures, Stream
from striate.errors import DataError, SettingError

_ORDER, _DISTORTION = 1, 2  # two streams of random numbers that never meet


class Batches:
    """Batches of a split; order and distortions are a function of seed, epoch and batch alone.

    So an epoch taken up in the middle gives the batches that an unbroken one would have given.
    Pictures in memory are gathered without a DataLoader; files stream through its workers.

    Args:
        batch_size: pictures per batch; the last one may be smaller. Every picture comes once.
        shuffle: a new order every epoch; otherwise the order of the split.
        seed: 0 or more.
        least: a last batch of fewer pictures than this joins the one before it: batch
            normalization cannot learn from one picture.
        balanced: draw as many pictures with replacement, each class with the same probability.
        augment: distorts each batch; None leaves the pictures as they are.
        device: where the batches are made; pictures in memory are moved there once.
        workers: processes that decode files; None takes one a core, up to four.
        rows: from the number of pictures in a batch to those of them that are wanted; None for
            all. They are the same pictures, distorted alike, whoever else takes the others.

    Raises:
        SettingError: no pictures, or a batch size below 1.
    """

    def __init__(
        self,
        split: AnySplit,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        least: int = 1,
        balanced: bool = False,
        augment: Augment | None = None,
        device: torch.device | str = "cpu",
        workers: int | None = None,
        rows: Callable[[int], slice] | None = None,
    ) -> None:
        if batch_size < 1:
            raise SettingError(f"a batch has 1 picture or more, not {batch_size}")
        if len(split) == 0:
            raise SettingError("there are no pictures to make batches of")
        if seed < 0:
            raise SettingError(f"a seed is 0 or more, not {seed}")
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.least = least
        self._chances = _chances(split) if balanced else None
        self.augment = augment
        self.device = torch.device(device)
        self._rows = rows
        self.workers = min(4, _cores()) if workers is None else workers
        self._labels = torch.from_numpy(np.array(split.labels)).to(self.device)
        self._source = (
            split.images if isinstance(split, Stream) else _tensor(split.images, self.device)
        )

    def __len__(self) -> int:
        whole, rest = divmod(len(self.split), self.batch_size)
        return max(1, whole + (rest >= self.least)) if rest else whole

    def order(self, number: int) -> NDArray[np.int64]:
        """The indices of epoch `number`, batch after batch."""
        if not self.shuffle:
            return np.arange(len(self.split))
        random = np.random.default_rng([self.seed, _ORDER, number])
        if self._chances is not None:
            return random.choice(len(self.split), len(self.split), p=self._chances)
        return random.permutation(len(self.split))

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The batches of epoch `number` from batch `start` on, both counted from 0.

        Yields:
            (x, y): uint8 pictures N x C x H x W and int64 labels N, on `device`.

        Raises:
            DataError: a file that was readable when the set was loaded no longer is.
        """
        ends = np.arange(1, len(self)) * self.batch_size
        chosen = np.split(self.order(number), ends)
        if self._rows is not None and (self.augment is None or self.augment.is_identity):
            yield from self._shared(chosen[start:], self._rows)
            return
        for batch, (x, y) in enumerate(self._gathered(chosen[start:]), start):
            mine = slice(None) if self._rows is None else self._rows(len(y))
            yield self._distorted(x, number, batch)[mine], y[mine]

    def pictures(self, batch: int) -> int:
        """How many pictures batch number `batch` of an epoch has, from 0."""
        is_last = batch == len(self) - 1
        return len(self.split) - batch * self.batch_size if is_last else self.batch_size

    def _shared(
        self, chosen: list[NDArray[np.int64]], rows: Callable[[int], slice]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The wanted rows of the batches, gathered alone; files are decoded once over all ranks."""
        mine = [indices[rows(len(indices))] for indices in chosen]
        # No row of a small last batch may be wanted: one is gathered for its shape.
        read = [own if len(own) else indices[:1] for own, indices in zip(mine, chosen, strict=True)]
        for own, (x, y) in zip(mine, self._gathered(read), strict=True):
            yield x[: len(own)], y[: len(own)]

    def _gathered(
        self, chosen: list[NDArray[np.int64]]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if isinstance(self._source, Pictures):
            yield from self._streamed(self._source, chosen)
            return
        for indices in chosen:
            index = torch.from_numpy(indices).to(self.device)
            yield self._source.index_select(0, index), self._labels.index_select(0, index)

    def _streamed(
        self, files: Pictures, chosen: list[NDArray[np.int64]]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        loader = DataLoader(
            _Decoder(files),
            sampler=chosen,
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_as_it_is,
            worker_init_fn=_undisturbed,
        )
        for indices, decoded in zip(chosen, loader, strict=True):
            if isinstance(decoded, str):
                raise DataError(decoded, remedy="The file changed after the data set was loaded.")
            index = torch.from_numpy(indices).to(self.device)
            yield torch.from_numpy(decoded).to(self.device), self._labels.index_select(0, index)

    def _distorted(self, x: torch.Tensor, number: int, batch: int) -> torch.Tensor:
        if self.augment is None or self.augment.is_identity:
            return x
        seed = np.random.SeedSequence([self.seed, _DISTORTION, number, batch])
        generator = torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        return self.augment(x, generator)


def _chances(split: AnySplit) -> NDArray[np.float64]:
    """How probable each picture is, so that each class is as probable as the others."""
    counts = np.bincount(split.labels)
    chances: NDArray[np.float64] = 1 / (np.count_nonzero(counts) * counts[split.labels])
    return chances


def _cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _tensor(images: PixelArray, device: torch.device) -> torch.Tensor:
    # Shared with the array, not copied; torch refuses to share what is read-only.
    writeable = np.ascontiguousarray(images) if images.flags.writeable else np.array(images)
    return torch.from_numpy(writeable).to(device)


class _Decoder(Dataset[PixelArray | str]):
    """Decodes a batch at a time, in a worker."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures

    def __getitem__(self, indices: NDArray[np.int64]) -> PixelArray | str:
        # An exception would come back with a worker's traceback; a text comes back as it is.
        try:
            return self.pictures[indices]
        except DataError as error:
            return error.what

    def __len__(self) -> int:
        return len(self.pictures)


def _undisturbed(worker: int) -> None:
    # Ctrl-C reaches every process of a terminal: the run finishes its step, and needs its worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(decoded: Any) -> Any:
    # Arrays go through a pipe, tensors would go through shared memory, which containers run out of.
    return decoded
