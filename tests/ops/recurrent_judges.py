"""The judges of recurrent layers: PyTorch's functions where they are, else a walk over the steps.

`walked` computes each step by the textbook's equations, with a tensor of its own for every inner
value, so that autograd gives the gradient of each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def recurrent(twin: Any) -> Tensor:
    """By PyTorch's own layer, or by the walk where it has none."""
    special = getattr(twin.operator, "nonlinearity", "") == "sigmoid"
    special |= getattr(twin.operator, "reset", "") == "before"
    if special or getattr(twin.operator, "peepholes", False):
        return walked(twin)[0]
    name = type(twin.operator).__name__.lower()
    name = f"rnn_{twin.operator.nonlinearity}" if name == "rnn" else name
    ends = ("", "_reverse")[: 1 + twin.operator.bidirectional]
    flat = [weight for end in ends for weight in _flat(twin, end)]
    first = [_layers(twin, x) for x in _states(twin)]
    states = first if name == "lstm" else first[0]
    settings = (twin.operator.bias, 1, 0.0, False, twin.operator.bidirectional, False)
    y, final, *_ = getattr(torch, name)(twin.x.permute(2, 0, 1), states, flat, *settings)
    return torch.cat(list(final), dim=1) if twin.operator.last else y.permute(1, 2, 0)


def _flat(twin: Any, end: str) -> list[Tensor]:
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if twin.operator.bias else [])]
    return [twin.weights[f"{name}_l0{end}"] for name in names]


def _states(twin: Any) -> list[Tensor]:
    """The initial states, zeros where none are given."""
    operator = twin.operator
    width = operator.units * (1 + operator.bidirectional)
    nothing = torch.zeros(len(twin.x), width, dtype=twin.x.dtype)
    return [*twin.inputs[1:], nothing, nothing][:2]


def _layers(twin: Any, state: Tensor) -> Tensor:
    return torch.stack(state.split(twin.operator.units, dim=1))


def walked(twin: Any) -> tuple[Tensor, dict[str, list[Tensor]]]:
    """The output, and every inner value step by step."""
    operator, found, outputs = twin.operator, {}, []
    steps = range(twin.x.shape[2])
    for direction, end in enumerate(("", "_reverse")[: 1 + operator.bidirectional]):
        h, c = (x.split(operator.units, dim=1)[direction] for x in _states(twin))
        own: dict[str, dict[int, Tensor]] = {}
        for t in reversed(steps) if end else steps:
            now = CELLS[type(operator).__name__](twin, end, twin.x[:, :, t], h, c)
            h, c = now["hidden"], now.get("cell", c)
            for name, value in now.items():
                own.setdefault(name, {})[t] = value
        hidden = torch.stack([own["hidden"][t] for t in steps], dim=2)
        outputs.append(h if operator.last else hidden)
        found |= {name + end: [each[t] for t in steps] for name, each in own.items()}
    return torch.cat(outputs, dim=1), found


def _rows(twin: Any, kind: str, end: str, gate: int, value: Tensor) -> Tensor:
    """One gate's share of a product with the stacked weights."""
    part = slice(gate * twin.operator.units, (gate + 1) * twin.operator.units)
    bias = twin.weights[f"bias_{kind}_l0{end}"][part] if twin.operator.bias else None
    return F.linear(value, twin.weights[f"weight_{kind}_l0{end}"][part], bias)


def _rnn(twin: Any, end: str, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
    total = _rows(twin, "ih", end, 0, x) + _rows(twin, "hh", end, 0, h)
    return {"hidden_sum": total, "hidden": getattr(torch, twin.operator.nonlinearity)(total)}


def _gru(twin: Any, end: str, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
    sums = [_rows(twin, "ih", end, k, x) + _rows(twin, "hh", end, k, h) for k in (0, 1)]
    r, z = map(torch.sigmoid, sums)
    if twin.operator.reset == "after":
        total = _rows(twin, "ih", end, 2, x) + r * _rows(twin, "hh", end, 2, h)
    else:
        total = _rows(twin, "ih", end, 2, x) + _rows(twin, "hh", end, 2, r * h)
    n = torch.tanh(total)
    hidden = n + z * (h - n)
    found = {"reset_sum": sums[0], "update_sum": sums[1], "candidate_sum": total}
    return found | {"reset": r, "update": z, "candidate": n, "hidden": hidden}


def _lstm(twin: Any, end: str, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
    i, f, g, o = (_rows(twin, "ih", end, k, x) + _rows(twin, "hh", end, k, h) for k in range(4))
    if twin.operator.peepholes:
        i = i + twin.weights[f"weight_ci_l0{end}"] * c
        f = f + twin.weights[f"weight_cf_l0{end}"] * c
    found = {"input_gate_sum": i, "forget_gate_sum": f, "candidate_sum": g}
    i, f, g = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g)
    cell = f * c + i * g
    if twin.operator.peepholes:
        o = o + twin.weights[f"weight_co_l0{end}"] * cell
    found |= {"output_gate_sum": o, "input_gate": i, "forget_gate": f, "candidate": g}
    o = torch.sigmoid(o)
    return found | {"output_gate": o, "cell": cell, "hidden": o * torch.tanh(cell)}


CELLS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
