"""A trained network prepared for prediction alone: folded, fused, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from striate.engine import fast as speed
from striate.engine.frozen import FrozenStretch, grouped
from striate.engine.prepared import Prepared
from striate.errors import SettingError
from striate.graph import Graph
from striate.ops.arrays import Weights
from striate.passes.fold import folded
from striate.pytorch.network import Network, fill, recipes
from striate.pytorch.plan import Plan, planned
from striate.pytorch.weights import load_weights


def freeze(graph: Graph, weights: Weights, *, fused: bool = True) -> Frozen:
    """The fastest module that predicts what the network predicts, to float32 rounding.

    Batch normalizations are folded into the layers before them (see `striate.passes.fold`), what
    only training needs is gone, and kernels stand for chains of operators where they win.

    Args:
        graph: any network; side exits and a loss are left out.
        weights: node -> name -> array. They are copied.
        fused: whether compiled kernels may be used. Building them takes seconds, once a machine:
            `pays` says when it is worth it.

    Raises:
        GraphError: a node has no PyTorch counterpart.
        WeightsError: the weights do not fit.
    """
    graph, weights = folded(graph, weights)
    graph = speed.reordered(graph)
    made = speed.recipes(graph, recipes(graph))
    plan = planned(
        graph,
        [graph.scores.name],
        converted=made,
        grouped=grouped if fused else None,
    )
    network = Frozen(plan)
    fill(network, graph, made)
    load_weights(network, weights)
    nn.Module.requires_grad_(network, False)
    return network.eval()


class _Bound(NamedTuple):
    """The steps with their modules looked up, and the only one where it is all there is."""

    steps: tuple[tuple[Callable[..., Tensor], tuple[int, ...], int, tuple[int, ...]], ...]
    only: Callable[..., Tensor] | None


class Frozen(Network):
    """A network that only predicts: what `freeze` makes.

    Called with a batch of pictures (N, C, H, W), one argument for each input of the graph, it
    returns the scores, as an ordinary tensor without gradients, whatever the context.

    Its `state_dict` holds the folded weights; `load_state_dict`, `to` and `deepcopy` work as in
    any module. Kernels read copies of the weights, made once: a weight that is written to in
    place is not seen before `forget()`, and neither is a replaced submodule.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, plan)
        self._bound: _Bound | None = None
        self.register_load_state_dict_post_hook(_read_again)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode.

        Raises:
            SettingError: training is asked for.
        """
        if mode:
            _refuse()
        return super().train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Frozen:
        """Stay without gradients.

        Raises:
            SettingError: gradients are asked for.
        """
        if requires_grad:
            _refuse()
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """The scores of a batch."""
        bound = self._bound or self._bind()
        if bound.only is not None:
            return bound.only(*inputs)
        values: list[Any] = [*inputs, *self._plan.empty]
        with torch.no_grad():
            for call, reads, write, drops in bound.steps:
                values[write] = call(*[values[slot] for slot in reads])
                for slot in drops:
                    values[slot] = None
        scores: Tensor = values[self._plan.results[0]]
        return scores

    def forget(self) -> None:
        """Look at modules and weights again before the next prediction."""
        self._bound = None
        for step in self._plan.steps:
            if isinstance(step.call, FrozenStretch | Prepared):
                step.call.forget()

    def _bind(self) -> _Bound:
        steps = tuple(
            (partial(step.call, *map(self._at, step.paths)), *step[2:]) for step in self._plan.steps
        )
        only = len(steps) == 1 and isinstance(self._plan.steps[0].call, FrozenStretch)
        self._bound = _Bound(steps, steps[0][0] if only else None)
        return self._bound

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Frozen:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.forget()
        return self


def _read_again(module: nn.Module, _: object) -> None:
    if isinstance(module, Frozen):
        module.forget()


def _refuse() -> NoReturn:
    raise SettingError(
        "a frozen network only predicts; it cannot be trained",
        remedy="Train what `lower(graph, weights)` or `model.module()` makes, and freeze it after.",
    )
