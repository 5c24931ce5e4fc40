"""LSTM: a cell that adds up what an input gate lets in and keeps what a forget gate leaves.

    i[u,t] = σ(Σ_f weight_ih[u,f] · x[f,t] + bias_ih[u] + Σ_v weight_hh[u,v] · h[v,t-1]
               + bias_hh[u])
    f, g, o: the same with the second, third and fourth rows of the weights; g by tanh
    c[u,t] = f[u,t] · c[u,t-1] + i[u,t] · g[u,t]
    h[u,t] = o[u,t] · tanh(c[u,t])

i, f and o are the input, forget and output gate, g the candidate, c the cell and h the hidden
state. With `peepholes` the gates see the cell, each unit its own: weight_ci[u] · c[u,t-1] comes to
the sum of i, weight_cf[u] · c[u,t-1] to that of f, weight_co[u] · c[u,t] to that of o.

The gradient, with e[u,t] from the output and from the sums of the next step:

* ∂L/∂o = e · tanh(c), ∂L/∂c[u,t] = e · o · (1 - tanh²(c)) + ∂L/∂c[u,t+1] · f[u,t+1]; with peepholes
  also weight_co · ∂L/∂s_o and, from the next step, weight_ci · ∂L/∂s_i + weight_cf · ∂L/∂s_f;
* ∂L/∂f = ∂L/∂c · c[u,t-1], ∂L/∂i = ∂L/∂c · g, ∂L/∂g = ∂L/∂c · i;
* by the sums times σ' = y · (1 - y), and 1 - g² for g.

From step to step the error of the cell is multiplied by f alone, no weight and no squashing: where
the forget gate is near 1 it arrives unchanged. A weight's gradient is a sum over all steps.

Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; Gers,
Schmidhuber and Cummins, "Learning to Forget", Neural Computation 12(10), 2000; Gers, Schraudolph
and Schmidhuber, "Learning Precise Timing with LSTM Recurrent Networks", JMLR 3, 2002 (peepholes).

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight_ih_l0": np.array([[0.0], [0], [1], [0]]), "weight_hh_l0": np.zeros((4, 1))}
>>> cell = LSTM(1, bias=False).inner_values(Call((np.array([[[1.0, 0.0]]]),), weights))["cell"]
>>> cell.round(6).tolist()  # all gates are 1/2
[[[0.380797, 0.190399]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array
from striate.ops.recurrent.recurrence import Recurrence, Values
from striate.ops.recurrent.relations import Read, RelationProduct, RelationTable

WORKSPACE = 7400
"""Numbers that oneDNN keeps beside what grows with the sequence; that is 17 numbers at most of each
unit and step, laid out as it likes."""

PEEPHOLES = ("weight_ci", "weight_cf", "weight_co")


@final
@dataclass(frozen=True)
class LSTM(Recurrence):
    """A layer of long short-term memory. Shapes and settings as `Recurrence`.

    Args:
        peepholes: whether the gates see the cell.
    """

    label: ClassVar[str] = "lstm"
    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    gates: ClassVar[tuple[str, ...]] = ("input_gate", "forget_gate", "candidate", "output_gate")
    states: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    beside: ClassVar[int] = 9

    peepholes: bool = False

    @property
    def diagonals(self) -> tuple[str, ...]:
        return PEEPHOLES if self.peepholes else ()

    @property
    def table(self) -> RelationTable:
        def peep(weight: str, at: str) -> tuple[RelationProduct, ...]:
            product = (Read(f"{weight}_l0", "u"), Read("cell", at))
            return (product,) if self.peepholes else ()

        return {
            "input_gate_sum": self.summed(*peep("weight_ci", "up")),
            "input_gate": ((Read("input_gate_sum", "ut", "sigmoid"),),),
            "forget_gate_sum": self.summed(*peep("weight_cf", "up")),
            "forget_gate": ((Read("forget_gate_sum", "ut", "sigmoid"),),),
            "candidate_sum": self.summed(),
            "candidate": ((Read("candidate_sum", "ut", "tanh"),),),
            "cell": (
                (Read("forget_gate", "ut"), Read("cell", "up")),
                (Read("input_gate", "ut"), Read("candidate", "ut")),
            ),
            "output_gate_sum": self.summed(*peep("weight_co", "ut")),
            "output_gate": ((Read("output_gate_sum", "ut", "sigmoid"),),),
            "hidden": ((Read("output_gate", "ut"), Read("cell", "ut", "tanh")),),
        }

    @property
    def composed(self) -> bool:
        return self.peepholes

    def held(self, steps: int) -> int:
        return (7 if self.composed else 17) * steps

    @property
    def workspace(self) -> int:
        return 0 if self.composed else WORKSPACE

    def step(self, weights: Values, entering: Array, before: Values) -> Values:
        total = entering + before["hidden"] @ weights["weight_hh"].T
        total = total + weights["bias_hh"] if self.bias else total
        sums = dict(zip(self.gates, np.split(total, 4, axis=1), strict=True))
        for name, weight in zip(self.gates, self.diagonals[:2], strict=False):
            sums[name] = sums[name] + weights[weight] * before["cell"]
        i, f = logistic(sums["input_gate"]), logistic(sums["forget_gate"])
        g = np.tanh(sums["candidate"])
        c = f * before["cell"] + i * g
        if self.peepholes:
            sums["output_gate"] = sums["output_gate"] + weights["weight_co"] * c
        o = logistic(sums["output_gate"])
        found = {f"{name}_sum": each for name, each in sums.items()}
        found |= dict(zip(self.gates, (i, f, g, o), strict=True))
        return found | {"cell": c, "hidden": o * np.tanh(c)}

    def back(
        self, weights: Values, now: Values, before: Values, error: Values
    ) -> tuple[Values, Values, Values]:
        i, f, g, o = (now[gate] for gate in self.gates)
        e, h, tanh_c = error["hidden"], before["hidden"], np.tanh(now["cell"])
        slopes = {"output_gate": e * tanh_c, "hidden": e}
        slopes["output_gate_sum"] = slopes["output_gate"] * o * (1 - o)
        c = error["cell"] + e * o * (1 - tanh_c**2)
        if self.peepholes:
            c = c + slopes["output_gate_sum"] * weights["weight_co"]
        slopes |= {"cell": c, "input_gate": c * g, "candidate": c * i}
        slopes["forget_gate"] = c * before["cell"]
        slopes["input_gate_sum"] = slopes["input_gate"] * i * (1 - i)
        slopes["forget_gate_sum"] = slopes["forget_gate"] * f * (1 - f)
        slopes["candidate_sum"] = slopes["candidate"] * (1 - g * g)
        sums = np.concatenate([slopes[f"{gate}_sum"] for gate in self.gates], axis=1)
        gradients, cell = {"weight_hh": sums.T @ h}, c * f
        if self.bias:
            gradients["bias_hh"] = sums.sum(axis=0)
        seen = (before["cell"], before["cell"], now["cell"])
        gates = ("input_gate", "forget_gate", "output_gate")
        for name, gate, value in zip(self.diagonals, gates, seen, strict=False):
            gradients[name] = (slopes[f"{gate}_sum"] * value).sum(axis=0)
        for name, gate in zip(self.diagonals[:2], gates, strict=False):
            cell = cell + slopes[f"{gate}_sum"] * weights[name]
        return slopes, {"hidden": sums @ weights["weight_hh"], "cell": cell}, gradients
