"""MASKEDSOFTMAX: shares of the keys that a query may see; those that a mask hides have none.

    y[q,k] = m[q,k] · exp(x[q,k]) / Σ_j m[q,j] · exp(x[q,j])

with scores of queries x keys, the keys along the last axis, and m = 1 for what is seen, 0 for
what is hidden:

* a second branch says what is seen by a number above 0: one per score or, spread, one per key.
  Where 0 is the token that fills up a sentence, the tokens themselves are such a mask;
* `lengths`: the second branch is one number per sequence, and keys from there on are hidden;
* `causal`: a query sees no key behind it, m[q,k] = [k ≤ q].

The gradient is that of SOFTMAX, ∂L/∂x[q,k] = y[q,k] · (e[q,k] - Σ_j e[q,j] · y[q,j]): exactly 0
where a key is hidden. The mask has none. Where every key is hidden there is nothing to divide by,
and every share is 0.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, section 3.2.3
(illegal connections masked out of the softmax); Zhang et al., "Dive into Deep Learning", section
11.3.2 (lengths).

>>> import numpy as np
>>> from striate.graph import Call
>>> scores = np.log([[[1.0, 9.0, 9.0], [1.0, 3.0, 9.0]]])
>>> MaskedSoftmax(causal=True).forward(Call((scores[:, :, :2],))).round(12).tolist()
[[[1.0, 0.0], [0.25, 0.75]]]
>>> MaskedSoftmax().forward(Call((scores, np.array([[1.0, 1.0, 0.0]])))).round(12).tolist()
[[[0.1, 0.9, 0.0], [0.25, 0.75, 0.0]]]
>>> MaskedSoftmax(lengths=True).forward(Call((scores, np.array([[1.0]])))).tolist()
[[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import Along, Call, Factor, Field, Index, Ref, Routes, Saves, Spec, Term
from striate.graph.saves import MASK, NUMBER
from striate.ops import broadcast
from striate.ops.activation.shares import Shares
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class MaskedSoftmax(Shares):
    """Normalized exponentials of the keys that are seen.

    Args:
        axis: along which the keys lie.
        causal: whether a query sees only keys up to its own place; queries lie along the axis
            before the keys.
        lengths: whether the second branch says how many keys are seen, and not which.

    Shapes: (*, queries, keys), unchanged; a second branch of (keys,), of the scores' shape with any
    axis 1, or with `lengths` of one number.
    """

    label: ClassVar[str] = "masked_softmax"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)

    axis: str | int = "last"
    causal: bool = False
    lengths: bool = False

    def gives_shares(self, *inputs: Spec) -> bool:
        return len(inputs) == 1 and inputs[0].axis(self.axis) == 0

    def check(self, *inputs: Spec) -> None:
        x, axis = inputs[0], inputs[0].axis(self.axis)
        if self.lengths and len(inputs) < 2:
            raise SettingError(
                "{self} hides keys by their lengths, which nothing gives",
                remedy="Write { A | @lengths } MASKEDSOFTMAX lengths.",
            )
        if self.causal and (axis == 0 or x.shape[axis] > x.shape[axis - 1]):
            raise ShapeError(
                f"{{self}} is causal, but of its scores {x} no query sees the last key",
                remedy="Queries lie along the axis before the keys, and are as many or more.",
            )
        if len(inputs) == 2:
            self.spread(x, inputs[1])

    def spread(self, x: Spec, mask: Spec) -> Index:
        """The shape of the second branch with as many axes as the scores, each as long or 1.

        Raises:
            ShapeError: it does not fit them.
        """
        axis = x.axis(self.axis)
        keys = x.shape[axis]
        if self.lengths and mask.size == 1:
            return (1,) * x.rank
        if not self.lengths and mask.shape == (keys,):
            return tuple(n if k == axis else 1 for k, n in enumerate(x.shape))
        if not self.lengths and broadcast.fits(mask.shape, x.shape):
            return mask.shape
        if self.lengths:
            what, remedy = f"lengths of {mask}", "Give one number: how many keys are seen."
        else:
            what, remedy = f"a mask of {mask}", f"Give {keys}, one per key; or {x}, any axis 1."
        raise ShapeError(f"{{self}} has scores of {x} and {what}", remedy=remedy)

    def fields(self, *inputs: Spec) -> tuple[Field, ...]:
        x, *masks = inputs
        return (self.field(x), *(self._field(x, mask) for mask in masks))

    def _field(self, x: Spec, mask: Spec) -> Field:
        if self.lengths or mask.rank < x.rank:
            return Routes((None,) * mask.rank)
        pairs = enumerate(zip(mask.shape, x.shape, strict=True))
        keys = x.axis(self.axis)
        return Routes(tuple(Along(k) if n == m and k != keys else None for k, (n, m) in pairs))

    def kept(self, *inputs: Spec) -> Saves:
        if len(inputs) == 1:
            return Saves(output=True)
        x, mask = inputs
        hidden = list(self.spread(x, mask))
        keys = x.axis(self.axis)
        if self.lengths or self.causal:
            hidden[keys] = x.shape[keys]
        if self.causal:
            hidden[keys - 1] = x.shape[keys - 1]
        return Saves(each=NUMBER, own=MASK * prod(hidden))

    def visible(self, call: Call) -> Array:
        axis = call.specs[0].axis(self.axis) + 1
        places = np.ogrid[tuple(map(slice, call.x.shape))]
        seen = np.ones(call.x.shape, dtype=bool)
        if self.causal:
            seen &= places[axis] <= places[axis - 1]
        for mask in call.inputs[1:]:
            spread = mask.reshape(len(mask), *self.spread(*call.specs))
            seen &= places[axis] < spread if self.lengths else spread > 0
        return seen

    def terms(self, call: Call, index: Index) -> list[Term]:
        masks, seen = self._masks(call, index), self.visible(call)
        if not seen[index]:
            hider = next(each for each in masks if not each.value)
            if not any(seen[cell] for cell in self.line(call, index)):
                hider = replace(hider, label=f"{hider.label} (no key is seen)")
            return [Term((hider,))]
        asked = tuple(each for each in masks if each.refs)
        return [Term((*self.share(call, index).factors, *asked))]

    def _masks(self, call: Call, index: Index) -> list[Factor]:
        """What hides a key, 0, or lets it be seen, 1."""
        axis = call.specs[0].axis(self.axis) + 1
        key, query = index[axis], index[axis - 1]
        found = []
        if self.causal:
            found.append(Factor(float(key <= query), f"[key {key} ≤ query {query}]"))
        for mask in call.inputs[1:]:
            place = self._place(call, index)
            value = mask[place].item()
            seen = key < value if self.lengths else value > 0
            label = f"[{key} < {{0}}]" if self.lengths else "[{0} > 0]"
            found.append(Factor(float(seen), label, (Ref(1, place),)))
        return found

    def _place(self, call: Call, index: Index) -> Index:
        """Where the second branch says whether the key at `index` is seen."""
        x, mask = call.specs
        spread = self.spread(x, mask)
        place = [0 if n == 1 else i for i, n in zip(index[1:], spread, strict=True)]
        flat = np.ravel_multi_index(place, spread)
        return (index[0], *(int(n) for n in np.unravel_index(flat, mask.shape)))

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        every = self.written("m", index, inputs[0])
        return f"exp({{0}}[{place}]) / Σ exp({{0}}[{every}]) over the keys that are seen, else 0"
