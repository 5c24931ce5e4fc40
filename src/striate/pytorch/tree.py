"""Submodules at dotted names, so that state_dict keys read like the graph's nodes."""

from __future__ import annotations

from torch import nn

from striate.errors import GraphError
from striate.graph import Graph


class ModuleFolder(nn.Module):
    """A folder of layers: what stands before a dot in their names."""


def place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` at a dotted path below `root`, making folders on the way.

    The dictionary is written directly: `add_module` refuses names that a module has a method
    for, like `train` or `half`, which are good names for a node.

    Raises:
        GraphError: the path is taken by a weight.
    """
    *folders, last = name.split(".")
    parent = root
    for folder in folders:
        found = parent._modules.get(folder)
        if found is None:
            found = parent._modules[folder] = ModuleFolder()
        parent = found
    taken = parent._modules.get(last)
    if isinstance(taken, ModuleFolder):  # a node is called like the folder of others
        module._modules.update(taken._modules)
    own = {*module._parameters, *module._buffers}
    if last in {*parent._parameters, *parent._buffers} or own & set(module._modules):
        raise GraphError(f"{name} is both a node and a weight", remedy="Rename the node.")
    parent._modules[last] = module


def tie(root: nn.Module, graph: Graph) -> None:
    """Make one Parameter of each weight that several nodes of `graph` share."""
    for node in graph:
        shared = [name for name in graph.weights(node) if graph.keeper(node, name) != node.name]
        for name in shared:
            own = root.get_submodule(node.name)._parameters
            own[name] = root.get_submodule(graph.keeper(node, name))._parameters[name]
