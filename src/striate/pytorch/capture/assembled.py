"""From steps to a graph, its weights, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.graph import Graph, Node, Operator
from striate.ops import Constant, Opaque
from striate.pytorch.capture.naming import names
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.steps import DraftNode
from striate.pytorch.foreign import TorchFunction


@dataclass(frozen=True)
class Notes:
    """What a capture had to do.

    Args:
        folded: weights that were computed from others, and constants: taken as they were.
        opaque: nodes that PyTorch computes, with the calls that they make.
        unused: parameters that nothing reads.
        remarks: what else differs from the module.
    """

    folded: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass
class Assembled:
    """A graph with the weights of its nodes, and which weights of the module were read.

    Args:
        kept: parameters of the module that are weights of nodes as they are.
        computed_from: those that a weight or constant of a node was computed from.
        read: all that are read.
    """

    graph: Graph
    weights: dict[str, dict[str, NDArray[Any]]]
    names: dict[DraftNode, str]
    folded: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    computed_from: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


def assembled(answer: DraftNode, inputs: Mapping[str, DraftNode]) -> Assembled:
    """The graph that ends in a step."""
    steps = _reached(answer)
    named = {step: name for name, step in inputs.items() if step in steps}
    named |= names([step for step in steps if step not in named], taken=list(named.values()))
    keepers: dict[tuple[object, ...], str] = {}
    nodes, weights = [], {}
    for step in steps:
        name = named[step]
        shares = _keeper(step, name, keepers)
        nodes.append(Node(name, step.operator, tuple(named[each] for each in step.inputs), shares))
        weights[name] = {key: _array(each) for key, each in step.weights.items()}
    graph = Graph(tuple(nodes))
    own = {n.name: {k: weights[n.name][k] for k in graph.own_weights(n)} for n in graph}
    found = Assembled(graph, {name: each for name, each in own.items() if each}, named)
    for step in steps:
        _note(found, named[step], step)
    return found


def _reached(answer: DraftNode) -> list[DraftNode]:
    """The steps that one depends on, each after those it reads."""
    found: dict[DraftNode, None] = {}
    left = [(answer, False)]
    while left:
        step, ready = left.pop()
        if ready:
            found[step] = None
        elif step not in found:
            left.append((step, True))
            left += [(each, False) for each in reversed(step.inputs)]
    return list(found)


def _keeper(step: DraftNode, name: str, keepers: dict[tuple[object, ...], str]) -> str:
    """The node whose weights it shares: an earlier one with the same parameters."""
    trained = tuple(
        (key, each.weight, tuple(each.tensor.shape), each.recipe)
        for key, each in sorted(step.weights.items())
        if each.trainable
    )
    if not trained:
        return ""
    kept = keepers.setdefault(trained, name)
    return "" if kept == name else kept


def _array(given: RecordedConstant) -> NDArray[Any]:
    tensor = given.tensor.detach().cpu()
    if tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    return np.array(tensor.numpy(), order="C")


def _note(found: Assembled, name: str, step: DraftNode) -> None:
    if isinstance(step.operator, Opaque):
        found.opaque.append(f"{name}: {step.operator.name}")
        found.read |= set(_origins(step.operator))
    for key, each in step.weights.items():
        found.read |= {each.weight, *each.origins} - {""}
        if each.weight and each.trainable:
            found.kept.add(each.weight)
        else:
            found.computed_from |= set(each.origins)
        if not each.weight or isinstance(step.operator, Constant):
            found.folded.append(f"{name}.{key}: {_recipe(each)}")


def _recipe(given: RecordedConstant) -> str:
    if given.weight:
        return f"the buffer {given.weight}"
    steps = ", ".join(given.recipe[:8]) + (" …" if len(given.recipe) > 8 else "")
    of = " and ".join(given.origins)
    if not of:
        return f"constant, by {steps}" if steps else "constant"
    return f"computed from {of} by {steps}" if steps else f"computed from {of}"


def _origins(operator: Opaque) -> Iterator[str]:
    function = operator.function
    replayed: Any = function.function if isinstance(function, TorchFunction) else None
    yield from getattr(replayed, "origins", ())


def is_native(operator: Operator) -> bool:
    """Whether an operator has a formula here."""
    return not isinstance(operator, Opaque)
