"""LOGSIGMOID: the logarithm of the logistic function, which overflows nowhere.

    y = log σ(x) = -log(1 + exp(-x))        y' = σ(-x)

Source: Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal Statistical
Society B 20, 1958 (the log-likelihood of a logistic model).

>>> import numpy as np
>>> LogSigmoid().function(np.array([-1000.0, 0.0])).round(6).tolist()
[-1000.0, -0.693147]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.graph.saves import NUMBER
from striate.ops.activation.elementwise import Elementwise
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class LogSigmoid(Elementwise):
    """The logarithm of the logistic function. Shape: any, unchanged."""

    label: ClassVar[str] = "logsigmoid"
    symbol: ClassVar[str] = "logσ"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(inputs=True, each=NUMBER)

    def function(self, x: Array) -> Array:
        return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))

    def derivative(self, x: Array) -> Array:
        return logistic(-x)
