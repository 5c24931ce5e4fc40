"""Values put side by side, and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from striate import ops
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue, axis_name, reshaped

NEVER = -1e30
"""Added to a score, it leaves no share; and, unlike infinity, no NaN in a gradient of zero."""


def _side_by_side(a: Asked) -> DraftNode:
    axis = a.layout.axis(a["dim"], len(a.shape))
    parts = a["tensors"]
    steps = [_part(a, each) for each in parts if not _is_empty(each)]
    return (
        steps[0] if len(steps) == 1 else a.step(ops.Concat(axis_name(steps[0].spec, axis)), *steps)
    )


def _is_empty(part: Any) -> bool:
    return isinstance(part, RecordedConstant) and part.tensor.numel() == 0


def _part(a: Asked, part: Any) -> DraftNode:
    if isinstance(part, RecordedConstant):
        return a.given(part)
    if not isinstance(part, ModuleValue) or part.layout != a.layout:
        raise Unsuitable
    return part.step


def _stacked(a: Asked) -> DraftNode:
    rank = len(a.shape)
    axis, dim = a.layout.axis(a["dim"], rank), a["dim"] % rank
    values = [each for each in a["tensors"] if isinstance(each, ModuleValue)]
    batch = a.layout.batch - (dim < a.layout.batch)
    same = all((v.layout.batch, v.layout.folded) == (batch, a.layout.folded) for v in values)
    if len(values) != len(a["tensors"]) or not same:
        raise Unsuitable
    step = a.step(ops.Stack(), *(each.step for each in values))
    if not axis:
        return step
    order = (*range(1, axis + 1), 0, *range(axis + 1, step.spec.rank))
    return a.step(ops.Permute(order), step)


def _attention(a: Asked) -> DraftNode:
    """softmax(q kᵀ · scale + mask) v, as MATMUL, AFFINE, SOFTMAX, MATMUL."""
    query, key, value = (a.value(name) for name in ("query", "key", "value"))
    layouts = {each.layout for each in (query, key, value)}
    if len(layouts) != 1 or query.rank < 3 or a.get("enable_gqa", False) or a.get("dropout_p"):
        raise Unsuitable
    rank = len(query.own)
    order = (*range(rank - 2), rank - 1, rank - 2)
    scores = a.step(ops.MatMul(), query.step, a.step(ops.Permute(order), key.step))
    scale = a.get("scale", query.shape[-1] ** -0.5)
    scores = a.step(ops.Affine(float(scale)), scores)
    mask = _mask(a, scores.spec.shape)
    if mask is not None:
        scores = a.step(ops.Add(), scores, mask)
    return a.step(ops.MatMul(), a.step(ops.Softmax(axis="last"), scores), value.step)


def _mask(a: Asked, shape: tuple[int, ...]) -> DraftNode | None:
    """What is added to the scores (*heads, queries, keys)."""
    given = a.get("attn_mask")
    if a.get("is_causal", False):
        given = RecordedConstant(torch.ones(shape[-2:], dtype=torch.bool).tril())
    if given is None:
        return None
    if isinstance(given, ModuleValue) and given.layout == a.value("query").layout:
        return given.step
    if not isinstance(given, RecordedConstant):
        raise Unsuitable
    tensor = given.tensor.detach()
    if tensor.dtype == torch.bool:
        tensor = torch.zeros(tensor.shape).masked_fill(~tensor, NEVER)
    tensor = tensor.clamp(min=NEVER)
    own = tensor.shape[1:] if tensor.ndim == len(shape) + 1 else tensor.shape
    size = (*[1] * (len(shape) - len(own)), *own)
    if tensor.ndim == len(shape) + 1 and tensor.shape[0] != 1:
        raise Unsuitable
    found = RecordedConstant(tensor, "", False, given.origins, given.recipe, None, given.place)
    return a.step(ops.Constant(size), value=reshaped(found, size))


ROWS: Mapping[str, Callable[[Asked], DraftNode]] = {
    "cat": _side_by_side,
    "concat": _side_by_side,
    "concatenate": _side_by_side,
    "stack": _stacked,
    "scaled_dot_product_attention": _attention,
}
