"""GRU: a state that two gates protect; one forgets it, one keeps it as it is.

    r[u,t] = σ(Σ_f weight_ih[u,f] · x[f,t] + bias_ih[u] + Σ_v weight_hh[u,v] · h[v,t-1]
               + bias_hh[u])
    z[u,t] = σ(the same with the second rows of the weights)
    n[u,t] = tanh(the same with the third rows, the state reset by r)
    h[u,t] = (1 - z[u,t]) · n[u,t] + z[u,t] · h[u,t-1]

r is the reset gate, z the update gate, n the candidate. The reset gate comes

* reset=after the product, as PyTorch and cuDNN have it: r[u,t] · (Σ_v weight_hh[u,v] · h[v,t-1] +
  bias_hh[u]);
* reset=before it, as in the paper: Σ_v weight_hh[u,v] · r[v,t] · h[v,t-1] + bias_hh[u].

The gradient, with e[u,t] from the output and from the next step:

* ∂L/∂n = e · (1 - z), ∂L/∂z = e · (h[·,t-1] - n);
* by the sums ∂L/∂s_n = ∂L/∂n · (1 - n²), ∂L/∂s_z = ∂L/∂z · z · (1 - z), and r as z;
* ∂L/∂r[u] = ∂L/∂s_n[u] · (Σ_v weight_hh[u,v] · h[v,t-1] + bias_hh[u]) after, and
  Σ_w ∂L/∂s_n[w] · weight_hh[w,u] · h[u,t-1] before the product;
* ∂L/∂h[u,t-1] = e[u] · z[u] + what the three sums hand back through weight_hh. Where z is near 1 an
  error passes e · z as it is: that is why a GRU remembers;
* a weight's gradient is the sum over all steps of its sum's gradient times what it multiplies.

Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
Machine Translation", EMNLP 2014, arXiv:1406.1078, equations 5-8 (their z is 1 - z of the text).

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight_ih_l0": np.array([[0.0], [0.0], [1.0]]), "weight_hh_l0": np.zeros((3, 1))}
>>> x = np.array([[[1.0, 0.0]]])
>>> GRU(1, bias=False).forward(Call((x,), weights)).round(6).tolist()  # z is 1/2
[[[0.380797, 0.190399]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array
from striate.ops.recurrent.recurrence import Recurrence, Values
from striate.ops.recurrent.relations import Read, RelationTable


@final
@dataclass(frozen=True)
class GRU(Recurrence):
    """A layer of gated recurrent units. Shapes and settings as `Recurrence`.

    Args:
        reset: whether the reset gate multiplies the state before or after its product with the
            weights.
    """

    label: ClassVar[str] = "gru"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")
    beside: ClassVar[int] = 8

    reset: Literal["after", "before"] = "after"

    @property
    def table(self) -> RelationTable:
        gate = Read("reset", "ut" if self.reset == "after" else "kt")
        return {
            "reset_sum": self.summed(),
            "reset": ((Read("reset_sum", "ut", "sigmoid"),),),
            "update_sum": self.summed(),
            "update": ((Read("update_sum", "ut", "sigmoid"),),),
            "candidate_sum": self.summed(gated=(gate,)),
            "candidate": ((Read("candidate_sum", "ut", "tanh"),),),
            "hidden": (
                (Read("update", "ut", "1-"), Read("candidate", "ut")),
                (Read("update", "ut"), Read("hidden", "up")),
            ),
        }

    @property
    def composed(self) -> bool:
        return self.reset == "before"

    def held(self, steps: int) -> int:
        return (6 if self.composed else 7) * steps

    def step(self, weights: Values, entering: Array, before: Values) -> Values:
        h = before["hidden"]
        reset_sum, update_sum, candidate_sum = np.split(entering, 3, axis=1)
        by_reset, by_update, by_candidate = np.split(weights["weight_hh"], 3)
        bias = np.split(weights["bias_hh"], 3) if self.bias else [np.zeros_like(h[0])] * 3
        reset_sum = reset_sum + h @ by_reset.T + bias[0]
        update_sum = update_sum + h @ by_update.T + bias[1]
        r, z = logistic(reset_sum), logistic(update_sum)
        if self.reset == "after":
            candidate_sum = candidate_sum + r * (h @ by_candidate.T + bias[2])
        else:
            candidate_sum = candidate_sum + (r * h) @ by_candidate.T + bias[2]
        n = np.tanh(candidate_sum)
        return {
            "reset_sum": reset_sum,
            "reset": r,
            "update_sum": update_sum,
            "update": z,
            "candidate_sum": candidate_sum,
            "candidate": n,
            "hidden": (1 - z) * n + z * h,
        }

    def back(
        self, weights: Values, now: Values, before: Values, error: Values
    ) -> tuple[Values, Values, Values]:
        h, e = before["hidden"], error["hidden"]
        r, z, n = now["reset"], now["update"], now["candidate"]
        by_reset, by_update, by_candidate = np.split(weights["weight_hh"], 3)
        candidate, update = e * (1 - z), e * (h - n)
        candidate_sum, update_sum = candidate * (1 - n * n), update * z * (1 - z)
        if self.reset == "after":
            product = h @ by_candidate.T
            product = product + weights["bias_hh"][2 * self.units :] if self.bias else product
            reset, handed = candidate_sum * product, candidate_sum * r
            read, to_state = h, handed @ by_candidate
        else:
            back = candidate_sum @ by_candidate
            reset, handed, read, to_state = back * h, candidate_sum, r * h, back * r
        reset_sum = reset * r * (1 - r)
        sums = (reset_sum, update_sum, handed)
        gradients = {
            "weight_hh": np.concatenate([reset_sum.T @ h, update_sum.T @ h, handed.T @ read])
        }
        if self.bias:
            gradients["bias_hh"] = np.concatenate([each.sum(axis=0) for each in sums])
        slopes = {
            "reset_sum": reset_sum,
            "reset": reset,
            "update_sum": update_sum,
            "update": update,
            "candidate_sum": candidate_sum,
            "candidate": candidate,
            "hidden": e,
        }
        to_state = to_state + e * z + reset_sum @ by_reset + update_sum @ by_update
        return slopes, {"hidden": to_state}, gradients
