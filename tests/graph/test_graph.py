"""What makes a graph legal, in which order it is kept, and what it answers."""

from __future__ import annotations

import copy
import pickle
import random

import pytest

from striate import ops
from striate.errors import GraphError, ShapeError, StriateError, UnknownNameError
from striate.graph import Auxiliary, Graph, Node, Spec

INPUT = Node("input", ops.Input((2, 9, 7)))
CONV = Node("conv1", ops.Conv(4, 3), ("input",))
RELU = Node("relu1", ops.ReLU(), ("conv1",))


def refusal(*nodes: Node, exits: tuple[Auxiliary, ...] = ()) -> StriateError:
    with pytest.raises((GraphError, ShapeError)) as caught:
        Graph(nodes, exits)
    return caught.value


def residual(*order: int) -> Graph:
    """A block with a shortcut, its nodes given in some order (the last one stays)."""
    nodes = [
        INPUT,
        Node("left", ops.Conv(4, 3), ("input",)),
        Node("right", ops.Conv(4, 3, bias=False), ("input",)),
        Node("squash", ops.Tanh(), ("right",)),
    ]
    return Graph((*(nodes[k] for k in order), Node("sum", ops.Add(), ("left", "squash"))))


def test_nodes_are_kept_in_the_order_of_a_walk() -> None:
    graph = residual(3, 2, 1, 0)
    assert [node.name for node in graph] == ["input", "left", "right", "squash", "sum"]


def test_graphs_given_in_any_order_are_equal() -> None:
    orders = [[0, 1, 2, 3], *(random.Random(seed).sample(range(4), 4) for seed in range(6))]
    graphs = {residual(*order) for order in orders}
    assert len(graphs) == 1


def test_parts_of_a_graph() -> None:
    graph = residual(0, 1, 2, 3)
    assert graph.ancestors(["squash"]) == {"squash", "right", "input"}
    assert graph.ancestors(["left", "right"]) == {"left", "right", "input"}
    assert graph.descendants(["right"]) == {"right", "squash", "sum"}
    assert graph.descendants([]) == frozenset()
    assert graph.upto("squash") == Graph(tuple(graph[n] for n in ("input", "right", "squash")))
    assert graph.upto("sum") == graph
    with pytest.raises(UnknownNameError, match="no node is called nothing"):
        graph.upto("nothing")


def test_a_part_has_no_side_exits() -> None:
    side = Node("side", ops.Flatten(), ("conv1",))
    graph = Graph((INPUT, CONV, side, RELU), (Auxiliary("side", 0.3),))
    assert graph.upto("relu1") == Graph((INPUT, CONV, RELU))


def test_side_exits_come_first() -> None:
    side = Node("side", ops.Flatten(), ("conv1",))
    graph = Graph((INPUT, CONV, side, RELU), (Auxiliary("side", 0.3),))
    assert [node.name for node in graph] == ["input", "conv1", "side", "relu1"]
    assert graph.scores.name == "relu1"


def test_a_deep_network_is_no_deep_recursion() -> None:
    nodes = [Node("input", ops.Input((3,)))]
    for k in range(5000):
        nodes.append(Node(f"tanh{k}", ops.Tanh(), (nodes[-1].name,)))
    assert len(Graph(tuple(nodes))) == 5001


def test_nothing_is_no_network() -> None:
    assert "needs at least an input" in str(refusal())


def test_a_name_twice() -> None:
    error = refusal(INPUT, CONV, Node("conv1", ops.ReLU(), ("conv1",)))
    assert error.what == "two nodes are called conv1"


def test_an_unknown_input_gets_a_suggestion() -> None:
    error = refusal(INPUT, CONV, Node("relu1", ops.ReLU(), ("convl",)))
    assert error.what == "relu1 reads convl, which does not exist"
    assert error.remedy == "Did you mean conv1?"


def test_an_unknown_exit() -> None:
    assert refusal(INPUT, CONV, exits=(Auxiliary("head"),)).what.startswith("an exit reads head")


def test_a_cycle() -> None:
    one = Node("one", ops.Add(), ("input", "two"))
    two = Node("two", ops.ReLU(), ("one",))
    assert refusal(INPUT, one, two).what.endswith("depends on itself")
    loop = Node("loop", ops.ReLU(), ("loop",))
    assert refusal(loop).what == "loop depends on itself"


def test_a_dead_node() -> None:
    error = refusal(INPUT, CONV, Node("lost", ops.ReLU(), ("conv1",)), RELU)
    assert error.what == "lost leads nowhere: no output depends on it"


@pytest.mark.parametrize(
    ("operator", "inputs", "what"),
    [
        (ops.Add(), ("conv1",), "sum takes 2 or more inputs, not 1"),
        (ops.ReLU(), ("conv1", "input"), "sum takes 1 inputs, not 2"),
        (ops.Input((3,)), ("conv1",), "sum takes 0 inputs, not 1"),
    ],
)
def test_the_number_of_inputs(operator: ops.Add, inputs: tuple[str, ...], what: str) -> None:
    assert refusal(INPUT, CONV, Node("sum", operator, inputs)).what == what


@pytest.mark.parametrize(
    "name", ["", "1st", "a b", "a.", ".a", "a-b", "e\u0301", "²", "a..b", "a\n"]
)
def test_names_are_words(name: str) -> None:
    assert refusal(INPUT, Node(name, ops.ReLU(), ("input",))).what == f"{name!r} is not a name"


@pytest.mark.parametrize("name", ["a", "_a", "C3", "layer1.0.conv1", "A_b.c"])
def test_words_are_names(name: str) -> None:
    assert name in Graph((INPUT, Node(name, ops.ReLU(), ("input",))))


def test_nothing_comes_after_a_loss() -> None:
    loss = Node("loss", ops.SquaredError(), ("flat",))
    nodes = (INPUT, Node("flat", ops.Flatten(), ("input",)), loss)
    assert Graph(nodes).loss == loss
    error = refusal(*nodes, Node("relu1", ops.ReLU(), ("loss",)))
    assert error.what == "loss is a loss, but something comes after it"


def test_a_shape_that_does_not_fit_shows_the_way() -> None:
    pool = Node("pool1", ops.MaxPool(3), ("relu1",))
    error = refusal(INPUT, CONV, RELU, pool, Node("conv2", ops.Conv(3, 5), ("pool1",)))
    assert isinstance(error, ShapeError)
    assert error.what == "the 5x5 window of conv2 does not fit its 2x1 input (no padding)"
    assert error.where == "2x9x7 -> conv1 4x7x5 -> relu1 4x7x5 -> pool1 4x2x1 -> conv2"


def test_a_long_way_is_shortened() -> None:
    nodes = [INPUT]
    for k in range(9):
        nodes.append(Node(f"relu{k}", ops.ReLU(), (nodes[-1].name,)))
    error = refusal(*nodes, Node("fc", ops.Dense(2), ("relu8",)))
    assert error.where.startswith("2x9x7 -> … -> relu5 2x9x7")
    assert error.where.endswith("-> fc")


def test_answers() -> None:
    graph = residual(0, 1, 2, 3)
    assert graph.specs["sum"] == Spec((4, 7, 5))
    assert graph.consumers["input"] == ("left", "right")
    assert graph.consumers["sum"] == ()
    assert graph.inputs == (INPUT,)
    assert graph.loss is None
    assert graph.scores.name == "sum"
    assert graph.input_specs(graph["sum"]) == (Spec((4, 7, 5)),) * 2
    assert graph.weights(graph["left"])["weight"].shape == (4, 2, 3, 3)
    assert set(graph.weights(graph["right"])) == {"weight"}
    assert "left" in graph
    assert "middle" not in graph


def test_an_unknown_node_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError) as caught:
        _ = residual(0, 1, 2, 3)["rigth"]
    assert caught.value.remedy == "Did you mean right?"
    with pytest.raises(UnknownNameError) as caught:
        _ = residual(0, 1, 2, 3)["zebra"]
    assert caught.value.remedy == "There are: input, left, right, squash, sum."


def test_graphs_are_values() -> None:
    assert hash(residual(0, 1, 2, 3)) == hash(residual(2, 3, 1, 0))
    with pytest.raises(AttributeError):
        residual(0, 1, 2, 3).nodes = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        residual(0, 1, 2, 3).specs["sum"] = Spec(())  # type: ignore[index]


@pytest.mark.parametrize("weight", [-1, float("inf"), float("nan"), 10**400, "0.3", True])
def test_the_weight_of_an_exit_is_a_finite_number(weight: object) -> None:
    with pytest.raises(GraphError, match="the weight of the exit conv1 is"):
        Auxiliary("conv1", weight)  # type: ignore[arg-type]


def test_graphs_are_pickled_and_copied() -> None:
    ends = Node("flat", ops.Flatten(), ("relu1",)), Node("end", ops.Dense(3), ("flat",))
    graph = Graph((INPUT, CONV, RELU, *ends), (Auxiliary("conv1", 0.3),))
    _ = graph.consumers, graph.inputs
    for other in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):  # noqa: S301
        assert other == graph
        assert dict(other.specs) == dict(graph.specs)
        assert dict(other.consumers) == dict(graph.consumers)
