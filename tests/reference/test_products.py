from __future__ import annotations

import math

import numpy as np
import pytest
from sample_networks import batch, branched, networks, random_weights

from striate import reference
from striate.graph import Graph
from striate.ops import CrossEntropy
from striate.reference import Number

NETWORKS = networks()


@pytest.mark.parametrize("training", [False, True], ids=["fixed", "training"])
@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS)
def test_products_sum_to_every_kind_of_number(graph: Graph, training: bool) -> None:
    """But for the nodes of side exits, whose losses have no node to be named by."""
    rng = np.random.default_rng(21)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng)
    trace = reference.run(graph, weights, x, target=target, training=training, rng=rng)
    backward = trace.backward()
    exits = {each.node for each in graph.auxiliary}
    for node in trace.graph:
        picture, *place = (int(rng.integers(n)) for n in trace.values[node.name].shape)
        number = Number(node.name, tuple(place))
        products = reference.behind(trace, number, picture=picture)
        wanted = trace.values[node.name][picture, *place]
        assert math.fsum(p.value for p in products) == pytest.approx(wanted, rel=1e-12, abs=1e-15)
        if node.operator.is_loss or node.name in exits:
            continue
        slope = Number(node.name, tuple(place), gradient=True)
        products = reference.behind(trace, slope, backward, picture=picture)
        wanted = backward.nodes[node.name][picture, *place]
        assert math.fsum(p.value for p in products) == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    for name, own in backward.weights.items():
        for key, gradient in own.items():
            place = tuple(int(rng.integers(n)) for n in gradient.shape)
            products = reference.behind(trace, Number(name, place, key, gradient=True), backward)
            wanted = gradient[place]
            found = math.fsum(p.value for p in products)
            assert found == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_factors_are_named_by_the_graph() -> None:
    graph, rng = branched(CrossEntropy()), np.random.default_rng(22)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng, 1)
    trace = reference.run(graph, weights, x, target=target)
    backward = trace.backward()

    def whats(number: Number) -> list[tuple[str, ...]]:
        products = reference.behind(trace, number, backward)
        return [tuple(factor.what for factor in product.factors) for product in products]

    assert whats(Number("conv1", (3, 0, 0)))[:2] == [
        ("input[0,0,0]", "conv1.weight[3,0,1,1]"),
        ("input[0,0,1]", "conv1.weight[3,0,1,2]"),
    ]
    assert whats(Number("relu1", (1, 2, 3))) == [("relu(conv2[1,2,3])",)]
    into_sum = [
        each for each in whats(Number("bn1", (1, 2, 3), gradient=True)) if "add1" in each[0]
    ]
    assert into_sum == [("add1[1,2,3].grad", "1")] * 2
    assert whats(Number("conv2", (1,), "bias", gradient=True))[0] == ("conv2[1,0,0].grad", "1")
    assert whats(Number("conv2", (1, 0, 0, 0), "weight")) == []
