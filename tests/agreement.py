"""The question most tests here ask: does a PyTorch module compute what the operator's file says?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from promises import suitable
from striate.graph import Call, Graph, Node, Operator, Spec
from striate.ops import Add, Input
from striate.pytorch.modules import recipe
from striate.pytorch.weights import load_weights

Array = NDArray[Any]


def alone(operator: Operator, *specs: Spec) -> Graph:
    """A graph of one operator and its inputs; what reads none is added to one."""
    if not specs:
        size = operator.shape().shape
        entrance, it = Node("input0", Input(size)), Node("it", operator)
        return Graph((entrance, it, Node("sum", Add(), ("input0", "it"))))
    inputs = [Node(f"input{k}", Input(spec.shape)) for k, spec in enumerate(specs)]
    return Graph((*inputs, Node("it", operator, tuple(node.name for node in inputs))))


def random_weights(graph: Graph, rng: np.random.Generator) -> dict[str, dict[str, Array]]:
    """Weights of every node; statistics and gains are positive."""
    found = {}
    for node in graph:
        own = {
            name: rng.uniform(0.3, 1.7, weight.shape)
            if weight.role in ("gain", "statistic_one")
            else rng.standard_normal(weight.shape)
            for name, weight in graph.own_weights(node).items()
        }
        if own:
            found[node.name] = own
    return found


def assert_agrees(operator: Operator, *specs: Spec, seed: int = 0, training: bool = False) -> None:
    """Value and all gradients of the module are the operator's, to 1e-9, in float64."""
    rng = np.random.default_rng(seed)
    graph = alone(operator, *specs)
    weights = random_weights(graph, rng).get("it", {})
    inputs = tuple(suitable(operator, rng, (3, *spec.shape), k) for k, spec in enumerate(specs))
    call = Call(inputs, weights, training=training, given=specs, pictures=3)
    output = operator.forward(call)
    updated = operator.update(call) if training else {}
    error = rng.standard_normal(output.shape)
    wanted = operator.backward(call.with_output(output), error)

    module = recipe(graph, graph["it"]).module().double().train(training)
    load_weights(module, {"": weights})
    leaves = [torch.tensor(each, requires_grad=True) for each in inputs]
    value = module(*leaves) if specs else module(torch.zeros(3))
    if value.requires_grad:
        value.backward(torch.from_numpy(error))
    _near(value.detach().numpy(), output)
    for name, statistic in updated.items():
        _near(module.get_buffer(name).numpy(), statistic)
    for leaf, gradient in zip(leaves, wanted.inputs, strict=True):
        # A mask, lengths and tokens are read, not differentiated.
        _near(np.zeros(leaf.shape) if leaf.grad is None else _gradient(leaf), gradient)
    parameters = dict(module.named_parameters())
    assert set(parameters) == set(wanted.weights)
    for name, gradient in wanted.weights.items():
        _near(_gradient(parameters[name]), gradient)


def _gradient(tensor: torch.Tensor) -> Array:
    assert tensor.grad is not None
    return tensor.grad.numpy()


def _near(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
