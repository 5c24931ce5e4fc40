"""A graph as plain PyTorch text: a class to read, to change and to run without Striate."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections.abc import Iterator, Sequence
from textwrap import indent

from torch import nn

from striate.errors import GraphError
from striate.graph import Graph, Node
from striate.pytorch.modules import merging
from striate.pytorch.network import recipes
from striate.pytorch.plan import reads
from striate.pytorch.recipe import ModuleRecipe

WIDTH = 100

SHIFT = 4 * " "

_TAKEN = {"x", "self", "torch", "nn", "F", "Tensor", *keyword.kwlist, *dir(builtins)}


def source(graph: Graph, name: str = "Network") -> str:
    """The text of a module that computes the same and has the same `state_dict`.

    It imports torch alone. As with `lower`, a network with side exits returns a tuple in training
    mode, and a softmax at an exit its logarithms.

    Args:
        name: what the class is called.

    Raises:
        GraphError: a node's name cannot be an attribute of a module, or others compute it.
    """
    foreign = next((node.name for node in graph if node.operator.is_foreign), None)
    if foreign:
        raise GraphError(
            f"{foreign} cannot be written as PyTorch's text: others compute it",
            remedy="Write the network without it.",
        )
    made = recipes(graph)
    _check_names(made)
    own = [layer.kind for layer in made.values() if layer.is_own and layer.kind not in INLINE]
    written = dict.fromkeys(each for kind in own for each in _with_bases(kind))
    copied = [inspect.getsource(kind).rstrip() for kind in written]
    text = "\n\n\n".join([*copied, _network(graph, made, name)])
    return f"{_imports(text)}\n\n\n{text}\n"


INLINE: dict[type[nn.Module], str] = {
    merging.Add: " + ",
    merging.Multiply: " * ",
    merging.Divide: " / ",
    merging.Concat: ", ",
    merging.Subtract: " - ",
    merging.MatMul: " @ ",
}
"""Layers that are written where they happen, and what joins their inputs."""


def _with_bases(kind: type[nn.Module]) -> list[type]:
    """A layer of ours behind those that it is derived from, as far as they are ours too."""
    return [each for each in reversed(kind.__mro__) if each.__module__.startswith("striate.")]


def _imports(text: str) -> str:
    lines = ["import torch"] if re.search(r"\btorch\.(?!nn)", text) else []
    lines.append("from torch import Tensor, nn")
    if re.search(r"\bF\.", text):
        lines.append("from torch.nn import functional as F")
    return "\n".join(lines)


def _network(graph: Graph, made: dict[str, ModuleRecipe], name: str) -> str:
    into = ", ".join(str(graph.specs[node.name]) for node in graph.inputs)
    lines = [
        f"class {name}(nn.Module):",
        f'{SHIFT}"""{into} in, {graph.specs[graph.scores.name]} out, batch first."""',
        "",
        f"{SHIFT}def __init__(self) -> None:",
        f"{2 * SHIFT}super().__init__()",
        *_construction(made),
        *_ties(graph),
        "",
        *_forward(graph, made),
    ]
    return "\n".join(lines)


def _construction(made: dict[str, ModuleRecipe]) -> Iterator[str]:
    folders: set[str] = set()
    for name, layer in made.items():
        if layer.kind in INLINE:
            continue
        parts = name.split(".")
        for depth in range(1, len(parts)):
            folder = ".".join(parts[:depth])
            if folder not in folders:
                folders.add(folder)
                yield f"{2 * SHIFT}{_attribute(folder)} = nn.ModuleDict()"
        yield from _call(f"{_attribute(name)} = ", layer)


def _ties(graph: Graph) -> Iterator[str]:
    for node in graph:
        for name in graph.weights(node):
            keeper = graph.keeper(node, name)
            if keeper != node.name:
                shared, kept = _attribute(node.name), _attribute(keeper)
                yield f"{2 * SHIFT}{shared}.{name} = {kept}.{name}"


def _call(start: str, layer: ModuleRecipe) -> Iterator[str]:
    """An assignment, one argument a line where it would be too long."""
    line = f"{2 * SHIFT}{start}{layer}"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{2 * SHIFT}{start}{layer.name}("
    for argument in layer.wrapped_arguments(WIDTH - 1 - len(3 * SHIFT)):
        yield indent(f"{argument},", 3 * SHIFT)
    yield f"{2 * SHIFT})"


def _attribute(name: str) -> str:
    """How a dotted name is reached: self.layer1["0"]["conv1"]."""
    first, *rest = name.split(".")
    return f"self.{first}" + "".join(f'["{each}"]' for each in rest)


def _forward(graph: Graph, made: dict[str, ModuleRecipe]) -> Iterator[str]:
    main = graph.ancestors([graph.scores.name])
    steps = [node for node in graph if node.name in made]
    plain = [node for node in steps if node.name in main]
    beside = [node for node in steps if node.name not in main]
    variables = _variables(graph, plain, beside)
    given = ", ".join(f"{variables[node.name]}: Tensor" for node in graph.inputs)
    answer = "Tensor | tuple[Tensor, ...]" if graph.auxiliary else "Tensor"
    yield f"{SHIFT}def forward(self, {given}) -> {answer}:"
    for node in plain:
        yield f"{2 * SHIFT}{_statement(graph, node, made[node.name], variables)}"
    result = variables[graph.scores.name]
    if graph.auxiliary:
        yield f"{2 * SHIFT}if self.training:"
        for node in beside:
            yield f"{3 * SHIFT}{_statement(graph, node, made[node.name], variables)}"
        sides = ", ".join(variables[side.node] for side in graph.auxiliary)
        yield f"{3 * SHIFT}return {result}, {sides}"
    yield f"{2 * SHIFT}return {result}"


def _statement(graph: Graph, node: Node, layer: ModuleRecipe, variables: dict[str, str]) -> str:
    read = [variables[name] for name in reads(graph, node)]
    if layer.kind is merging.Concat:
        value = f"torch.cat(({', '.join(read)}), dim=1)"
    elif layer.kind in INLINE:
        value = INLINE[layer.kind].join(read)
    else:
        value = f"{_attribute(node.name)}({', '.join(read)})"
    return f"{variables[node.name]} = {value}"


def _variables(graph: Graph, plain: Sequence[Node], beside: Sequence[Node]) -> dict[str, str]:
    """A value that only the next line reads is called x; others have the names of their nodes."""
    kept = {graph.scores.name, *(side.node for side in graph.auxiliary)} if beside else set()
    found: dict[str, str] = {}
    for nodes in ([*graph.inputs[-1:], *plain], beside):
        following = [[node.name] for node in nodes[1:]] + [[]]
        for node, readers in zip(nodes, following, strict=False):
            every = [
                reader.name
                for reader in graph
                if node.name in reads(graph, reader) and not reader.operator.is_loss
                if reader.name != node.name
            ]
            if every == readers and node.name not in kept:
                found[node.name] = "x"
    for node in graph:
        if node.name not in found:
            found[node.name] = _free(node.name, found.values())
    return found


def _free(name: str, used: object) -> str:
    word = re.sub(r"\W", "_", name)
    taken = _TAKEN.union(used)  # type: ignore[arg-type]
    while word in taken:
        word += "_"
    return word


def _check_names(made: dict[str, ModuleRecipe]) -> None:
    """Names must be readable as attributes and keys of modules.

    Raises:
        GraphError: one is a Python keyword or a method of modules, or a folder of others.
    """
    methods, keys = set(dir(nn.Module())), set(dir(nn.ModuleDict()))
    for name, layer in made.items():
        first, *rest = name.split(".")
        clash = keyword.iskeyword(first) or first in methods or keys & set(rest)
        folder = any(other.startswith(f"{name}.") for other in made)
        if (clash or folder) and layer.kind not in INLINE:
            raise GraphError(
                f"plain PyTorch cannot have a layer called {name}",
                where="It is a folder of other layers." if folder else "PyTorch uses the name.",
                remedy="Rename the node.",
            )
