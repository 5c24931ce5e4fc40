"""Padding of convolutions and pools, as ONNX writes it."""

from __future__ import annotations

from striate.errors import OnnxError
from striate.exchange.onnx.step import NotOurs, OnnxNode
from striate.graph import Padding

_WORDS: dict[str, Padding] = {
    "VALID": "valid",
    "SAME_UPPER": "same_upper",
    "SAME_LOWER": "same_lower",
}


def spatial(step: OnnxNode, name: str, usual: int = 1) -> tuple[int, ...]:
    """A setting with a number for each spatial axis of the input."""
    axes = len(step.spec.spatial)
    if not 1 <= axes <= 2:
        raise NotOurs(f"its input has {axes} spatial axes")
    found = tuple(step.get(name, (usual,) * axes))
    if len(found) != axes:
        raise OnnxError(f"{step.item.title} has {len(found)} {name} for {axes} spatial axes")
    return found


def padding(step: OnnxNode) -> Padding:
    """Cells of padding: a word, or (before, after) for each spatial axis."""
    word = step.get("auto_pad", "NOTSET")
    if word in _WORDS:
        return _WORDS[word]
    axes = len(step.spec.spatial)
    pads = tuple(step.get("pads", (0,) * 2 * axes))
    if len(pads) != 2 * axes or word not in ("NOTSET", ""):
        raise OnnxError(f"{step.item.title} has the padding {pads or word} for {axes} axes")
    if min(pads) < 0:
        raise NotOurs("it pads by fewer than no cells")
    return tuple(zip(pads[:axes], pads[axes:], strict=True))
