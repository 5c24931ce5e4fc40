"""The loss that a network is trained with when it names none, and those of its side exits."""

from __future__ import annotations

from dataclasses import fields

from striate.graph import Graph, Node, Operator
from striate.ops.loss.class_loss import ClassLoss
from striate.ops.loss.cross_entropy import CrossEntropy
from striate.ops.loss.log_loss import LogLoss
from striate.ops.loss.loss_operator import LossOperator


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
    >>> type(with_loss(small.graph()).loss.operator).__name__
    'CrossEntropy'
    """
    if graph.loss is not None:
        return graph
    last = graph.nodes[-1]
    usual = LogLoss() if graph.gives_shares(last.name) else CrossEntropy()
    node = Node("loss", loss or usual, (last.name,))
    return Graph((*graph.nodes, node), graph.auxiliary)


def loss_of(graph: Graph, name: str) -> LossOperator:
    """The loss operator that the value of node `name` is compared with a target by.

    A side exit has the loss of the scores with all its settings; only whether it starts from
    scores or from probabilities is decided by how the side exit itself ends.
    """
    ended = with_loss(graph)
    main = ended.nodes[-1].operator
    if not isinstance(main, LossOperator):
        raise TypeError(f"{type(main).__name__} says that it is a loss, but is no LossOperator")
    if name == ended.scores.name or not isinstance(main, ClassLoss):
        return main
    kind = LogLoss if graph.gives_shares(name) else CrossEntropy
    return kind(**{each.name: getattr(main, each.name) for each in fields(main)})
