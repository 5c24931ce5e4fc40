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


class WalkedCell(nn.Module):
    """A recurrent layer that PyTorch lacks, over features x steps; its weights are called as there.

    A subclass has `gates`, the names of weights of one number a unit, how many states go from step
    to step, and the step itself, from what enters the gates to the states, that which leaves first.
    """

    gates = 1
    beside: tuple[str, ...] = ()
    states = 1

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
        rows = self.gates * units
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (rows, features), "weight_hh": (rows, units)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
        shapes |= dict.fromkeys(self.beside, (units,))
        for end in self.ends:
            for name, shape in shapes.items():
                start = torch.empty(shape).uniform_(-(units**-0.5), units**-0.5)
                self.register_parameter(f"{name}_l0{end}", nn.Parameter(start))

    def forward(self, x: Tensor, *states: Tensor) -> Tensor:
        found = []
        for k, end in enumerate(self.ends):
            weights = [getattr(self, f"{n}_l0{end}") for n in ("weight_hh", *self.beside)]
            sums = torch.einsum("gf,nft->tng", getattr(self, f"weight_ih_l0{end}"), x)
            if self.bias:
                sums = sums + getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}")
            part = slice(k * self.units, (k + 1) * self.units)
            none = x.new_zeros(len(x), self.units)
            now = [*(state[:, part] for state in states), *[none] * self.states][: self.states]
            walked = []
            for entering in sums.flip(0) if end else sums:
                now = self.step(entering, now, weights)
                walked.append(now[0])
            whole = torch.stack(walked[::-1] if end else walked, dim=2)
            found.append(now[0] if self.last else whole)
        return torch.cat(found, dim=1)

    def step(self, entering: Tensor, now: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """The states behind a step (N, units) each, the one that leaves first."""
        raise NotImplementedError


class SigmoidRNN(WalkedCell):
    """A plain recurrent layer whose state is a sigmoid, over features x steps."""

    def step(self, entering: Tensor, now: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h,), (weight_hh,) = now, weights
        return [torch.sigmoid(entering + h @ weight_hh.t())]


class ResetFirstGRU(WalkedCell):
    """Gated recurrent units that reset the state before its product, over features x steps."""

    gates = 3

    def step(self, entering: Tensor, now: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h,), (weight_hh,) = now, weights
        by_reset, by_update, by_candidate = weight_hh.chunk(3)
        reset, update, candidate = entering.chunk(3, dim=1)
        r, z = torch.sigmoid(reset + h @ by_reset.t()), torch.sigmoid(update + h @ by_update.t())
        n = torch.tanh(candidate + (r * h) @ by_candidate.t())
        return [(1 - z) * n + z * h]


class PeepholeLSTM(WalkedCell):
    """Long short-term memory whose gates see the cell, over features x steps."""

    gates = 4
    beside = ("weight_ci", "weight_cf", "weight_co")
    states = 2

    def step(self, entering: Tensor, now: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        (h, c), (weight_hh, ci, cf, co) = now, weights
        i, f, g, o = (entering + h @ weight_hh.t()).chunk(4, dim=1)
        i, f = torch.sigmoid(i + ci * c), torch.sigmoid(f + cf * c)
        c = f * c + i * torch.tanh(g)
        return [torch.sigmoid(o + co * c) * torch.tanh(c), c]


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
