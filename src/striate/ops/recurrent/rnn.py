"""RNN: at each step the features and the state before it make the next state.

    s[u,t] = Σ_f weight_ih[u,f] · x[f,t] + bias_ih[u] + Σ_v weight_hh[u,v] · h[v,t-1] + bias_hh[u]
    h[u,t] = f(s[u,t])                         f = tanh, or relu, or sigmoid

The output is the state h of every step. It starts from zeros, or from a second input.

The gradient, with e[u,t] from the output. A state goes into its output and into the sums of the
next step, so that errors flow back through time, step by step:

* ∂L/∂h[u,t] = e[u,t] + Σ_v ∂L/∂s[v,t+1] · weight_hh[v,u];
* ∂L/∂s[u,t] = ∂L/∂h[u,t] · f'(s[u,t]);
* ∂L/∂weight_hh[u,v] = Σ_t ∂L/∂s[u,t] · h[v,t-1], ∂L/∂weight_ih[u,f] = Σ_t ∂L/∂s[u,t] · x[f,t];
* ∂L/∂bias[u] = Σ_t ∂L/∂s[u,t], for both; ∂L/∂x[f,t] = Σ_u ∂L/∂s[u,t] · weight_ih[u,f].

From step t to step 1 an error is multiplied t - 1 times by weight_hh and by f': it vanishes or
explodes, which is what GRU and LSTM were made for.

Source: Elman, "Finding Structure in Time", Cognitive Science 14, 1990; Werbos, "Backpropagation
Through Time: What It Does and How to Do It", Proceedings of the IEEE 78(10), 1990; Bengio, Simard
and Frasconi, "Learning Long-Term Dependencies with Gradient Descent is Difficult", IEEE
Transactions on Neural Networks 5(2), 1994.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight_ih_l0": np.array([[1.0]]), "weight_hh_l0": np.array([[0.5]])}
>>> x = np.array([[[1.0, 2.0, -9.0]]])
>>> RNN(1, nonlinearity="relu", bias=False).forward(Call((x,), weights)).tolist()
[[[1.0, 2.5, 0.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from striate.ops.arrays import Array
from striate.ops.recurrent.recurrence import Recurrence, Values
from striate.ops.recurrent.relations import FUNCTIONS, Read, RelationTable


@final
@dataclass(frozen=True)
class RNN(Recurrence):
    """A plain recurrent layer. Shapes and settings as `Recurrence`.

    Args:
        nonlinearity: the function of the sum.
    """

    label: ClassVar[str] = "rnn"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    gates: ClassVar[tuple[str, ...]] = ("hidden",)
    beside: ClassVar[int] = 1

    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"

    @property
    def table(self) -> RelationTable:
        return {
            "hidden_sum": self.summed(),
            "hidden": ((Read("hidden_sum", "ut", self.nonlinearity),),),
        }

    @property
    def composed(self) -> bool:
        return self.nonlinearity == "sigmoid"

    def held(self, steps: int) -> int:
        return steps + 1

    def step(self, weights: Values, entering: Array, before: Values) -> Values:
        total = entering + before["hidden"] @ weights["weight_hh"].T
        total = total + weights["bias_hh"] if self.bias else total
        return {"hidden_sum": total, "hidden": FUNCTIONS[self.nonlinearity].value(total)}

    def back(
        self, weights: Values, now: Values, before: Values, error: Values
    ) -> tuple[Values, Values, Values]:
        total = error["hidden"] * FUNCTIONS[self.nonlinearity].slope(now["hidden_sum"])
        slopes = {"hidden": error["hidden"], "hidden_sum": total}
        gradients = {"weight_hh": total.T @ before["hidden"]}
        if self.bias:
            gradients["bias_hh"] = total.sum(axis=0)
        return slopes, {"hidden": total @ weights["weight_hh"]}, gradients
