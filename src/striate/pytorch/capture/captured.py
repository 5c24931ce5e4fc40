"""What a capture returns: a graph, its weights, and what had to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from striate.display import Block, Displayed, Line
from striate.graph import Graph, Node
from striate.ops import Opaque
from striate.pytorch.capture.accounting import ParameterAccount
from striate.pytorch.capture.assembled import Notes
from striate.pytorch.foreign import TorchFunction
from striate.pytorch.network import Network, fill, recipes
from striate.pytorch.plan import planned
from striate.pytorch.weights import load_weights

SHOWN = 5
"""Notes of a kind that are shown."""


class _Undrawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Layers are made without first weights, which takes long and which captured ones replace."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        drawn = function.overloadpacket.__name__ in ("uniform_", "normal_")
        return args[0] if drawn else function(*args, **(kwargs or {}))


@dataclass(frozen=True, repr=False)
class Captured(Displayed):
    """A module seen through: it goes wherever a model goes.

    Args:
        graph: the network as it predicts, named by the module's own paths.
        weights: node -> weight name -> array, copied.
        notes: what was folded, opaque, unused.
        parameters: what became of those of the module.
        inputs: the names of its inputs, in the order of the module's arguments.
        dtype: the type that it computes in.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, NDArray[Any]]]
    notes: Notes
    parameters: ParameterAccount
    inputs: tuple[str, ...] = ("input",)
    dtype: torch.dtype = torch.float32

    @property
    def classes(self) -> Sequence[str]:
        """No module names its classes."""
        return ()

    @property
    def preprocessing(self) -> None:
        """None: a question is asked with the input itself."""
        return None

    def module(self) -> Network:
        """The graph as a module of ordinary layers; opaque nodes run as they were recorded."""
        plan = planned(self.graph, [self.graph.scores.name])
        network = Network(plan, plan)
        with _Undrawn():  # type: ignore[no-untyped-call]
            fill(network, self.graph, recipes(self.graph))
        network.to(self.dtype)
        load_weights(network, self.weights)
        return network.eval()

    @cached_property
    def native(self) -> dict[str, float]:
        """The share of nodes, and of multiply-adds, that have a formula here."""
        opaque = [node for node in self.graph if isinstance(node.operator, Opaque)]
        foreign = sum(self._work(node) for node in opaque)
        whole = self.graph.multiply_adds + foreign
        return {
            "nodes": 1 - len(opaque) / len(self.graph),
            "multiply_adds": self.graph.multiply_adds / whole if whole else 1.0,
        }

    def _work(self, node: Node) -> int:
        """Multiply-adds of an opaque node, as PyTorch counts them."""
        function = getattr(node.operator, "function", None)
        if not isinstance(function, TorchFunction):
            return 0
        inputs = [torch.zeros(1, *spec.shape) for spec in self.graph.input_specs(node)]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            function.at(torch.float32, torch.device("cpu"))(*inputs)
        return int(counter.get_total_flops() // 2)

    @property
    def headline(self) -> str:
        """Input, scores, nodes, parameters, and how much of it is native."""
        shares = self.native
        if shares["nodes"] == 1:
            return f"{self.graph.headline}, all native"
        nodes, work = (f"{100 * shares[key]:.4g} %" for key in ("nodes", "multiply_adds"))
        return f"{self.graph.headline}, native: {nodes} of nodes, {work} of multiply-adds"

    def display(self) -> Iterator[Block]:
        """Its nodes, and what had to be done."""
        yield from self.graph.display()
        if self.native["nodes"] < 1:
            yield Line(self.headline)
        kinds = {
            "Opaque (computed by PyTorch)": self.notes.opaque,
            "Folded": self.notes.folded,
            "Not read": self.notes.unused,
            "Note": self.notes.remarks,
        }
        for kind, entries in kinds.items():
            for entry in entries[:SHOWN]:
                yield Line(f"{kind}: {entry}", "warning" if kind != "Folded" else "")
            if len(entries) > SHOWN:
                yield Line(f"{kind}: {len(entries) - SHOWN} more (see .notes)")
