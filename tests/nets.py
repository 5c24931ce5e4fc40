"""Networks that several tests here use."""

from __future__ import annotations

from striate.graph import Assembly, Auxiliary, Graph, Node, Operator
from striate.ops import (
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPool,
    Multiply,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)


def chain(*operators: Operator) -> Graph:
    """Operators behind each other."""
    assembly = Assembly()
    name = ""
    for operator in operators:
        name = assembly.add(operator, [name] if name else [])
    return assembly.graph()


def lenet() -> Graph:
    """A small net of the usual kind."""
    return chain(
        Input((1, 13, 12)),
        *(Conv(4, 5, padding="same"), ReLU(), MaxPool(2)),
        *(Conv(6, 3), Tanh(), MaxPool(2)),
        *(Dense(9), ReLU(), Dense(5)),
    )


def branching() -> Graph:
    """Residual and inception branches, every merge, dotted names, a strided 1x1 convolution."""
    nodes = (
        Node("input", Input((3, 12, 12))),
        Node("stem.conv", Conv(4, 3, padding=1, bias=False), ("input",)),
        Node("stem.bn", BatchNorm(), ("stem.conv",)),
        Node("stem.relu", ReLU(), ("stem.bn",)),
        Node("layer.0.conv", Conv(4, 4, stride=2, padding="same"), ("stem.relu",)),
        Node("layer.0.bn", BatchNorm(), ("layer.0.conv",)),
        Node("layer.0.down", Conv(4, 1, stride=2), ("stem.relu",)),
        Node("add", Add(), ("layer.0.bn", "layer.0.down")),
        Node("relu", ReLU(), ("add",)),
        Node("gate", Sigmoid(), ("relu",)),
        Node("mul", Multiply(), ("relu", "gate")),
        Node("pool", AveragePool(3, stride=2, padding=1, include_padding=False), ("mul",)),
        Node("peak", MaxPool(3, stride=2, padding="same"), ("mul",)),
        Node("concat", Concat(), ("pool", "peak", "pool")),
        Node("dropout", Dropout(0.4), ("concat",)),
        Node("flatten", Flatten(), ("dropout",)),
        Node("fc", Dense(5), ("flatten",)),
    )
    return Graph(nodes)


def with_side_exit(*, softmax: bool = False) -> Graph:
    """Two exits from one stem."""
    nodes = [
        Node("input", Input((2, 7, 6))),
        Node("conv", Conv(3, 3), ("input",)),
        Node("relu", ReLU(), ("conv",)),
        Node("side_flat", Flatten(), ("relu",)),
        Node("side", Dense(4), ("side_flat",)),
        Node("pool", MaxPool(2), ("relu",)),
        Node("flat", Flatten(), ("pool",)),
        Node("fc", Dense(4), ("flat",)),
    ]
    if softmax:
        nodes.insert(5, Node("side_softmax", Softmax(), ("side",)))
        nodes.append(Node("softmax", Softmax(), ("fc",)))
    return Graph(tuple(nodes), (Auxiliary("side_softmax" if softmax else "side", 0.3),))
