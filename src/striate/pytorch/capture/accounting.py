"""Where the parameters of a module went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from striate.pytorch.capture.assembled import Assembled


@dataclass(frozen=True)
class ParameterAccount:
    """The parameters of a module by what became of them, in numbers; together, all of them.

    Args:
        kept: weights of nodes.
        folded: taken into constants and weights that were computed from them.
        opaque: read by opaque nodes alone.
        unused: not read.
        added: parameters of the graph beyond `kept`: weights that the module computes or keeps
            fixed, and those that it uses in two shapes.
    """

    kept: int
    folded: int
    opaque: int
    unused: int
    added: int

    @property
    def module(self) -> int:
        """Those of the module: `sum(p.numel() for p in module.parameters())`."""
        return self.kept + self.folded + self.opaque + self.unused

    def remarks(self) -> Iterator[str]:
        """Why the graph has more or fewer of them than the module; nothing where it has not."""
        parts = [
            (self.folded, "are folded into what the module computes from them"),
            (self.opaque, "belong to opaque nodes"),
            (self.unused, "are not read"),
        ]
        gone = ", ".join(f"{count:,} {what}" for count, what in parts if count)
        if gone:
            yield f"of the module's {self.module:,} parameters {gone}"
        if self.added:
            yield f"{self.added:,} numbers that the module computes or keeps fixed are weights here"


def accounted(module: nn.Module, found: Assembled) -> ParameterAccount:
    """What became of each parameter of a module."""
    sizes = {name: each.numel() for name, each in module.named_parameters()}
    left = set(sizes)
    counts = []
    for names in (found.kept, found.computed_from, found.read):
        counts.append(_size(sizes, left & names))
        left -= names
    kept, folded, opaque = counts
    added = found.graph.parameters - kept
    return ParameterAccount(kept, folded, opaque, _size(sizes, left), added)


def _size(sizes: Mapping[str, int], names: set[str]) -> int:
    return sum(sizes[name] for name in names)
