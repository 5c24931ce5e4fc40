"""BN: each channel is brought to mean 0 and variance 1, then scaled and shifted as learned.

    y = weight[c] · x̂ + bias[c]        x̂ = (x - μ[c]) / √(v[c] + ε)

While training, μ and v are the mean and the (biased) variance of the channel over the m cells
of the batch, all pictures and all positions; running_mean and running_var follow them by
running = (1 - momentum) · running + momentum · new, the new variance divided by m - 1. Without
training the running values stand for μ and v, and BN is one multiplication and one addition.

The gradient, from the error e and with s = 1 / √(v + ε):

* ∂L/∂weight[c] = Σ e · x̂ and ∂L/∂bias[c] = Σ e, over the batch and all positions.
* Without training: ∂L/∂x = e · weight[c] · s.
* While training every cell moves the mean and the variance of its channel, hence all outputs:
  ∂y_j/∂x_i = weight[c] · s · ([i = j] - 1/m - x̂_i · x̂_j / m), which sums up to
  ∂L/∂x_i = weight[c] · s · (e_i - mean(e) - x̂_i · mean(e · x̂)).

Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, arXiv:1502.03167, algorithm 1 and
the chain rule of section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([2.0]), "bias": np.array([1.0])}
>>> x = np.array([[1.0], [3.0], [5.0], [7.0]])
>>> BatchNorm(epsilon=4.0).forward(Call((x,), weights, training=True))[:, 0].tolist()
[-1.0, 0.33333333333333337, 1.6666666666666665, 3.0]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, final

import numpy as np

from striate.errors import SettingError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array


class _Normalized(NamedTuple):
    """x̂, with the mean and s = 1/√(v + ε) of each channel, shaped to meet x."""

    x_hat: Array
    mean: Array
    scale: Array


@final
@dataclass(frozen=True)
class BatchNorm(Operator):
    """Batch normalization of units or of channels.

    Args:
        epsilon: added to the variance, so that nothing is divided by zero.
        momentum: the share of the newest batch in the running statistics.
        affine: whether a weight and a bias are learned for each channel; else they are 1 and 0.

    Shape: any, unchanged; weight and bias, running_mean and running_var (channels,).
    """

    label: ClassVar[str] = "bn"
    normalizes: ClassVar[bool] = True

    epsilon: float = 1e-5
    momentum: float = 0.1
    affine: bool = True

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise SettingError(f"epsilon is {self.epsilon}", remedy="It is above 0: 1e-5.")
        if not 0 <= self.momentum <= 1:
            raise SettingError(
                f"momentum is {self.momentum}",
                remedy="It is the share of the newest batch: from 0 to 1.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        shape = (inputs[0].channels,)
        roles = {"weight": "gain", "bias": "bias"} if self.affine else {}
        roles |= {"running_mean": "statistic", "running_var": "statistic_one"}
        return {name: Weight(shape, 1, 1, role) for name, role in roles.items()}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=2 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, batch=2 * NUMBER * inputs[0].channels)

    def forward(self, call: Call) -> Array:
        x_hat = self._normalized(call).x_hat
        if not self.affine:
            return x_hat
        return x_hat * _wide(call.weights["weight"], x_hat) + _wide(call.weights["bias"], x_hat)

    def backward(self, call: Call, error: Array) -> Gradients:
        x_hat, _, scale = self._normalized(call)
        axes = _all_but_channels(error)
        gradients = {}
        if self.affine:
            gradients = {"weight": (error * x_hat).sum(axis=axes), "bias": error.sum(axis=axes)}
            scale = scale * _wide(call.weights["weight"], error)
        if call.training:
            follows_mean = error.mean(axis=axes, keepdims=True)
            follows_variance = x_hat * (error * x_hat).mean(axis=axes, keepdims=True)
            error = error - follows_mean - follows_variance
        return Gradients((error * scale,), gradients)

    def update(self, call: Call) -> Mapping[str, Array]:
        """The running statistics after a training call: the variance is the unbiased one."""
        axes = _all_but_channels(call.x)
        seen = {
            "running_mean": call.x.mean(axis=axes),
            "running_var": call.x.var(axis=axes, ddof=1),
        }
        keep = 1 - self.momentum
        return {n: keep * call.weights[n] + self.momentum * new for n, new in seen.items()}

    def terms(self, call: Call, index: Index) -> list[Term]:
        c = index[1]
        (x_hat,) = self._x_hat(call, [index])
        if not self.affine:
            return [Term(x_hat)]
        factors = (_weight_of(call, "weight", c), *x_hat)
        return [Term(factors), Term((_weight_of(call, "bias", c),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        """Statistics are counted, not learned: they have no uses."""
        if ref.source == "bias":
            one = (Factor(1.0, "1"),)
            return [Use(cell, one) for cell in _cells_of(ref.index[0], call.x)]
        if ref.source == "weight":
            cells = _cells_of(ref.index[0], call.x)
            return [Use(*pair) for pair in zip(cells, self._x_hat(call, cells), strict=True)]
        if isinstance(ref.source, str):
            return []
        return self._uses_of_x(call, ref)

    def _uses_of_x(self, call: Call, ref: Ref) -> list[Use]:
        c = ref.index[1]
        ((_, scale),) = self._x_hat(call, [ref.index])
        slope = (_weight_of(call, "weight", c), scale) if self.affine else (scale,)
        if not call.training:
            return [Use(ref.index, slope)]
        cells = _cells_of(c, call.x)
        x_hat = self._normalized(_of_channel(call, c)).x_hat.ravel().tolist()
        m, own = len(cells), x_hat[cells.index(ref.index)]
        found = []
        for cell, other in zip(cells, x_hat, strict=True):
            moved = float(cell == ref.index) - 1 / m - own * other / m
            label = f"({int(cell == ref.index)} - 1/{m} - x̂({{0}}) · x̂({{1}}) / {m})"
            found.append(Use(cell, (*slope, Factor(moved, label, (ref, Ref(0, cell))))))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        c, place = index[0], ",".join(map(str, index))
        found = f"({{0}}[{place}] - mean[{c}]) / √(variance[{c}] + {self.epsilon:g})"
        return f"weight[{c}] · {found} + bias[{c}]" if self.affine else found

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        c = ref.index[0]
        places = ",".join((str(c), *"ijkl"[: inputs[0].rank - 1]))
        if ref.source == "bias":
            return f"Σ {{self}}[{places}].grad"
        if ref.source == "weight":
            return f"Σ {{self}}[{places}].grad · x̂[{places}]"
        gain = f"{{self}}.weight[{c}]" if self.affine else "1"
        slope = f"{gain} / √(variance[{c}] + {self.epsilon:g})"
        own = f"{{self}}[{','.join(map(str, ref.index))}].grad"
        return f"{slope} · ({own}, less its mean and x̂ · mean(grad · x̂) while training)"

    def _normalized(self, call: Call) -> _Normalized:
        if call.training:
            axes = _all_but_channels(call.x)
            if call.x.size <= call.x.shape[1]:
                raise SettingError(
                    "batch normalization of one number per channel gives nothing but zeros",
                    remedy="Train with a batch of 2 or more.",
                )
            mean = call.x.mean(axis=axes, keepdims=True)
            variance = call.x.var(axis=axes, keepdims=True)
        else:
            mean = _wide(call.weights["running_mean"], call.x)
            variance = _wide(call.weights["running_var"], call.x)
        scale = 1 / np.sqrt(variance + self.epsilon)
        return _Normalized((call.x - mean) * scale, mean, scale)

    def _x_hat(self, call: Call, cells: list[Index]) -> list[tuple[Factor, Factor]]:
        """x̂ of cells of one channel as two factors: what is left of the mean, 1/√(variance + ε)."""
        c = cells[0][1]
        _, mean, scale = self._normalized(_of_channel(call, c))
        label = f"({{0}} - batch mean[{c}])" if call.training else "({0} - {1})"
        more = () if call.training else (Ref("running_mean", (c,)),)
        inverse = Factor(scale.item(), f"1/√(batch variance[{c}] + {self.epsilon:g})")
        if not call.training:
            refs = (Ref("running_var", (c,)),)
            inverse = Factor(scale.item(), f"1/√({{0}} + {self.epsilon:g})", refs)
        return [
            (Factor((call.x[cell] - mean).item(), label, (Ref(0, cell), *more)), inverse)
            for cell in cells
        ]


def _of_channel(call: Call, channel: int) -> Call:
    """The same call, as if there was one channel only."""
    weights = {name: weight[channel : channel + 1] for name, weight in call.weights.items()}
    return replace(call, inputs=(call.x[:, channel : channel + 1],), weights=weights, output=None)


def _all_but_channels(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _wide(per_channel: Array, x: Array) -> Array:
    """One number per channel, shaped so that it meets the channels of `x`."""
    return per_channel.reshape(1, -1, *[1] * (x.ndim - 2))


def _weight_of(call: Call, name: str, channel: int) -> Factor:
    return Factor(call.weights[name][channel].item(), refs=(Ref(name, (channel,)),))


def _cells_of(channel: int, x: Array) -> list[Index]:
    return [(n, channel, *place) for n, *place in np.ndindex(len(x), *x.shape[2:])]
