"""Recurrent layers: steps x pictures x features, gates in ONNX's order, ends of each direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from striate import ops
from striate.errors import OnnxError
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.step import (
    Flow,
    MixesError,
    NotOurs,
    OnnxNode,
    OnnxRows,
    Outcome,
    Relocated,
)
from striate.exchange.onnx_gates import GATES, PEEPHOLES
from striate.ops.arrays import Array
from striate.ops.recurrent.recurrence import Recurrence

USUAL = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
"""The functions of a direction, where the file names none."""


def _rnn(step: OnnxNode) -> Outcome:
    words = {"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid"}
    given = set(_functions(step))
    word = words.get(given.pop()) if len(given) == 1 else None
    if word is None:
        raise NotOurs("its functions are not those of a cell here")
    return _recurrent(step, ops.RNN, nonlinearity=word)


def _gru(step: OnnxNode) -> Outcome:
    _check_functions(step)
    after = step.get("linear_before_reset", 0)
    return _recurrent(step, ops.GRU, reset="after" if after else "before")


def _lstm(step: OnnxNode) -> Outcome:
    _check_functions(step)
    if step.get("input_forget", 0):
        raise NotOurs("its input gate is its forget gate")
    return _recurrent(step, ops.LSTM, peepholes=step.known(7) is not None)


def _functions(step: OnnxNode) -> tuple[str, ...]:
    ways = 2 if step.get("direction", "forward") == "bidirectional" else 1
    found = step.get("activations", None) or USUAL[step.item.kind] * ways
    return tuple(each.decode() if isinstance(each, bytes) else str(each) for each in found)


def _check_functions(step: OnnxNode) -> None:
    own = USUAL[step.item.kind]
    functions = _functions(step)
    if functions != own * (len(functions) // len(own)):
        raise NotOurs("its functions are not those of a cell here")


def _recurrent(step: OnnxNode, kind: Any, **settings: Any) -> Outcome:
    direction, first = step.get("direction", "forward"), step.get("layout", 0)
    if step.at != (0 if first else 1) or step.spec.rank != 2:
        raise MixesError("it walks over the pictures")
    if step.get("clip", None) is not None:
        raise NotOurs("it cuts off what its gates sum")
    lengths = step.known(4)
    if lengths is not None and (lengths.array != step.spec.shape[0]).any():
        raise NotOurs("its sequences differ in length")
    units = step.needed(2).array.shape[-1]
    layer = kind(
        units,
        bidirectional=direction == "bidirectional",
        last=not step.item.outputs[0],
        bias=step.known(3) is not None,
        **settings,
    )
    x = step.add(ops.Permute((1, 0)))
    x = step.add(ops.Flip(1), x) if direction == "reverse" else x
    y = step.add(layer, x, *_states(step), **_weights(step, layer))
    return _outputs(step, layer, y, reverse=direction == "reverse")


def _weights(step: OnnxNode, layer: Recurrence) -> Mapping[str, Array]:
    """The weights of each direction by PyTorch's names, rows in the order of our gates."""
    gates = GATES[step.item.kind]
    order = [gates.index(gate) for gate in layer.gates]
    given = {"weight_ih": step.needed(1).array, "weight_hh": step.needed(2).array}
    if bias := step.known(3):
        given["bias_ih"], given["bias_hh"] = np.split(bias.array, 2, axis=1)
    found = {}
    for way, end in enumerate(("_l0", "_l0_reverse")[: len(layer.directions)]):
        for name, whole in given.items():
            if len(whole) != len(layer.directions) or whole.shape[1] % len(order):
                raise OnnxError(f"{step.item.title} has {name} of another shape than it needs")
            rows = np.split(whole[way], len(order))
            found[name + end] = np.concatenate([rows[k] for k in order])
        if layer.diagonals:
            parts = np.split(step.needed(7).array[way], 3)
            found |= {name + end: part for name, part in zip(PEEPHOLES, parts, strict=True)}
    return found


def _states(step: OnnxNode) -> list[str]:
    """The initial states; none where they are zeros."""
    given = [each for each in step.inputs[5:7] if each is not None]
    if all(isinstance(each, Known) and not each.array.any() for each in given):
        return []
    if not all(isinstance(each, Flow) for each in given):
        raise NotOurs("its initial state is neither zero nor computed from the picture")
    return [step.add(ops.Flatten(), step.flow(5 + k)) for k in range(len(given))]


def _outputs(step: OnnxNode, layer: Recurrence, y: str, *, reverse: bool) -> Outcome:
    """Every step (steps, directions, units), and the last states (directions, units)."""
    ways, at = len(layer.directions), step.at
    if layer.last:
        return None, Relocated(step.add(ops.Reshape((ways, layer.units)), y), at)
    ends = [_end(step, layer, y, way) for way in range(ways)]
    joined = step.add(ops.Concat(1), *ends) if ways > 1 else ends[0]
    last = step.add(ops.Permute((1, 0)), joined)
    y = step.add(ops.Flip(1), y) if reverse else y
    apart = step.add(ops.Reshape((ways, layer.units, step.spec.shape[0])), y)
    return Relocated(step.add(ops.Permute((2, 0, 1)), apart), 2 * at), Relocated(last, at)


def _end(step: OnnxNode, layer: Recurrence, y: str, way: int) -> str:
    """The state at which a direction ends, as a column."""
    steps = step.spec.shape[0]
    state = step.add(ops.Slice(0, 1, 1) if way else ops.Slice(steps - 1, None, 1), y)
    own = ops.Slice(way * layer.units, (way + 1) * layer.units, 0)
    return step.add(own, state) if len(layer.directions) > 1 else state


ROWS: OnnxRows = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
