"""Recurrent layers as ONNX nodes, which read steps x pictures x features and order gates anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from striate import ops
from striate.exchange.onnx_gates import GATES, PEEPHOLES
from striate.exchange.onnx_out.place import NodeWriter, WriterRow
from striate.graph import Operator
from striate.ops.arrays import Array
from striate.ops.recurrent.recurrence import Recurrence


def _recurrent(layer: Recurrence, at: NodeWriter, kind: str, **settings: Any) -> str:
    ways, (_, steps) = len(layer.directions), at.spec.shape
    weights = [_stacked(layer, at, f"weight_{name}", kind) for name in ("ih", "hh")]
    biases = [_stacked(layer, at, f"bias_{name}", kind) for name in ("ih", "hh") if layer.bias]
    bias = at.constant(np.concatenate(biases, axis=1)) if biases else ""
    inputs = [at.put("Transpose", at.x, perm=[2, 0, 1]), *map(at.constant, weights), bias, ""]
    given = [_state(layer, at, value) for value in at.values[1:]]
    if layer.diagonals:
        given += [""] * (2 - len(given)) + [at.constant(_diagonals(layer, at))]
    put = at.put_second if layer.last else at.put
    value = put(
        kind,
        *inputs,
        *given,
        hidden_size=layer.units,
        direction="bidirectional" if layer.bidirectional else "forward",
        **settings,
    )
    width = layer.units * ways
    if layer.last:
        apart = at.put("Transpose", value, perm=[1, 0, 2])
        return at.put("Reshape", apart, at.whole(0, width))
    apart = at.put("Transpose", value, perm=[2, 1, 3, 0])
    return at.put("Reshape", apart, at.whole(0, width, steps))


def _ends(layer: Recurrence) -> Sequence[str]:
    return ["_l0_reverse" if reverse else "_l0" for reverse in layer.directions]


def _stacked(layer: Recurrence, at: NodeWriter, name: str, kind: str) -> Array:
    """A weight of each direction, its gates in ONNX's order."""
    order = [layer.gates.index(gate) for gate in GATES[kind]]
    found = []
    for end in _ends(layer):
        rows = np.split(at.weights[name + end], len(order))
        found.append(np.concatenate([rows[k] for k in order]))
    return np.stack(found)


def _diagonals(layer: Recurrence, at: NodeWriter) -> Array:
    rows = [[at.weights[name + end] for name in PEEPHOLES] for end in _ends(layer)]
    return np.stack([np.concatenate(each) for each in rows])


def _state(layer: Recurrence, at: NodeWriter, value: str) -> str:
    """An initial state, directions first."""
    apart = at.put("Reshape", value, at.whole(0, len(layer.directions), layer.units))
    return at.put("Transpose", apart, perm=[1, 0, 2])


def _rnn(rnn: ops.RNN, at: NodeWriter) -> str:
    functions = [rnn.nonlinearity.capitalize()] * len(rnn.directions)
    return _recurrent(rnn, at, "RNN", activations=functions)


def _gru(gru: ops.GRU, at: NodeWriter) -> str:
    return _recurrent(gru, at, "GRU", linear_before_reset=int(gru.reset == "after"))


ROWS: Mapping[type[Operator], WriterRow] = {
    ops.RNN: _rnn,
    ops.GRU: _gru,
    ops.LSTM: lambda lstm, at: _recurrent(lstm, at, "LSTM"),
}
