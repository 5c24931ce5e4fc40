"""Arrays as the page shows them: a small picture per channel, a byte per cell."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from striate.graph import Graph, Node, Reach, Window
from striate.ops.arrays import Array

PageJson: TypeAlias = dict[str, Any]

FEW = 12
"""Maps of a layer that are shown before somebody asks for all."""

MOST = 512
"""Maps of a layer that are shown at most."""

LABELED = 24
"""Units of a flat value that have a row each, with a label."""

FINEST = 64
"""Cells along the longer side of a small map; of larger ones every second or third is shown."""


def tiles(name: str, array: Array, *, most: int = FEW, labels: Sequence[str] = ()) -> PageJson:
    """What the page needs to draw an array and to name each of its cells.

    Args:
        name: of the array, as `striate.why` reads it: conv1, conv1.weight.
        array: without the axis of the batch.
        most: maps that are sent.
        labels: of the units of a flat array.
    """
    flat = array.ndim < 2 or all(size == 1 for size in array.shape[1:])
    if flat:
        return _strip(name, array, labels if array.size == len(labels) else ())
    planes = array.reshape(-1, *array.shape[-2:])
    step = -(-max(planes.shape[1:]) // FINEST)
    shown = planes[:most, ::step, ::step]
    return {
        "name": name,
        "flat": False,
        "shape": list(shown.shape),
        "whole": list(planes.shape),
        "step": step,
        "lead": [list(each) for each in islice(np.ndindex(array.shape[:-2]), len(shown))],
        **_cells(shown, planes),
    }


def _strip(name: str, array: Array, labels: Sequence[str]) -> PageJson:
    """A flat value as one map: a row per unit, or of many units as many as fill a square."""
    values = array.reshape(-1)
    count = values.size
    wide = 1 if count <= LABELED else min(32, int(np.ceil(np.sqrt(count))))
    padded = np.zeros(-(-count // wide) * wide)
    padded[:count] = values
    shown = padded.reshape(1, -1, wide)
    return {
        "name": name,
        "flat": True,
        "shape": list(shown.shape),
        "whole": list(shown.shape),
        "count": count,
        "step": 1,
        "lead": [[]],
        "tail": [0] * max(array.ndim - 1, 0),
        "bare": array.ndim == 0,
        "labels": list(labels) if count <= LABELED else [],
        "numbers": [_number(value) for value in values] if count <= LABELED else [],
        **_cells(shown, values),
    }


def _cells(shown: Array, whole: Array) -> PageJson:
    """A byte per cell, 128 for zero, and the size that 1 and 255 stand for."""
    finite = np.nan_to_num(np.asarray(shown, dtype=np.float32), posinf=0.0, neginf=0.0)
    peak = float(np.abs(np.nan_to_num(whole, posinf=0.0, neginf=0.0)).max(initial=0.0))
    scaled = np.clip(finite / (peak or 1.0), -1, 1) * 127 + 128
    return {"peak": peak, "cells": b64encode(np.rint(scaled).astype(np.uint8).tobytes()).decode()}


def _number(value: float) -> float | str:
    """A number, or its name where JSON has none."""
    return float(value) if np.isfinite(value) else str(float(value))


def plane(name: str, array: Array, index: Sequence[int]) -> PageJson:
    """The whole map that one number lies on, in float32, for a closer look.

    Args:
        index: of the number in the array.
    """
    if array.ndim < 2 or all(size == 1 for size in array.shape[1:]):
        found, lead, tail = array.reshape(1, -1), [], [0] * max(array.ndim - 1, 0)
        at = [0, index[0] if index else 0]
    else:
        lead, tail, at = list(index[:-2]), [], list(index[-2:])
        found = array[tuple(lead)]
    whole = np.ascontiguousarray(found, dtype=np.float32)
    finite = np.abs(array[np.isfinite(array)])
    return {
        "name": name,
        "lead": lead,
        "tail": tail,
        "flat": len(found) == 1 and not lead,
        "bare": array.ndim == 0,
        "shape": list(whole.shape),
        "at": at,
        "peak": float(finite.max(initial=0.0)),
        "numbers": b64encode(whole.tobytes()).decode(),
    }


def reads(graph: Graph, node: Node) -> list[PageJson]:
    """What one unit of a node sees of each of its inputs: windows, its own position, or all."""
    if node.operator.is_input:
        return []
    fields = node.operator.fields(*graph.input_specs(node))
    return [
        {"from": name, **_reach(field)} for name, field in zip(node.inputs, fields, strict=True)
    ]


def _reach(field: object) -> Mapping[str, Any]:
    if field is Reach.POINT:
        return {"point": True}
    if isinstance(field, tuple) and all(isinstance(each, Window) for each in field):
        return {"windows": [[w.kernel, w.stride, w.dilation, w.before] for w in field]}
    return {"all": True}
