"""The table of contents: what operators mean, one file each, NumPy only."""

from __future__ import annotations

from striate.graph import Operator
from striate.ops.activation.affine import Affine
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
from striate.ops.loss.hinge import Hinge
from striate.ops.loss.log_loss import LogLoss
from striate.ops.loss.map_loss import MapLoss
from striate.ops.loss.sigmoid_cross_entropy import SigmoidCrossEntropy
from striate.ops.loss.squared_error import SquaredError
from striate.ops.merging.add import Add
from striate.ops.merging.concat import Concat
from striate.ops.merging.divide import Divide
from striate.ops.merging.matmul import MatMul
from striate.ops.merging.multiply import Multiply
from striate.ops.merging.stack import Stack
from striate.ops.merging.subtract import Subtract
from striate.ops.normalization.batch_norm import BatchNorm
from striate.ops.normalization.dropout import Dropout
from striate.ops.normalization.group_norm import GroupNorm
from striate.ops.normalization.layer_norm import LayerNorm
from striate.ops.normalization.local_response_norm import LocalResponseNorm
from striate.ops.normalization.scale import Scale
from striate.ops.normalization.shift import Shift
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
from striate.ops.shaping.constant import Constant
from striate.ops.shaping.expand import Expand
from striate.ops.shaping.flatten import Flatten
from striate.ops.shaping.flip import Flip
from striate.ops.shaping.input import Input
from striate.ops.shaping.learned import Learned
from striate.ops.shaping.pad import Pad
from striate.ops.shaping.permute import Permute
from striate.ops.shaping.repeat import Repeat
from striate.ops.shaping.reshape import Reshape
from striate.ops.shaping.roll import Roll
from striate.ops.shaping.slice import Slice
from striate.ops.shaping.unfold import Unfold

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
    Affine,
    MatMul,
    Stack,
    Subtract,
    Scale,
    Shift,
    Constant,
    Expand,
    Flip,
    Learned,
    Pad,
    Permute,
    Repeat,
    Reshape,
    Roll,
    Slice,
    Unfold,
    CrossEntropy,
    SigmoidCrossEntropy,
    LogLoss,
    SquaredError,
    Hinge,
    MapLoss,
)
"""Every operator. The contract's promises are tested on each."""

__all__ = [
    "ELU",
    "GELU",
    "OPERATORS",
    "RBF",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Add",
    "Affine",
    "AveragePool",
    "BatchNorm",
    "Concat",
    "Constant",
    "Conv",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "Divide",
    "Dropout",
    "Expand",
    "Flatten",
    "Flip",
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
    "Learned",
    "LocalResponseNorm",
    "LogLoss",
    "MapLoss",
    "MatMul",
    "MaxPool",
    "Maxout",
    "Multiply",
    "NoisyReLU",
    "PReLU",
    "Pad",
    "Permute",
    "ReLU",
    "ReLU6",
    "Repeat",
    "Reshape",
    "Roll",
    "Scale",
    "ScaledTanh",
    "Shift",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Sine",
    "Slice",
    "Softmax",
    "SquaredError",
    "Stack",
    "StochasticPool",
    "Subsample",
    "Subtract",
    "Tanh",
    "TransposedConv",
    "Unfold",
]
