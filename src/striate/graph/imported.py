"""A network that came from elsewhere: its graph, its weights, and what was noticed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from striate.display import Block, Displayed, Line
from striate.graph.graph import Graph

if TYPE_CHECKING:
    from striate.pytorch import Network


@runtime_checkable
class Explainable(Protocol):
    """A network with weights: a `Model`, a capture, what was imported."""

    @property
    def graph(self) -> Graph: ...
    @property
    def weights(self) -> Mapping[str, Any]: ...
    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def preprocessing(self) -> Any: ...


@dataclass(frozen=True, repr=False)
class Imported(Displayed):
    """A file of others as a network of ours. It goes wherever a model goes.

    Args:
        graph: the network.
        weights: node -> weight name -> array, statistics and constants included.
        notes: what was left out, and what stays opaque and why; one sentence each.
        classes: names by index of the scores, where they are known.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> None:
        """How a picture becomes the input: not known of what came from elsewhere."""
        return

    @property
    def headline(self) -> str:
        """The network, and how many notes there are."""
        return f"{self.graph.headline}, {len(self.notes)} notes"

    def display(self) -> Iterator[Block]:
        """The network, and what was noticed."""
        yield from self.graph.display()
        for note in self.notes:
            yield Line(note, "quiet")

    def module(self) -> Network:
        """The network as a `torch.nn.Module` in evaluation mode, with its weights."""
        network = self.graph.module(weights=self.weights)
        network.eval()
        return network
