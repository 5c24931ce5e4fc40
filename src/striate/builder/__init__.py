"""Networks as Python: the operators of the notation, joined by >>, repeated by *.

    net = Input(1, 28, 28) >> (Conv(32, 5, padding="same") >> ReLU() >> MaxPool(2)) * 2 >> Dense(10)
    graph = net.graph()

    A >> B                      in series
    (A >> B) * 3                three times in series
    Add(A >> B, Pass())         branches from one value, then a merge
    Auxiliary(A >> B, 0.3)      a side exit whose loss counts 0.3; the series goes on from before it
    Conv(16, 5).named("C3")     a name for a node
    At("C3") >> A               a branch that starts from an earlier node

A part holds settings and no weights: a variable that is used twice stands for two nodes with the
same settings and weights of their own.
"""

from __future__ import annotations

from striate import ops
from striate.builder.makers import merge_part, operator_part, step
from striate.builder.parts import At, Auxiliary, Part, Pass

__all__ = [
    "CTC",
    "ELU",
    "GELU",
    "RBF",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Add",
    "At",
    "Auxiliary",
    "AveragePool",
    "BatchNorm",
    "Concat",
    "Conv",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "Divide",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "Hinge",
    "HistogramPool",
    "Input",
    "L2Pool",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "LogLoss",
    "MapLoss",
    "MaxPool",
    "Maxout",
    "Multiply",
    "NoisyReLU",
    "PReLU",
    "Part",
    "Pass",
    "ReLU",
    "ReLU6",
    "ScaledTanh",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Sine",
    "Softmax",
    "SquaredError",
    "StochasticPool",
    "Subsample",
    "Tanh",
    "TransposedConv",
]


def Input(*size: int) -> Part:  # noqa: N802 - it stands among the operators
    """The entrance of a network: channels, height, width; channels, length; or features."""
    return step(ops.Input, (size,), {})


Conv = operator_part(ops.Conv)
Dense = operator_part(ops.Dense)
Flatten = operator_part(ops.Flatten)
MaxPool = operator_part(ops.MaxPool)
AveragePool = operator_part(ops.AveragePool)
GlobalAveragePool = operator_part(ops.GlobalAveragePool)
AdaptiveAveragePool = operator_part(ops.AdaptiveAveragePool)
AdaptiveMaxPool = operator_part(ops.AdaptiveMaxPool)
L2Pool = operator_part(ops.L2Pool)
HistogramPool = operator_part(ops.HistogramPool)
StochasticPool = operator_part(ops.StochasticPool)
Subsample = operator_part(ops.Subsample)
ReLU = operator_part(ops.ReLU)
ReLU6 = operator_part(ops.ReLU6)
LeakyReLU = operator_part(ops.LeakyReLU)
PReLU = operator_part(ops.PReLU)
NoisyReLU = operator_part(ops.NoisyReLU)
ELU = operator_part(ops.ELU)
GELU = operator_part(ops.GELU)
SiLU = operator_part(ops.SiLU)
HardSigmoid = operator_part(ops.HardSigmoid)
HardSwish = operator_part(ops.HardSwish)
Maxout = operator_part(ops.Maxout)
Sigmoid = operator_part(ops.Sigmoid)
Tanh = operator_part(ops.Tanh)
ScaledTanh = operator_part(ops.ScaledTanh)
Sine = operator_part(ops.Sine)
Cosine = operator_part(ops.Cosine)
Softmax = operator_part(ops.Softmax)
RBF = operator_part(ops.RBF)
BatchNorm = operator_part(ops.BatchNorm)
LocalResponseNorm = operator_part(ops.LocalResponseNorm)
LayerNorm = operator_part(ops.LayerNorm)
GroupNorm = operator_part(ops.GroupNorm)
Dropout = operator_part(ops.Dropout)
Add = merge_part(ops.Add)
Concat = merge_part(ops.Concat)
Multiply = merge_part(ops.Multiply)
Divide = merge_part(ops.Divide)
CrossEntropy = operator_part(ops.CrossEntropy)
LogLoss = operator_part(ops.LogLoss)
SquaredError = operator_part(ops.SquaredError)
MapLoss = operator_part(ops.MapLoss)
Hinge = operator_part(ops.Hinge)
CTC = operator_part(ops.CTC)
SigmoidCrossEntropy = operator_part(ops.SigmoidCrossEntropy)
TransposedConv = operator_part(ops.TransposedConv)
