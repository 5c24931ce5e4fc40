"""Pictures of simultaneous requests, answered together.

While the network runs on one batch, in a thread of its own, what arrives meanwhile waits; then all
of it, up to the largest batch, is the next one. So a single request never waits for others, and
many together cost little more than one.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch

from striate.engine import pays
from striate.errors import NumbersError
from striate.model import Model
from striate.ops.arrays import Array

MANY = 10_000
"""Pictures for which kernels of our own may be built: a service answers many."""

_QueuedPicture: TypeAlias = "tuple[Array, asyncio.Future[Array]]"


class Batcher:
    """Runs a model on pictures that come one by one.

    Args:
        largest: pictures in a batch.
    """

    def __init__(self, model: Model, largest: int) -> None:
        self.model, self.largest = model, largest
        self.module = model.frozen(fused=pays(model.graph, MANY, training=False), engine="striate")
        self.batches = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="striate-network")
        self._queue: asyncio.Queue[_QueuedPicture] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None

    async def probabilities(self, x: Array) -> Array:
        """The probability of each class (classes,) for one input (C, H, W).

        Raises:
            NumbersError: the network answers with what is no number.
        """
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((x, future))
        return await future

    async def close(self) -> None:
        """End the thread; what waits is not answered any more."""
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < self.largest and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            batch = [each for each in batch if not each[1].done()]  # some stopped waiting
            if not batch:
                continue
            try:
                rows = await loop.run_in_executor(
                    self._thread, self._run, np.stack([x for x, _ in batch])
                )
            except Exception as error:  # whatever it is, the next batch is answered
                _fail(batch, error)
                continue
            self.batches += 1
            for (_, future), row in zip(batch, rows, strict=True):
                _answer(future, row)

    def _run(self, x_nchw: Array) -> Array:
        scores = self.module(torch.from_numpy(x_nchw)).double().numpy()
        with np.errstate(invalid="ignore", over="ignore"):
            return self.model.probabilities(scores)


def _answer(future: asyncio.Future[Array], row: Array) -> None:
    if future.done():
        return
    if np.isfinite(row).all():
        future.set_result(row)
    else:
        future.set_exception(
            NumbersError(
                "the network answers with what is no number",
                remedy="Its weights are damaged, or far too large.",
            )
        )


def _fail(batch: list[_QueuedPicture], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
