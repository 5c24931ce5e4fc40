"""The table of contents: what operators mean, one file each, NumPy only."""

from __future__ import annotations

from striate.graph import Operator
from striate.ops.activation.cosine import Cosine
from striate.ops.activation.elu import ELU
from striate.ops.activation.gelu import GELU
from striate.ops.activation.hard_sigmoid import HardSigmoid
from striate.ops.activation.hard_swish import HardSwish
from striate.ops.activation.leaky_relu import LeakyReLU
from striate.ops.activation.maxout import Maxout
from striate.ops.activation.noisy_relu import NoisyReLU
from striate.ops.activation.prelu import PReLU
from striate.ops.activation.relu import ReLU
from striate.ops.activation.relu6 import ReLU6
from striate.ops.activation.scaled_tanh import ScaledTanh
from striate.ops.activation.sigmoid import Sigmoid
from striate.ops.activation.silu import SiLU
from striate.ops.activation.sine import Sine
from striate.ops.activation.softmax import Softmax
from striate.ops.activation.tanh import Tanh
from striate.ops.convolution.conv import Conv
from striate.ops.convolution.dense import Dense
from striate.ops.convolution.transposed_conv import TransposedConv
from striate.ops.loss.cross_entropy import CrossEntropy
from striate.ops.loss.ctc import CTC
from striate.ops.loss.hinge import Hinge
from striate.ops.loss.log_loss import LogLoss
from striate.ops.loss.map_loss import MapLoss
from striate.ops.loss.sigmoid_cross_entropy import SigmoidCrossEntropy
from striate.ops.loss.squared_error import SquaredError
from striate.ops.merging.add import Add
from striate.ops.merging.concat import Concat
from striate.ops.merging.divide import Divide
from striate.ops.merging.multiply import Multiply
from striate.ops.normalization.batch_norm import BatchNorm
from striate.ops.normalization.dropout import Dropout
from striate.ops.normalization.group_norm import GroupNorm
from striate.ops.normalization.layer_norm import LayerNorm
from striate.ops.normalization.local_response_norm import LocalResponseNorm
from striate.ops.output.rbf import RBF
from striate.ops.pooling.adaptive_average_pool import AdaptiveAveragePool
from striate.ops.pooling.adaptive_max_pool import AdaptiveMaxPool
from striate.ops.pooling.average_pool import AveragePool
from striate.ops.pooling.global_average_pool import GlobalAveragePool
from striate.ops.pooling.histogram_pool import HistogramPool
from striate.ops.pooling.l2_pool import L2Pool
from striate.ops.pooling.max_pool import MaxPool
from striate.ops.pooling.stochastic_pool import StochasticPool
from striate.ops.pooling.subsample import Subsample
from striate.ops.shaping.flatten import Flatten
from striate.ops.shaping.input import Input

OPERATORS: tuple[type[Operator], ...] = (
    Input,
    Conv,
    TransposedConv,
    Dense,
    Flatten,
    MaxPool,
    AveragePool,
    HistogramPool,
    L2Pool,
    StochasticPool,
    GlobalAveragePool,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Subsample,
    ReLU,
    ReLU6,
    LeakyReLU,
    PReLU,
    NoisyReLU,
    ELU,
    GELU,
    SiLU,
    HardSigmoid,
    HardSwish,
    Maxout,
    Sigmoid,
    Tanh,
    ScaledTanh,
    Sine,
    Cosine,
    Softmax,
    RBF,
    BatchNorm,
    LocalResponseNorm,
    LayerNorm,
    GroupNorm,
    Dropout,
    Add,
    Concat,
    Multiply,
    Divide,
    CrossEntropy,
    SigmoidCrossEntropy,
    LogLoss,
    SquaredError,
    Hinge,
    MapLoss,
    CTC,
)
"""Every operator. The contract's promises are tested on each."""

__all__ = [
    "CTC",
    "ELU",
    "GELU",
    "OPERATORS",
    "RBF",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Add",
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
