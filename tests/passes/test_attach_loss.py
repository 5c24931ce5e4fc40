"""The loss that stands behind a network."""

from __future__ import annotations

import pytest

from striate import ops
from striate.errors import GraphError
from striate.graph import Assembly, Graph, Node, Operator
from striate.passes.attach_loss import with_loss


def chain(*operators: Operator) -> Graph:
    assembly, last = Assembly(), ()
    for operator in operators:
        last = (assembly.add(operator, last),)
    return assembly.graph()


def test_scores_get_the_cross_entropy() -> None:
    graph = chain(ops.Input((3,)), ops.Dense(4))
    trained = with_loss(graph)
    assert trained.loss == Node("loss", ops.CrossEntropy(), ("fc1",))
    assert trained.scores.name == "fc1"
    assert trained.specs["loss"].shape == ()


def test_probabilities_get_the_log_loss() -> None:
    graph = with_loss(chain(ops.Input((3,)), ops.Dense(4), ops.Softmax()))
    assert graph.loss == Node("loss", ops.LogLoss(), ("softmax1",))


def test_a_given_loss_is_taken() -> None:
    graph = with_loss(chain(ops.Input((3,)), ops.Dense(4)), ops.SquaredError())
    assert graph.loss == Node("loss", ops.SquaredError(), ("fc1",))


def test_a_loss_stays() -> None:
    graph = chain(ops.Input((3,)), ops.Dense(4), ops.SquaredError())
    assert with_loss(graph, ops.CrossEntropy()) is graph


def test_side_exits_stay() -> None:
    assembly = Assembly()
    first = assembly.add(ops.Dense(5), [assembly.add(ops.Input((3,)))])
    side = assembly.add(ops.Dense(4), [first])
    assembly.exit(side, 0.3)
    assembly.add(ops.Dense(4), [first])
    graph = assembly.graph()
    assert with_loss(graph).auxiliary == graph.auxiliary


def test_the_name_must_be_free() -> None:
    graph = Graph((Node("input", ops.Input((3,))), Node("loss", ops.Dense(4), ("input",))))
    with pytest.raises(GraphError, match="two nodes are called loss"):
        with_loss(graph)
