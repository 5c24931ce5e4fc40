"""A trained network over larger pictures: its dense layers as convolutions, weight for weight.

A dense layer behind FLATTEN multiplies every cell of a map with its own weight: it is a
convolution whose kernel is as large as the map. Written so, the network answers for each place
of a larger picture with one pass, and the places share the work where they overlap.

Source: Sermanet et al., "OverFeat", arXiv:1312.6229, section 3.5; LeCun et al., Proceedings of
the IEEE 86(11), 1998, section VII (space displacement neural networks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from striate.display import shape_text
from striate.errors import GraphError, ShapeError
from striate.graph import Graph, Node, Reach, Routes, Spec
from striate.ops import Conv, Dense, Flatten, Input
from striate.ops.arrays import Array, OwnWeights
from striate.passes.unshare import unshared

WHOLE = "Global pooling takes pictures of any size as it is, and answers once for the whole."


def convolutional(
    graph: Graph, weights: Mapping[str, Mapping[str, Array]], size: Sequence[int]
) -> tuple[Graph, OwnWeights]:
    """The same network over pictures of `size`, answering with a map of scores.

    The score at (i, j) is that of the crop of the old input size whose corner is at
    (i·s, j·s), s being the product of all strides. Names of nodes stay; losses, side exits and
    FLATTEN go. SOFTMAX is taken over the channels of the map.

    Args:
        size: height and width of the new pictures (or the length of a signal), at least the old.

    Raises:
        ShapeError: the new size is smaller, or has the wrong number of axes.
        GraphError: an operator would answer otherwise in a larger picture: one with padding,
            whose crops end in zeros where the picture goes on, or one that reads the whole map.

    >>> from striate.initialize import initialize
    >>> from striate.notation import parse
    >>> small = parse("INPUT 1x8x8 -> CONV 2 3x3 -> MAXPOOL 2 -> FC 10")
    >>> large, own = convolutional(small, initialize(small), (12, 14))
    >>> large.specs["fc1"].shape, own["fc1"]["weight"].shape
    ((10, 3, 4), (10, 2, 3, 3))
    """
    alias: dict[str, str] = {}
    flattened: dict[str, tuple[int, ...]] = {}
    nodes = []
    graph, weights = unshared(graph.upto(graph.scores.name), weights)
    for node in graph:
        inputs = tuple(alias.get(each, each) for each in node.inputs)
        before = [flattened[each] for each in node.inputs if each in flattened]
        if isinstance(node.operator, Flatten):
            alias[node.name] = inputs[0]
            flattened[node.name] = before[0] if before else _map(graph, node)
            continue
        operator, after = node.operator, before[0] if before else ()
        if isinstance(operator, Input):
            operator = _enlarged(operator, size)
        elif isinstance(operator, Dense) and graph.specs[node.name].rank == 1:
            if not before:
                raise _refusal(node, "reads no map", "Start with INPUT channels x height x width.")
            operator = Conv(operator.out_features, before[0], bias=operator.bias)
            after = (1,) * len(before[0])
        else:
            _check(graph, node, before)
        if after:
            flattened[node.name] = after
        nodes.append(Node(node.name, operator, inputs))
    large = Graph(tuple(nodes))
    return large, _reshaped(large, weights)


def _map(graph: Graph, node: Node) -> tuple[int, ...]:
    spec = graph.specs[node.inputs[0]]
    if spec.rank < 2:
        raise _refusal(node, "reads no map", "Start with INPUT channels x height x width.")
    return spec.spatial


def _enlarged(entrance: Input, size: Sequence[int]) -> Input:
    channels, *old = entrance.size
    if not old or len(size) != len(old) or any(a < b for a, b in zip(size, old, strict=True)):
        shown, had = (shape_text(each, "no map") for each in (size, old))
        raise ShapeError(
            f"a network trained on {had} does not slide over {shown}",
            remedy="Give as many sizes as it has, each as large or larger.",
        )
    return Input((channels, *size))


def _check(graph: Graph, node: Node, before: Sequence[tuple[int, ...]]) -> None:
    """Refuse what would answer otherwise in a larger picture."""
    # What follows FC is flat here and a map behind the convolution that FC becomes.
    around = (1,) * len(before[0]) if before else ()
    specs = [Spec((*graph.specs[each].shape, *around)) for each in node.inputs]
    field = node.operator.field(*specs)
    if isinstance(field, Routes):
        if not (field.in_place and {len(field.goes)} == {spec.rank for spec in specs}):
            raise _refusal(node, "moves positions or reads a whole axis", WHOLE)
    elif isinstance(field, Reach):
        if field is not Reach.POINT:
            raise _refusal(node, "reads the whole map", WHOLE)
    elif any(axis.before or axis.after for axis in field):
        remedy = "At the borders of a crop it reads zeros; train with padding valid."
        raise _refusal(node, "pads its input", remedy)
    elif field != node.operator.field(*(_larger(spec) for spec in specs)):
        raise _refusal(node, "reads the whole map", WHOLE)
    spread = any(n > 1 for spatial in before for n in spatial)
    if spread and not node.operator.elementwise:
        remedy = "Between FLATTEN and FC only activations and DROPOUT may stand."
        raise _refusal(node, "works on the units of a flattened map", remedy)


def _larger(spec: Spec) -> Spec:
    channels, *spatial = spec.shape
    return Spec((channels, *(n + 1 for n in spatial)))


def _refusal(node: Node, why: str, remedy: str) -> GraphError:
    return GraphError(f"{node.name} cannot slide over a larger picture: it {why}", remedy=remedy)


def _reshaped(large: Graph, weights: Mapping[str, Mapping[str, Array]]) -> OwnWeights:
    """Every array in the shape of its new layer; only those of dense layers have another."""
    found: OwnWeights = {}
    for node in large:
        for name, wanted in large.own_weights(node).items():
            array = np.asarray(weights[node.name][name]).reshape(wanted.shape)
            found.setdefault(node.name, {})[name] = array
    return found
