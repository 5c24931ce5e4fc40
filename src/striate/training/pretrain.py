"""Kernels learned without labels, by a convolutional autoencoder, one layer after the other.

A convolution with its activation is the encoder; a transposed convolution back to the maps it
saw is the decoder. Both learn to restore maps of which a part was set to zero:

    L = mean (decoder(f(conv(noisy x))) - x)²

Then the maps go on through the trained layer and whatever follows, to the next convolution. The
decoders are thrown away; the kernels are first weights for training with labels.

Source: Masci, Meier, Ciresan and Schmidhuber, "Stacked Convolutional Auto-Encoders for
Hierarchical Feature Extraction", ICANN 2011, section 3; Vincent et al., "Extracting and Composing
Robust Features with Denoising Autoencoders", ICML 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate.data import Batches, DataSet, Preprocessing
from striate.engine import lower, optimizer
from striate.errors import GraphError, NumbersError
from striate.graph import Graph, Node, Window
from striate.initialize import initialize
from striate.ops import Conv, Input
from striate.ops.arrays import Weights
from striate.pytorch import load_weights, weights_of


@dataclass(frozen=True, slots=True)
class PretrainedLayer:
    """What one convolution's autoencoder came to: mean squared errors of restored maps.

    Args:
        name: of the convolution.
        epoch, epochs: passes over the pictures, counted from 1.
        before: error of an answer of zeros, for comparison.
        error: of this epoch.
    """

    name: str
    epoch: int
    epochs: int
    before: float
    error: float


def pretrain(
    graph: Graph,
    data: DataSet,
    *,
    epochs: int = 5,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    noise: float = 0.8,
    seed: int = 0,
    on_layer: Callable[[PretrainedLayer], None] = lambda layer: None,
) -> Weights:
    """Weights of every convolution of `graph`, learned from the training pictures alone.

    Args:
        noise: share of the numbers set to zero that the autoencoder has to restore. Of 0.3, 0.5
            and 0.8 only the last taught more than random kernels have (benchmarks/pretraining.py).
        on_layer: is called after every epoch of every layer.

    Raises:
        GraphError: there is no convolution.
        NumbersError: an error is no longer a number.
    """
    convolutions = [n for n in graph if isinstance(n.operator, Conv) and not n.shares]
    if not convolutions:
        raise GraphError("the network has no convolution to pre-train")
    weights = initialize(graph, seed=seed)
    preprocessing = Preprocessing(*data.shape, mean=data.mean, std=data.std)
    for node in convolutions:
        torch.manual_seed(seed % 2**64)
        before = _prefix(graph, node.inputs[0], weights)
        coder = _Coder(graph, node, weights)
        trained = optimizer("adam", coder, learning_rate)
        batches = Batches(data.train, batch_size, shuffle=True, seed=seed)
        for epoch in range(epochs):
            total, plain, seen = 0.0, 0.0, 0
            for pictures, _ in batches.epoch(epoch):
                with torch.no_grad():
                    x = before(preprocessing.normalize(pictures))
                loss = _step(coder, trained, x, noise)
                total, plain = total + loss * len(x), plain + _power(x) * len(x)
                seen += len(x)
            if not isfinite(total):
                raise NumbersError(
                    f"the autoencoder of {node.name} diverged",
                    remedy=f"Try a learning rate of {learning_rate / 10:g}.",
                )
            on_layer(PretrainedLayer(node.name, epoch + 1, epochs, plain / seen, total / seen))
        weights[node.name] = coder.encoder_weights()
    return {node.name: weights[node.name] for node in convolutions}


def _step(coder: _Coder, trained: torch.optim.Optimizer, x: Tensor, noise: float) -> float:
    kept = torch.rand_like(x) >= noise
    loss = F.mse_loss(coder(x * kept), x)
    trained.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    trained.step()
    return float(loss.detach())


def _power(x: Tensor) -> float:
    return float(x.square().mean())


def _prefix(graph: Graph, name: str, weights: Weights) -> nn.Module:
    """Everything up to one node, fixed."""
    if not graph[name].inputs:
        return nn.Identity()
    part = graph.upto(name)
    own = {node.name: weights[node.name] for node in part if node.name in weights}
    return lower(part, own, fused=False).eval()


class _Coder(nn.Module):
    """A convolution with its activation, and the way back."""

    def __init__(self, graph: Graph, node: Node, weights: Weights) -> None:
        super().__init__()
        (size,) = graph.input_specs(node)
        code = graph.specs[node.name]
        entrance = Node("input", Input(size.shape))
        chain = [entrance, Node(node.name, node.operator, ("input",))]
        readers = [graph[name] for name in graph.consumers[node.name][:1]]
        chain += [
            Node(reader.name, reader.operator, (node.name,))
            for reader in readers
            if reader.operator.elementwise and not reader.operator.is_random
        ]
        self.name = node.name
        self.encoder = lower(Graph(tuple(chain)), fused=False)
        own = weights_of(self.encoder)
        load_weights(self.encoder, {**own, node.name: weights[node.name]})
        self.axes: tuple[Window, ...] = node.operator.field(size)  # type: ignore[assignment]
        kernel = [axis.kernel for axis in self.axes]
        self.decoder = nn.Parameter(0.05 * torch.randn(code.channels, size.channels, *kernel))
        self.offset = nn.Parameter(torch.zeros(size.channels, *[1] * len(kernel)))
        self.sizes = size.spatial

    def forward(self, x: Tensor) -> Tensor:
        back = F.conv_transpose1d if len(self.axes) == 1 else F.conv_transpose2d
        steps: dict[str, Any] = {
            "stride": [axis.stride for axis in self.axes],
            "dilation": [axis.dilation for axis in self.axes],
        }
        whole = back(self.encoder(x), self.decoder, **steps)
        for k, (axis, n) in enumerate(zip(self.axes, self.sizes, strict=True), start=2):
            whole = whole.narrow(k, axis.before, min(n, whole.shape[k] - axis.before))
        # Cells that no window saw are answered with the offset alone.
        missing = [
            each
            for n, m in zip(reversed(self.sizes), reversed(whole.shape[2:]), strict=True)
            for each in (0, n - m)
        ]
        return F.pad(whole, missing) + self.offset

    def encoder_weights(self) -> dict[str, Any]:
        """The kernels that were learned."""
        return weights_of(self.encoder)[self.name]
