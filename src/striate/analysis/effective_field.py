"""How much each pixel of a picture moves a unit: its effective receptive field.

    share of a pixel = Σ over channels |∂unit/∂pixel| / the sum of that over all pixels

The theoretical field says which pixels a unit can depend on; mostly a small part in its middle
matters. Source: Luo, Li, Urtasun and Zemel, "Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks", NIPS 2016, arXiv:1701.04128; of one picture instead of a mean over
many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.analysis.subject import Picture, ReadyNetwork
from striate.graph import Index
from striate.ops.arrays import Array


@dataclass(frozen=True)
class EffectiveField:
    """What share each pixel has in a unit's gradient.

    Args:
        shares: (rows, columns), summing to 1; all zero where no pixel moves the unit.
        slope: the sum of the gradient's sizes.
    """

    shares: Array
    slope: float

    def count(self, share: float) -> int:
        """The fewest pixels that hold a share of it together; 0 where no pixel moves the unit."""
        if not self.slope:
            return 0
        sums = np.sort(self.shares.reshape(-1))[::-1].cumsum()
        return int(np.searchsorted(sums, share * sums[-1])) + 1

    def outside(self, field: Sequence[range]) -> float:
        """The share of the pixels outside of a field (rows, columns); of the theoretical one, 0."""
        kept = self.shares.copy()
        rows, columns = (slice(max(each.start, 0), max(each.stop, 0)) for each in field)
        kept[rows, columns] = 0.0
        return float(kept.sum())


def effective_field(
    network: ReadyNetwork, picture: Picture, node: str, index: Index
) -> EffectiveField:
    """The effective receptive field of one unit, for one picture of rows and columns."""
    from striate.pytorch.unit_gradients import UnitGradients

    chosen = np.zeros(network.graph.specs[node].shape)
    chosen[index] = 1.0
    unit = UnitGradients(network.graph, network.weights, node, chosen)
    gradient = unit.slope(picture.exact, network.graph.inputs[0].name).gradient[0]
    sizes = np.abs(gradient).sum(axis=0)
    total = float(sizes.sum())
    return EffectiveField(sizes / total if total else sizes, total)
