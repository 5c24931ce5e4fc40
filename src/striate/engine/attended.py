"""Attention as PyTorch's one function: scores and shares are never laid out in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from striate.engine.patterns import Pattern
from striate.graph import Graph, Node, Operator
from striate.ops import Affine, MaskedSoftmax, MatMul, Permute, Softmax
from striate.pytorch.plan import ModuleCall


def attend(scale: float, is_causal: bool, *modules_and_values: Any) -> Tensor:
    """Values (N, heads, features, keys) pooled, from queries (N, heads, queries, features) and keys
    (N, heads, features, keys)."""
    *_, queries, keys, values = modules_and_values
    pooled: Tensor = F.scaled_dot_product_attention(
        queries, keys.mT, values.mT, scale=scale, is_causal=is_causal
    )
    return pooled.mT


def _attention(graph: Graph, nodes: Sequence[Node]) -> ModuleCall | None:
    """The call for a chain that is attention: as ATTENTION lays it, without a mask of its own."""
    products, *scales, softmax, columns, pooled = nodes
    shares: Any = softmax.operator
    scale, shift = next(((n.operator.scale, n.operator.shift) for n in scales), (1.0, 0.0))  # type: ignore[attr-defined]
    shape = graph.specs[softmax.name]
    is_plain = (
        shape.rank == 3
        and all(graph.specs[name].rank == 3 for name in (*products.inputs, *pooled.inputs))
        and {graph.specs[name].shape[0] for name in (*products.inputs, *pooled.inputs)}
        == {shape.shape[0]}
        and shift == 0
        and shape.axis(shares.axis) == 2
        and len(softmax.inputs) == 1
        and columns.operator == Permute((0, 2, 1))
        and pooled.inputs[1] == columns.name
    )
    if not is_plain or products.inputs[0] == products.inputs[1]:
        return None
    return partial(attend, scale, isinstance(shares, MaskedSoftmax) and shares.causal)


_SHARES: tuple[type[Operator], ...] = (Softmax, MaskedSoftmax)
_SCALED: tuple[tuple[type[Operator], ...], ...] = ((Affine,), ())

PATTERNS = tuple(
    Pattern((MatMul, *scales, softmax, Permute, MatMul), _attention)
    for scales, softmax in product(_SCALED, _SHARES)
)
