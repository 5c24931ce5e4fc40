"""Where the batch is in a tensor, and which axes are left without it.

Every tensor of a run exists twice, from a batch of 2 and from one of 3. The axis that grew is the
batch's. It need not be the first (a sequence may come before it), and it may hold more than the
batch (windows or heads of a picture, laid behind each other): then `2 * m` grew to `3 * m`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import torch
from torch import Tensor

TensorShape: TypeAlias = tuple[int, ...]

SMALL, LARGE = 2, 3
"""Pictures in the two runs."""


class Unsuitable(Exception):
    """A call has no translation; it stays as it is. Never leaves this package."""


@dataclass(frozen=True)
class BatchLayout:
    """The place of the batch.

    Args:
        batch: the number of its axis.
        folded: whether that axis holds m numbers for each picture.
        major: how often all pictures follow each other in it: 1 where it is picture after picture
            (windows), m where each of the m numbers of one stands among those of the others.
    """

    batch: int = 0
    folded: bool = False
    major: int = 1

    def axis(self, dim: int, rank: int) -> int:
        """The axis without the batch that is axis `dim` of a tensor with `rank` axes.

        Raises:
            Unsuitable: it is the batch.
        """
        dim %= rank
        if dim == self.batch:
            raise Unsuitable
        return dim - (not self.folded and dim > self.batch)

    def of_picture(self, shape: TensorShape, batch: int = SMALL) -> TensorShape:
        """The shape of what belongs to one picture: (1,) for a single number.

        >>> BatchLayout(1).of_picture((7, 2, 5)), BatchLayout(0, folded=True).of_picture((8, 5))
        ((7, 5), (4, 5))
        """
        own = (shape[self.batch] // batch,) if self.folded else ()
        return (*shape[: self.batch], *own, *shape[self.batch + 1 :]) or (1,)

    def before(self, shape: TensorShape) -> int:
        """How often all pictures follow each other in memory."""
        return prod(shape[: self.batch]) * self.major

    def tensor(self, value: Tensor, rank: int) -> Tensor:
        """A value (N, …) as the tensor of `rank` axes that it is in the module."""
        if not rank - 1 and not self.folded:
            return value.reshape(len(value))
        if not self.folded:
            return value.movedim(0, self.batch)
        split = torch.unflatten(value, self.batch + 1, (self.major, -1))
        return split.movedim(0, self.batch + 1).flatten(self.batch, self.batch + 2)

    def value(self, tensor: Tensor, pictures: int) -> Tensor:
        """Such a tensor as a value (N, …)."""
        if self.folded:
            split = torch.unflatten(tensor, self.batch, (self.major, pictures, -1))
            return split.movedim(self.batch + 1, 0).flatten(self.batch + 1, self.batch + 2)
        moved = tensor.movedim(self.batch, 0)
        return moved[:, None] if moved.ndim == 1 else moved


def layout_of(small: TensorShape, large: TensorShape) -> BatchLayout | None:
    """The place of the batch, from the shapes of both runs; None where it has none.

    >>> layout_of((2, 8), (3, 8)), layout_of((5, 8), (5, 8))
    (BatchLayout(batch=0, folded=False, major=1), None)
    """
    if len(small) != len(large):
        return None
    grown = [k for k, (a, b) in enumerate(zip(small, large, strict=True)) if a != b]
    if len(grown) != 1 or small[grown[0]] * LARGE != large[grown[0]] * SMALL:
        return None
    return BatchLayout(grown[0], small[grown[0]] != SMALL)
