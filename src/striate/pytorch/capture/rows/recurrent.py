"""Recurrent layers: a call is a chain of layers; it returns every step, then the last states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from striate import ops
from striate.graph import Operator
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.rows.pooling import checked
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue

RecurrentOperator: TypeAlias = Callable[..., Operator]

NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def _row(kind: RecurrentOperator, **settings: str) -> Callable[[Asked], Sequence[DraftNode]]:
    def row(a: Asked) -> Sequence[DraftNode]:
        turned = a.step(ops.Permute((1, 0)), a.value("input").step)
        layers = _layers(a, kind, settings, turned)
        return a.step(ops.Permute((1, 0)), layers[-1]), _last(a, layers)

    return row


def _layers(
    a: Asked, kind: RecurrentOperator, settings: Mapping[str, str], x: DraftNode
) -> list[DraftNode]:
    """Each layer over features x steps."""
    ways, names = 1 + a["bidirectional"], NAMES[: 4 if a["has_biases"] else 2]
    params = iter(_constants(a["params"]))
    found: list[DraftNode] = []
    for k in range(a["num_layers"]):
        own = {f"{name}{end}": next(params) for end in ("", "_reverse")[:ways] for name in names}
        units = own["weight_hh_l0"].tensor.shape[1]
        layer = kind(units, bidirectional=ways == 2, bias=len(names) == 4, **settings)
        before = found[-1] if found else x
        found.append(a.step(layer, before, *_states(a, k, ways * units), **own))
    if next(params, None) is not None:
        raise Unsuitable
    return found


def _constants(params: Sequence[Any]) -> list[RecordedConstant]:
    if not all(isinstance(each, RecordedConstant) and each.batch is None for each in params):
        raise Unsuitable
    return list(params)


def _states(a: Asked, layer: int, width: int) -> list[DraftNode]:
    """The initial states of a layer: none where all are zeros."""
    given = a["hx"] if isinstance(a["hx"], list) else [a["hx"]]
    if all(isinstance(each, RecordedConstant) and not each.tensor.any() for each in given):
        return []
    if not all(isinstance(each, ModuleValue) for each in given):
        raise Unsuitable
    found = []
    for each in given:
        rows = width // each.own[1]
        part = ops.Slice(layer * rows, (layer + 1) * rows, 0)
        found.append(a.shaped(a.step(part, each.step), (width,)))
    return found


def _last(a: Asked, layers: Sequence[DraftNode]) -> DraftNode:
    """The last hidden state of every layer and direction, each where its walk ends."""
    ends = []
    for layer in layers:
        width, steps = layer.spec.shape
        ways = 1 + a["bidirectional"]
        for way in range(ways):
            step = (0, 1) if way else (steps - 1, steps)
            state = a.step(ops.Slice(*step, 1), layer)
            units = width // ways
            ends.append(a.step(ops.Slice(way * units, (way + 1) * units, 0), state))
    joined = a.step(ops.Concat(1), *ends) if len(ends) > 1 else ends[0]
    return a.step(ops.Permute((1, 0)), joined)


_FOUND = {
    "gru": _row(ops.GRU),
    "lstm": _row(ops.LSTM),
    "rnn_tanh": _row(ops.RNN),
    "rnn_relu": _row(ops.RNN, nonlinearity="relu"),
}

ROWS: Mapping[str, Callable[[Asked], Any]] = {name: checked(row) for name, row in _FOUND.items()}
"""Cells of `PackedSequence`, and what depends on the lengths of sequences, stay as they are."""
