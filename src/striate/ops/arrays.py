"""What formulas compute with: arrays, and the weights of a network by node and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

Weights: TypeAlias = Mapping[str, Mapping[str, Array]]
"""node -> weight name -> array."""

OwnWeights: TypeAlias = dict[str, dict[str, Array]]
"""The same, to be filled."""


def silently() -> np.errstate:
    """Infinity, and what is no number, come out as they do from PyTorch: without a warning."""
    return np.errstate(divide="ignore", invalid="ignore", over="ignore")
