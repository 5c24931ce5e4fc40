"""NOISYRELU: a rectifier whose input trembles while it learns.

    y = max(0, x + n)        n ~ N(0, σ²), drawn anew for each unit, while training
    y = max(0, x)            otherwise

A unit near its threshold is sometimes on and sometimes off, which tells the layer how sure it is.
σ is one number here; Nair and Hinton let the variance be the logistic function of x.

The gradient takes the side that the noise chose: ∂L/∂x = e · [x + n > 0].

Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML
2010, section 2.1.

>>> import numpy as np
>>> from striate.graph import Call
>>> x, noise = np.array([[-1.0, 1.0, 1.0]]), np.array([[1.5, 0.5, -2.0]])
>>> NoisyReLU().forward(Call((x,), training=True, noise=noise)).tolist()
[[0.5, 1.5, 0.0]]
>>> NoisyReLU().forward(Call((x,))).tolist()
[[0.0, 1.0, 1.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

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
)
from striate.ops import checked
from striate.ops.activation.relu import ReLU
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class NoisyReLU(Operator):
    """The rectified linear unit with Gaussian noise while training.

    Args:
        sigma: standard deviation of the noise, 0 or more.

    Shape: any, unchanged. The noise of a training call is n, already multiplied by sigma.
    """

    label: ClassVar[str] = "noisyrelu"
    is_random: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    bends: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(output=True)

    sigma: float = 1.0

    def __post_init__(self) -> None:
        checked.not_negative("sigma", self.sigma, 1)

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def draw(self, generator: np.random.Generator, *inputs: Array) -> Array:
        (x,) = inputs
        return (self.sigma * generator.standard_normal(x.shape)).astype(x.dtype)

    def evaluated(self) -> ReLU:
        return ReLU()

    def forward(self, call: Call) -> Array:
        return np.maximum(_heard(call), 0)

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error * (_heard(call) > 0),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        value = max(0.0, _heard(call)[index].item())
        noise = f" + noise {_noise(call)[index]:.6g}" if call.training else ""
        return [Term((Factor(value, f"relu({{0}}{noise})", (Ref(0, index),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        passes = bool(_heard(call)[ref.index] > 0)
        label = "1 (above zero, noise included)" if passes else "0 (not above zero)"
        return [Use(ref.index, (Factor(float(passes), label),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"relu({{0}}[{place}]) (while training relu({{0}}[{place}] + noise[{place}]))"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return f"{{self}}[{place}].grad · [{{0}}[{place}] > 0] (while training with its noise)"


def _heard(call: Call) -> Array:
    """The input as the rectifier gets it."""
    return call.x + _noise(call) if call.training else call.x


def _noise(call: Call) -> Array:
    if call.noise is None:
        raise SettingError(
            "the noisy rectifier has no noise",
            remedy="Draw some (operator.draw), or switch training off.",
        )
    return call.noise
