"""The loss that a network is trained with when it does not name one."""

from __future__ import annotations

from striate.graph import Graph, Node, Operator
from striate.ops.activation.softmax import Softmax
from striate.ops.loss.cross_entropy import CrossEntropy
from striate.ops.loss.log_loss import LogLoss


def with_loss(graph: Graph, loss: Operator | None = None) -> Graph:
    """`graph` itself when it ends in a loss; else `graph` with one behind it, as node "loss".

    Args:
        loss: the loss to add; None for the usual one: LOGLOSS behind a softmax, else
            CROSSENTROPY, both of which say the same thing.

    Raises:
        ShapeError: the loss does not fit the network's output.
        GraphError: another node is called loss.

    >>> from striate.graph import Assembly
    >>> from striate.ops import Dense, Input
    >>> small = Assembly()
    >>> _ = small.add(Dense(10), [small.add(Input((3,)))])
    >>> with_loss(small.graph()).loss.operator
    CrossEntropy(smoothing=0.0)
    """
    if graph.loss is not None:
        return graph
    last = graph.nodes[-1]
    usual = LogLoss() if isinstance(last.operator, Softmax) else CrossEntropy()
    node = Node("loss", loss or usual, (last.name,))
    return Graph((*graph.nodes, node), graph.auxiliary)
