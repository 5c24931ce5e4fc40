"""The network that remains once training is over: fewer nodes, the same scores.

    y = γ (w∗x + b - μ) / √(v + ε) + β  =  (s w)∗x + (s (b - μ) + β)        s = γ / √(v + ε)

A batch normalization whose only input is a convolution or a dense layer is linear behind linear,
and becomes part of it. Dropout passes everything on, and a side exit or a loss is not asked for.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, arXiv:1712.05877, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from striate.graph import Graph, Node
from striate.ops import BatchNorm, Conv, Dense, TransposedConv
from striate.ops.arrays import Array, Weights
from striate.passes.unshare import unshared

Own: TypeAlias = Mapping[str, Array]


def folded(graph: Graph, weights: Weights) -> tuple[Graph, dict[str, dict[str, Array]]]:
    """The network as it predicts, and its weights: the same scores from fewer nodes.

    What only training needs is left out: the loss, side exits, dropout, noise. Every batch
    normalization that reads a convolution (plain or transposed) or a dense layer which nobody
    else reads is folded into its weights, computed in float64 and rounded once.

    Args:
        graph: any network.
        weights: node -> name -> array; they are not changed.

    Returns:
        A graph of the same inputs that ends in the scores, and the weights of its nodes. Where
        the scores came from a node that is gone, the node before it answers.

    >>> from striate.initialize import initialize
    >>> from striate.notation import parse
    >>> graph = parse("INPUT 3x8x8 -> CONV 4 3x3 -> BN -> RELU -> DROPOUT 0.5 -> FC 10")
    >>> [node.name for node in folded(graph, initialize(graph))[0]]
    ['input', 'conv1', 'relu1', 'flatten1', 'fc1']
    """
    graph, weights = unshared(graph.upto(graph.scores.name), weights)
    nodes = {node.name: replace(node, operator=node.operator.evaluated()) for node in graph}
    found = {name: dict(weights[name]) for name in nodes if name in weights}
    scores = graph.scores.name
    for name in list(nodes):
        node = nodes[name]
        if node.operator.passes_on:
            scores = _removed(nodes, node, scores)
        elif isinstance(node.operator, BatchNorm) and _folds(graph, nodes, node, scores):
            before = nodes[node.inputs[0]]
            found[before.name] = _scaled(before, found[before.name], node, found.pop(name))
            nodes[before.name] = replace(before, operator=replace(before.operator, bias=True))  # type: ignore[call-arg]
            scores = _removed(nodes, node, scores)
    last = nodes.pop(scores)
    return Graph((*nodes.values(), last)), found


def _removed(nodes: dict[str, Node], gone: Node, scores: str) -> str:
    """Take a node of one input out; what read it reads that input. The scores' node after it."""
    (before,) = gone.inputs
    del nodes[gone.name]
    for name, node in nodes.items():
        if gone.name in node.inputs:
            inputs = tuple(before if each == gone.name else each for each in node.inputs)
            nodes[name] = replace(node, inputs=inputs)
    return before if scores == gone.name else scores


def _folds(graph: Graph, nodes: Mapping[str, Node], bn: Node, scores: str) -> bool:
    before = nodes[bn.inputs[0]]
    if isinstance(before.operator, Dense) and before.operator.along(graph.specs[before.name]):
        return False  # its units are not the channels
    readers = [node.name for node in nodes.values() if before.name in node.inputs]
    return readers == [bn.name] and before.name != scores and _is_linear(before)


def _is_linear(node: Node) -> bool:
    """Whether it has one kernel an output; with a connection table it has one a connection."""
    table = getattr(node.operator, "table", None)
    return isinstance(node.operator, Conv | Dense | TransposedConv) and table is None


def _scaled(node: Node, own: Own, bn: Node, statistics: Own) -> dict[str, Array]:
    """The weights of `node` with the normalization behind it in them."""
    kind = own["weight"].dtype
    wide = {name: np.asarray(array, dtype=np.float64) for name, array in statistics.items()}
    scale = wide.get("weight", np.ones(1)) / np.sqrt(wide["running_var"] + bn.operator.epsilon)  # type: ignore[attr-defined]
    weight = own["weight"]  # times float64
    bias = own.get("bias", np.zeros(1)).astype(np.float64)
    if isinstance(node.operator, TransposedConv):  # (inputs, outputs of a group, *kernel)
        groups = node.operator.groups
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        taps = [1] * (weight.ndim - 2)
        weight = (grouped * scale.reshape(groups, 1, -1, *taps)).reshape(weight.shape)
    else:
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    shift = (bias - wide["running_mean"]) * scale + wide.get("bias", np.zeros(1))
    return {"weight": weight.astype(kind), "bias": shift.astype(kind)}
