"""The module of a graph: an ordinary submodule for each node, and the plan of their calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor, nn

from striate.graph import Graph
from striate.passes.attention import unpacked
from striate.pytorch.losses import leaves_as_logarithms
from striate.pytorch.modules import ABSENT, recipe
from striate.pytorch.modules.activation import Probabilities
from striate.pytorch.plan import Plan
from striate.pytorch.recipe import ModuleRecipe
from striate.pytorch.tree import place, tie


class Shortcut(Protocol):
    """Computes what a network computes, faster; None where its layers must run one by one."""

    def __call__(self, network: Network, inputs: tuple[Any, ...]) -> Any:
        """What `network` answers with, or None."""


class Network(nn.Module):
    """A graph as a module: a submodule for each node, under the node's name.

    Called with a batch of pictures (N, C, H, W), one argument for each input of the graph, it
    returns the scores: the value of the last node before any loss. In training mode

    * a network with side exits returns a tuple, the scores first;
    * an exit that ends in SOFTMAX and is trained with the log-loss returns the logarithms of the
      probabilities. `loss_function(graph)` takes what comes out in either mode.

    `forward` walks over a short list of calls and looks each submodule up by its name, so a
    submodule may be replaced or given hooks as in any module: each is given what its node reads,
    and answers with what its node is. Only where nobody can tell may a shortcut compute the whole
    (see `striate.engine`). The walk costs about a microsecond a layer, and torch.compile and
    torch.export unroll it. (`torch.fx` would generate a straight-line forward, but one for both
    modes, running the side exits in evaluation too.)
    """

    def __init__(self, training_plan: Plan, plan: Plan) -> None:
        super().__init__()
        self._training_plan = training_plan
        self._plan = plan
        self.shortcut: Shortcut | None = None
        """What is asked first; see `striate.engine`."""
        self.register_load_state_dict_pre_hook(_unpack)  # type: ignore[no-untyped-call]

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        found = None if self.shortcut is None else self.shortcut(self, inputs)
        return self.one_by_one(inputs) if found is None else found

    def one_by_one(self, inputs: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        """What the network answers with, by a call of each module."""
        plan = self._training_plan if self.training else self._plan
        values: list[Tensor | None] = [*inputs, *plan.empty]
        for call, paths, reads, write, drops in plan.steps:
            modules = [self.at(path) for path in paths]
            values[write] = call(*modules, *[values[slot] for slot in reads])
            for slot in drops:
                values[slot] = None
        if len(plan.results) == 1:
            return values[plan.results[0]]  # type: ignore[return-value]
        return tuple(values[slot] for slot in plan.results)  # type: ignore[misc]

    def at(self, path: tuple[str, ...]) -> nn.Module:
        """The submodule at a path, whatever its name."""
        module: nn.Module = self
        for name in path:
            module = module._modules[name]  # type: ignore[assignment]
        return module


def _unpack(
    module: nn.Module, state: dict[str, Any], prefix: str, *_metadata_and_messages: Any
) -> None:
    """Read the state of attention layers of PyTorch's."""
    wanted = {f"{prefix}{key}" for key in module.state_dict()}
    found = unpacked(state, wanted)
    state.clear()
    state.update(found)


def fill(network: Network, graph: Graph, made: Mapping[str, ModuleRecipe]) -> None:
    """Put the modules of the graph's nodes at their names."""
    for node in graph:
        if node.name in made:
            place(network, node.name, made[node.name].module())
    tie(network, graph)


def recipes(graph: Graph) -> dict[str, ModuleRecipe]:
    """How the module of each node is made, where it has one."""
    found = {}
    for node in graph:
        if type(node.operator) not in ABSENT and not node.operator.is_loss:
            plain = recipe(graph, node)
            logarithms = leaves_as_logarithms(graph, node.name)
            found[node.name] = replace(plain, kind=Probabilities) if logarithms else plain
    return found
