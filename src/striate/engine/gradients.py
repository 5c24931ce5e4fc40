"""What every training step begins with: the loss of a batch, and the gradients of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.engine.engine import Engine
from striate.engine.trained import BoundTrained
from striate.fused.layer import Bounded
from striate.fused.trained import LayerWeights, TrainedLayers
from striate.graph import Graph
from striate.ops import CrossEntropy
from striate.passes.attach_loss import with_loss
from striate.pytorch.losses import loss_function
from striate.pytorch.network import Network

MOST_ROOMS = 4
"""Sizes of batch that memory is kept for: usually one, and that of an epoch's last."""


class LossGradients:
    """Forward, loss and backward; the gradients are left in the weights' `grad`.

    A network that is one segment (a LeNet is), with the cross-entropy behind it, is computed by
    one compiled call: autograd, which finds the same gradients, would take as long as a LeNet's
    layers do. What was in `grad` is gone in any case.

    Args:
        graph: the network, with or without its loss.
        module: the lowered network.
    """

    def __init__(self, graph: Graph, module: nn.Module) -> None:
        self._module, self._loss = module, loss_function(graph)
        self._weights = [each for each in module.parameters() if each.requires_grad]
        shared = any(node.shares for node in graph)  # autograd sums over those that share
        usual = with_loss(graph).nodes[-1].operator == CrossEntropy() and not shared
        self._network = module if usual and isinstance(module, Network) else None
        self._room = Bounded(MOST_ROOMS)

    def __call__(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of a batch (N, classes), and its mean loss; neither has gradients.

        Args:
            x: pictures (N, C, H, W).
            target: class numbers (N,), or one wanted value a score.
        """
        return self._at_once(x, target) or self._by_autograd(x, target)

    def of_parts(
        self, x: Tensor, loss: Callable[[Any, slice], Tensor], parts: int
    ) -> tuple[Tensor, Tensor]:
        """As a call, a few pictures after another: the gradients of the parts are added up.

        Args:
            x: pictures (N, C, H, W).
            loss: from the outputs for some rows of the batch, and these rows, to what they add to
                its loss.
            parts: 1 or more; as equal as can be.
        """
        self._forget()
        found: list[Tensor] = []
        total, start = x.new_zeros(()), 0
        for part in x.tensor_split(parts):
            outputs = self._module(part)
            added = loss(outputs, slice(start, start := start + len(part)))
            torch.autograd.backward(added)
            found.append((outputs if isinstance(outputs, Tensor) else outputs[0]).detach())
            total += added.detach()
        return torch.cat(found), total

    def _forget(self) -> None:
        for weight in self._weights:
            weight.grad = None  # zero_grad() takes ten times as long, telling profilers of it

    def _by_autograd(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        self._forget()
        outputs = self._module(x)
        loss = self._loss(outputs, target)
        torch.autograd.backward(loss)
        scores = outputs if isinstance(outputs, Tensor) else outputs[0]
        return scores.detach(), loss.detach()

    def _at_once(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
        """Where the network is one segment, the call is faster, and nobody can tell."""
        network = self._network
        usual = target.dtype is torch.int64 and target.is_cpu and target.shape == x.shape[:1]
        if network is None or not network.training or not usual or x.requires_grad:
            return None
        calls = (
            network.shortcut.calls(network, (x,)) if isinstance(network.shortcut, Engine) else ()
        )
        segment = calls[0].run if calls and len(calls) == 1 else None
        if not isinstance(segment, BoundTrained):
            return None
        chain, weights = segment.chosen(x), segment.weights
        if chain is None:
            return None
        memory, gradients = self._room_for(chain, weights)
        done = chain.step(x.contiguous(), target.contiguous(), weights, memory, gradients)
        if done is not None:
            for weight, gradient in zip(weights, gradients, strict=True):
                if weight is not None:
                    weight.grad = gradient
        return done

    def _room_for(self, chain: TrainedLayers, weights: LayerWeights) -> tuple[Tensor, LayerWeights]:
        """Memory for a step with this chain, and gradients: the same in every step."""
        if chain not in self._room:
            gradients = [None if each is None else torch.empty_like(each) for each in weights]
            self._room[chain] = chain.memory(), gradients
        found: tuple[Tensor, LayerWeights] = self._room[chain]
        return found
