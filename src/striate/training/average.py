"""The exponential moving average of a network's weights, which often judges better than the last.

Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control Optim.
30(4), 1992; the decay rises from 0.1, so that the first weights are soon forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Averages of weights and statistics, updated after each step.

    Args:
        decay: what the average keeps of itself in a step, from 0 to below 1.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self._weights = {k: v for k, v in module.state_dict().items() if v.is_floating_point()}
        self._means = {key: value.clone() for key, value in self._weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`, from 0."""
        kept = min(self._decay, (1 + step) / (10 + step))
        for key, weight in self._weights.items():
            self._means[key].lerp_(weight, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the module has the averages for its weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        met: set[int] = set()
        for key, weight in self._weights.items():
            if weight.data_ptr() in met:  # several layers share it
                continue
            met.add(weight.data_ptr())
            own = weight.clone()
            weight.copy_(self._means[key])
            self._means[key].copy_(own)

    def state(self) -> Mapping[str, Tensor]:
        """The averages, by the name of the weight."""
        return self._means

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from averages that `state` gave.

        Raises:
            KeyError, RuntimeError: one is missing, or of another shape.
        """
        for key, mean in self._means.items():
            mean.copy_(state[key])
