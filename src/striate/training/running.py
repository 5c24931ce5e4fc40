"""Sums over the batches of an epoch that is not over."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from striate.training.checkpoint import Position


class Running:
    """Sums over the batches of an unfinished epoch, kept on the device until they are asked for."""

    def __init__(self, start: Position, device: torch.device) -> None:
        self._start = start
        self._clock = time.perf_counter()
        self._loss = torch.tensor(start.loss_sum, dtype=torch.float64, device=device)
        self._correct = torch.tensor(start.correct, device=device)
        self._seen, self.batch, self.step = start.seen, start.batch, start.step

    def add(self, loss: Tensor, correct: Tensor, pictures: int) -> None:
        """Count one step."""
        if not self.step:
            self._start = replace(self._start, first_loss=loss.item())
        self._loss += loss * pictures
        self._correct += correct
        self._seen += pictures
        self.batch += 1
        self.step += 1

    def position(self) -> Position:
        """Where the run is now; waits for the device."""
        start = self._start
        return replace(
            start,
            batch=self.batch,
            step=self.step,
            loss_sum=self._loss.item(),
            correct=int(self._correct.item()),
            seen=self._seen,
            seconds=start.seconds + time.perf_counter() - self._clock,
            pictures=start.pictures + self._seen - start.seen,
        )
