"""Recurrent layers over features x steps: PyTorch's own, and the cells that PyTorch lacks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, unless
from striate.pytorch.recipe import ModuleRecipe


class StepsRNN(nn.RNN):
    """`nn.RNN` over features x steps; behind them may come the initial state.

    With `last` the final state of each direction leaves, not that of every step.
    """

    def __init__(
        self, features: int, units: int, last: bool = False, **settings: bool | str
    ) -> None:
        super().__init__(features, units, **settings)
        self.last = last

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:  # type: ignore[override]
        if hidden is not None:
            hidden = hidden.reshape(len(x), -1, self.hidden_size).transpose(0, 1).contiguous()
        y, final = super().forward(x.permute(2, 0, 1), hidden)
        return final.transpose(0, 1).flatten(1) if self.last else y.permute(1, 2, 0)


class StepsGRU(nn.GRU):
    """`nn.GRU` over features x steps; behind them may come the initial state.

    With `last` the final state of each direction leaves, not that of every step.
    """

    def __init__(self, features: int, units: int, last: bool = False, **settings: bool) -> None:
        super().__init__(features, units, **settings)
        self.last = last

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:  # type: ignore[override]
        if hidden is not None:
            hidden = hidden.reshape(len(x), -1, self.hidden_size).transpose(0, 1).contiguous()
        y, final = super().forward(x.permute(2, 0, 1), hidden)
        return final.transpose(0, 1).flatten(1) if self.last else y.permute(1, 2, 0)


class StepsLSTM(nn.LSTM):
    """`nn.LSTM` over features x steps; behind them may come the initial hidden state and cell.

    With `last` the final state of each direction leaves, not that of every step.
    """

    def __init__(self, features: int, units: int, last: bool = False, **settings: bool) -> None:
        super().__init__(features, units, **settings)
        self.last = last

    def forward(  # type: ignore[override]
        self, x: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None
    ) -> Tensor:
        first = None
        if hidden is not None:
            cell = torch.zeros_like(hidden) if cell is None else cell
            apart = (state.reshape(len(x), -1, self.hidden_size) for state in (hidden, cell))
            h, c = (state.transpose(0, 1).contiguous() for state in apart)
            first = h, c
        y, (final, _) = super().forward(x.permute(2, 0, 1), first)
        return final.transpose(0, 1).flatten(1) if self.last else y.permute(1, 2, 0)


class SigmoidRNN(nn.Module):
    """A plain recurrent layer whose state is a sigmoid, over features x steps."""

    def __init__(
        self,
        features: int,
        units: int,
        last: bool = False,
        bias: bool = True,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.units, self.last, self.bias = units, last, bias
        self.ends = ("", "_reverse") if bidirectional else ("",)
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (units, features), "weight_hh": (units, units)}
        shapes |= {"bias_ih": (units,), "bias_hh": (units,)} if bias else {}
        for end in self.ends:
            for name, shape in shapes.items():
                start = torch.empty(shape).uniform_(-(units**-0.5), units**-0.5)
                self.register_parameter(f"{name}_l0{end}", nn.Parameter(start))

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        found = []
        for k, end in enumerate(self.ends):
            weight_ih, weight_hh = (getattr(self, f"weight_{n}_l0{end}") for n in ("ih", "hh"))
            sums = torch.einsum("gf,nft->tng", weight_ih, x)
            if self.bias:
                sums = sums + getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}")
            part = slice(k * self.units, (k + 1) * self.units)
            h = x.new_zeros(len(x), self.units) if hidden is None else hidden[:, part]
            walked = []
            for entering in sums.flip(0) if end else sums:
                h = torch.sigmoid(entering + h @ weight_hh.t())
                walked.append(h)
            found.append(h if self.last else torch.stack(walked[::-1] if end else walked, dim=2))
        return torch.cat(found, dim=1)


class ResetFirstGRU(nn.Module):
    """Gated recurrent units that reset the state before its product, over features x steps."""

    def __init__(
        self,
        features: int,
        units: int,
        last: bool = False,
        bias: bool = True,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.units, self.last, self.bias = units, last, bias
        self.ends = ("", "_reverse") if bidirectional else ("",)
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (3 * units, features), "weight_hh": (3 * units, units)}
        shapes |= {"bias_ih": (3 * units,), "bias_hh": (3 * units,)} if bias else {}
        for end in self.ends:
            for name, shape in shapes.items():
                start = torch.empty(shape).uniform_(-(units**-0.5), units**-0.5)
                self.register_parameter(f"{name}_l0{end}", nn.Parameter(start))

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        found = []
        for k, end in enumerate(self.ends):
            weight_ih, weight_hh = (getattr(self, f"weight_{n}_l0{end}") for n in ("ih", "hh"))
            gates, candidate = weight_hh.split([2 * self.units, self.units])
            sums = torch.einsum("gf,nft->tng", weight_ih, x)
            if self.bias:
                sums = sums + getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}")
            part = slice(k * self.units, (k + 1) * self.units)
            h = x.new_zeros(len(x), self.units) if hidden is None else hidden[:, part]
            walked = []
            for entering in sums.flip(0) if end else sums:
                into_gates, into_candidate = entering.split([2 * self.units, self.units], dim=1)
                r, z = torch.sigmoid(into_gates + h @ gates.t()).chunk(2, dim=1)
                n = torch.tanh(into_candidate + (r * h) @ candidate.t())
                h = (1 - z) * n + z * h
                walked.append(h)
            found.append(h if self.last else torch.stack(walked[::-1] if end else walked, dim=2))
        return torch.cat(found, dim=1)


class PeepholeLSTM(nn.Module):
    """Long short-term memory whose gates see the cell, over features x steps."""

    def __init__(
        self,
        features: int,
        units: int,
        last: bool = False,
        bias: bool = True,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.units, self.last, self.bias = units, last, bias
        self.ends = ("", "_reverse") if bidirectional else ("",)
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (4 * units, features), "weight_hh": (4 * units, units)}
        shapes |= {"bias_ih": (4 * units,), "bias_hh": (4 * units,)} if bias else {}
        shapes |= {"weight_ci": (units,), "weight_cf": (units,), "weight_co": (units,)}
        for end in self.ends:
            for name, shape in shapes.items():
                start = torch.empty(shape).uniform_(-(units**-0.5), units**-0.5)
                self.register_parameter(f"{name}_l0{end}", nn.Parameter(start))

    def forward(self, x: Tensor, *states: Tensor) -> Tensor:
        found = []
        for k, end in enumerate(self.ends):
            weight_ih, weight_hh, ci, cf, co = (
                getattr(self, f"weight_{n}_l0{end}") for n in ("ih", "hh", "ci", "cf", "co")
            )
            sums = torch.einsum("gf,nft->tng", weight_ih, x)
            if self.bias:
                sums = sums + getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}")
            part = slice(k * self.units, (k + 1) * self.units)
            given = [state[:, part] for state in states] + [x.new_zeros(len(x), self.units)] * 2
            h, c = given[:2]
            walked = []
            for entering in sums.flip(0) if end else sums:
                i, f, g, o = (entering + h @ weight_hh.t()).chunk(4, dim=1)
                i, f = torch.sigmoid(i + ci * c), torch.sigmoid(f + cf * c)
                c = f * c + i * torch.tanh(g)
                h = torch.sigmoid(o + co * c) * torch.tanh(c)
                walked.append(h)
            found.append(h if self.last else torch.stack(walked[::-1] if end else walked, dim=2))
        return torch.cat(found, dim=1)


def _recipe(
    kind: type[nn.Module],
    layer: ops.RNN | ops.GRU | ops.LSTM,
    inputs: tuple[Spec, ...],
    **more: str,
) -> ModuleRecipe:
    usual = {"last": False, "bias": True, "bidirectional": False, "nonlinearity": "tanh"}
    own = {"last": layer.last, "bias": layer.bias, "bidirectional": layer.bidirectional}
    return ModuleRecipe(kind, (inputs[0].channels, layer.units), unless(usual, own | more))


def _rnn(rnn: ops.RNN, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    if rnn.nonlinearity == "sigmoid":
        return _recipe(SigmoidRNN, rnn, inputs)
    return _recipe(StepsRNN, rnn, inputs, nonlinearity=rnn.nonlinearity)


def _gru(gru: ops.GRU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return _recipe(StepsGRU if gru.reset == "after" else ResetFirstGRU, gru, inputs)


def _lstm(lstm: ops.LSTM, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return _recipe(PeepholeLSTM if lstm.peepholes else StepsLSTM, lstm, inputs)


ROWS: Mapping[type[Operator], Maker] = {ops.RNN: _rnn, ops.GRU: _gru, ops.LSTM: _lstm}
