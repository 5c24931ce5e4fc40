"""The table of contents: what operators mean, one file each, NumPy only."""

from __future__ import annotations

from striate.graph import Operator
from striate.ops.activation.relu import ReLU
from striate.ops.convolution.conv import Conv
from striate.ops.convolution.dense import Dense
from striate.ops.loss.cross_entropy import CrossEntropy
from striate.ops.pooling.max_pool import MaxPool
from striate.ops.shaping.flatten import Flatten
from striate.ops.shaping.input import Input

OPERATORS: tuple[type[Operator], ...] = (
    Input,
    Conv,
    Dense,
    Flatten,
    MaxPool,
    ReLU,
    CrossEntropy,
)
"""Every operator. The contract's promises are tested on each."""

__all__ = [
    "OPERATORS",
    "Conv",
    "CrossEntropy",
    "Dense",
    "Flatten",
    "Input",
    "MaxPool",
    "ReLU",
]
