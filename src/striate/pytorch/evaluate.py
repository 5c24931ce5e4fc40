"""PyTorch as the second opinion: every value and every gradient of one batch, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from striate.graph import Graph, Node, Operator, Spec
from striate.ops import Dropout, NoisyReLU, StochasticPool
from striate.ops.arrays import Array, Weights
from striate.ops.loss.loss_operator import nothing_counts
from striate.passes.attach_loss import loss_of
from striate.pytorch.losses import BatchLoss
from striate.pytorch.modules import ABSENT, recipe
from striate.pytorch.modules.special_pooling import StochasticPool as StochasticPoolModule
from striate.pytorch.plan import reads
from striate.pytorch.tree import place, tie
from striate.pytorch.weights import load_weights


def _stochastic_pool(pool: StochasticPool, x: Tensor, share: Tensor) -> Tensor:
    axes = pool.field(Spec(tuple(x.shape[1:])))
    module = StochasticPoolModule(
        tuple(axis.kernel for axis in axes), tuple(axis.stride for axis in axes)
    )
    return module.drawn(module.cells(x), share)


NOISY: Mapping[type[Operator], Callable[[Any, Tensor, Tensor], Tensor]] = {
    Dropout: lambda dropout, x, mask: x * mask / (1 - dropout.rate),
    NoisyReLU: lambda relu, x, noise: torch.relu(x + noise),
    StochasticPool: _stochastic_pool,
}
"""What random operators do in training, given what `Operator.draw` returned."""


class NodeValues(NamedTuple):
    """What `values_and_gradients` found; every array has the batch axis first.

    `values` and `gradients` are by node: the output, and the loss's derivative by it.
    `weight_gradients` are by node and weight name, for weights that are trained.
    """

    values: dict[str, Array]
    gradients: dict[str, Array]
    weight_gradients: dict[str, dict[str, Array]]


def values_and_gradients(
    graph: Graph,
    weights: Weights,
    x: Array | Sequence[Array],
    target: Array,
    dtype: torch.dtype = torch.float64,
    *,
    training: bool = False,
    noise: Mapping[str, Array] | None = None,
) -> NodeValues:
    """Run a graph that ends in a loss by PyTorch, one module per node, and differentiate it.

    The gradients are those of the mean loss over the batch, with the side exits' losses added by
    their weights. Nothing is fused, reordered or done in place.

    Args:
        x: pictures (N, C, H, W); one array for each input of the graph.
        target: class numbers (N,), or wanted values shaped as the scores.
        training: use batch statistics, and `noise`.
        noise: what each random node drew in training, by node; without it nothing is dropped.

    Raises:
        WeightsError: the weights do not fit.
    """
    modules = modules_of(graph, weights, dtype, training)
    wanted = torch.from_numpy(np.asarray(target))
    wanted = wanted.to(dtype) if wanted.is_floating_point() else wanted
    pictures = [x] if isinstance(x, np.ndarray) else list(x)
    leaves = [torch.tensor(each, dtype=dtype, requires_grad=True) for each in pictures]
    values = dict(zip((node.name for node in graph.inputs), leaves, strict=True))
    drawn = noise if training and noise else {}
    for node in graph:
        if node.name not in values:
            inputs = [values[name] for name in reads(graph, node)]
            values[node.name] = _value(graph, node, inputs, modules, wanted, drawn)
    return _differentiated(graph, modules, values, _total(graph, values, wanted))


def every_value(
    graph: Graph, weights: Weights, x: Sequence[Array], dtype: torch.dtype = torch.float32
) -> dict[str, Array]:
    """The output of each node but a loss of a network as it predicts, one module per node.

    Args:
        x: one array (N, ...) for each input.

    Raises:
        WeightsError: the weights do not fit.
    """
    modules = modules_of(graph, weights, dtype, training=False)
    return values_by(graph, modules, x, dtype)


@torch.no_grad()
def values_by(
    graph: Graph,
    modules: Mapping[str, nn.Module],
    x: Sequence[Array],
    dtype: torch.dtype = torch.float32,
) -> dict[str, Array]:
    """The same from modules that are there: those of `modules_of`, in this `dtype`."""
    entering = [torch.from_numpy(np.asarray(each)).to(dtype) for each in x]
    values = dict(zip((node.name for node in graph.inputs), entering, strict=True))
    for node in graph:
        if node.name in modules and node.name not in values:
            read = [values[name] for name in node.inputs] or entering[:1]
            values[node.name] = modules[node.name](*read)
    return {name: value.numpy() for name, value in values.items()}


@torch.no_grad()
def last_value(graph: Graph, weights: Weights, x: Array) -> Array:
    """The output of the last node of a part of a network, in float32, one module per node.

    Args:
        x: pictures (N, C, H, W) for the one input; a part without inputs has a value for each.

    Raises:
        WeightsError: the weights do not fit.
    """
    modules = modules_of(graph, weights, torch.float32, training=False)
    entering = torch.from_numpy(x)
    values = {node.name: entering for node in graph.inputs}
    for node in graph:
        if node.name not in values:
            values[node.name] = modules[node.name](*[values[n] for n in node.inputs] or [entering])
    found: Array = values[graph.nodes[-1].name].numpy()
    return found


def modules_of(
    graph: Graph, weights: Weights, dtype: torch.dtype, training: bool
) -> dict[str, nn.Module]:
    """A module with its weights for each node but inputs and losses."""
    root = nn.Module()
    found = {}
    for node in graph:
        if type(node.operator) not in ABSENT and not node.operator.is_loss:
            module = recipe(graph, node).module()
            # Without the noise that was drawn, a random node is the fixed form of itself.
            module.train(training and not node.operator.is_random)
            place(root, node.name, module)
            found[node.name] = module
    tie(root, graph)
    root.to(dtype)
    load_weights(root, weights)
    return found


def _value(
    graph: Graph,
    node: Node,
    inputs: list[Tensor],
    modules: Mapping[str, nn.Module],
    target: Tensor,
    noise: Mapping[str, Array],
) -> Tensor:
    if node.operator.is_loss:
        return BatchLoss(loss_of(graph, node.inputs[0])).by_picture(inputs[0], target)[0]
    if node.name in noise:
        drawn = torch.from_numpy(noise[node.name]).to(inputs[0].dtype)
        return NOISY[type(node.operator)](node.operator, inputs[0], drawn)
    value: Tensor = modules[node.name](*inputs)
    if not value.requires_grad:  # what is constant has a gradient too, for whoever asks
        value.requires_grad_()
    # The gradient of one picture that comes through a permutation has a stride that means nothing;
    # by it, batch_norm (PyTorch 2.13 and 2.14 on the CPU) takes the numbers in a wrong order.
    value.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
    # Some modules return what they got; a value needs a gradient of its own.
    return value.view_as(value) if any(value is each for each in inputs) else value


def _total(graph: Graph, values: Mapping[str, Tensor], target: Tensor) -> Tensor:
    loss = BatchLoss(loss_of(graph, graph.scores.name))
    losses, weights = loss.by_picture(values[graph.scores.name], target)
    if not weights.any():
        raise nothing_counts()
    if graph.loss:
        losses = values[graph.loss.name]
    total = weights @ losses / weights.sum()
    for side in graph.auxiliary:
        loss = BatchLoss(loss_of(graph, side.node))
        total = total + side.weight * loss(values[side.node], target)
    return total


def _differentiated(
    graph: Graph,
    modules: Mapping[str, nn.Module],
    values: Mapping[str, Tensor],
    total: Tensor,
) -> NodeValues:
    parameters = {
        (node, name): parameter
        for node, module in modules.items()
        for name, parameter in module.named_parameters(recurse=False)
        if graph.keeper(graph[node], name) == node
    }
    found = torch.autograd.grad(
        total, [*values.values(), *parameters.values()], materialize_grads=True
    )
    arrays = [gradient.numpy() for gradient in found]
    by_weight: dict[str, dict[str, Array]] = {}
    for (node, name), gradient in zip(parameters, arrays[len(values) :], strict=True):
        by_weight.setdefault(node, {})[name] = gradient
    return NodeValues(
        {name: value.detach().numpy() for name, value in values.items()},
        dict(zip(values, arrays, strict=False)),
        by_weight,
    )
