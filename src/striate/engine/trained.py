"""Segments of several layers that learn. See `striate.fused.trained`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.engine.layered import LayeredSegment, run_all
from striate.engine.segments import Bound, may_be_winograd
from striate.fused import build
from striate.fused.choose import Question, is_faster, passes
from striate.fused.layer import Bounded, rounded_up, timing_input
from striate.fused.trained import LayerWeights, TrainedLayers

MARGIN = 0.95
"""The kernels are the same, so one call is taken unless the layers alone are clearly faster."""
MOST_BATCHES = 16
"""Sizes of batch that a network has compiled calls for at a time."""


@dataclass(frozen=True)
class TrainedSegment(LayeredSegment):
    """Learns by one compiled call forward and one back where that is faster.

    It is where Python between the layers takes time that counts: in small networks. Without
    gradients it is always unit by unit.
    """

    kernel = "one call each way"
    fewest = 2

    def bind(self, modules: Sequence[nn.Module]) -> BoundTrained:
        return BoundTrained(self, modules)


class BoundTrained:
    """A segment with the weights of its modules, which the compiled calls read where they are."""

    def __init__(self, segment: TrainedSegment, modules: Sequence[nn.Module]) -> None:
        self.segment, self._first = segment, modules[0]
        self._units: list[Bound] = segment.bind_units(modules)
        self.weights: LayerWeights = segment.weights(modules)
        self._fits = segment.fits(self.weights) and all(
            w.requires_grad and w.is_contiguous() for w in self.weights if w is not None
        )
        self._fits = self._fits and all(layer.fits for layer in segment.layers)
        self._calls = Bounded(MOST_BATCHES)

    def __call__(self, x: Tensor) -> Tensor:
        """The value of the last node."""
        call = self.chosen(x) if torch.is_grad_enabled() else None
        return run_all(self._units, x) if call is None else call(x.contiguous(), self.weights)

    def chosen(self, x: Tensor) -> TrainedLayers | None:
        """The compiled calls for a batch like this; None where they are not faster."""
        if not self._fits or build.mode() == "off":
            return None
        winograd = may_be_winograd(self._first)
        asked = x.shape, x.requires_grad, torch.get_num_threads(), winograd
        if asked not in self._calls:
            self._calls[asked] = self._choose(x, winograd)
        found: TrainedLayers | None = self._calls[asked]
        return found

    def _choose(self, x: Tensor, winograd: bool) -> TrainedLayers | None:
        layers, many, wants_dx = self.segment.layers, rounded_up(len(x)), x.requires_grad
        if x.shape[1:] != layers[0].size:
            return None

        def made(batch: int) -> TrainedLayers:
            return TrainedLayers(layers, batch, wants_dx, winograd)

        if build.found(lambda: made(len(x))) is None:
            return None
        call: list[TrainedLayers] = []
        given = timing_input((many, *layers[0].size)).contiguous().requires_grad_(wants_dx)
        learning = [t for t in (given, *self.weights) if t is not None and t.requires_grad]

        def learn_by_call() -> None:
            if not call or call[0].threads != torch.get_num_threads():
                call[:] = [made(many)]
            y = call[0](given, self.weights)
            torch.autograd.grad(y, learning, y.detach())

        def learn_by_unit() -> None:
            y = run_all(self._units, given)
            torch.autograd.grad(y, learning, y.detach())

        asked = Question(
            self.segment.kernel,
            layers,
            many,
            passes(given, *self.weights),
            torch.get_num_threads(),
            "contiguous",
            winograd,
        )
        return made(len(x)) if is_faster(asked, learn_by_call, learn_by_unit, MARGIN) else None
