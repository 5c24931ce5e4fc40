"""The table of contents: what operators mean, one file each, NumPy only."""

from __future__ import annotations

from striate.graph import Operator
from striate.ops.activation.absolute import Abs as Abs
from striate.ops.activation.affine import Affine as Affine
from striate.ops.activation.celu import CELU as CELU
from striate.ops.activation.clip import Clip as Clip
from striate.ops.activation.cosine import Cosine as Cosine
from striate.ops.activation.elu import ELU as ELU
from striate.ops.activation.exponential import Exp as Exp
from striate.ops.activation.gelu import GELU as GELU
from striate.ops.activation.glu import GLU as GLU
from striate.ops.activation.hard_shrink import HardShrink as HardShrink
from striate.ops.activation.hard_sigmoid import HardSigmoid as HardSigmoid
from striate.ops.activation.hard_swish import HardSwish as HardSwish
from striate.ops.activation.leaky_relu import LeakyReLU as LeakyReLU
from striate.ops.activation.log_sigmoid import LogSigmoid as LogSigmoid
from striate.ops.activation.log_softmax import LogSoftmax as LogSoftmax
from striate.ops.activation.logarithm import Log as Log
from striate.ops.activation.masked_softmax import MaskedSoftmax as MaskedSoftmax
from striate.ops.activation.maxout import Maxout as Maxout
from striate.ops.activation.mish import Mish as Mish
from striate.ops.activation.noisy_relu import NoisyReLU as NoisyReLU
from striate.ops.activation.power import Power as Power
from striate.ops.activation.prelu import PReLU as PReLU
from striate.ops.activation.relu import ReLU as ReLU
from striate.ops.activation.relu6 import ReLU6 as ReLU6
from striate.ops.activation.scaled_tanh import ScaledTanh as ScaledTanh
from striate.ops.activation.selu import SELU as SELU
from striate.ops.activation.sigmoid import Sigmoid as Sigmoid
from striate.ops.activation.sign import Sign as Sign
from striate.ops.activation.silu import SiLU as SiLU
from striate.ops.activation.sine import Sine as Sine
from striate.ops.activation.soft_shrink import SoftShrink as SoftShrink
from striate.ops.activation.softmax import Softmax as Softmax
from striate.ops.activation.softplus import Softplus as Softplus
from striate.ops.activation.softsign import Softsign as Softsign
from striate.ops.activation.square import Square as Square
from striate.ops.activation.square_root import Sqrt as Sqrt
from striate.ops.activation.tanh import Tanh as Tanh
from striate.ops.activation.tanh_shrink import TanhShrink as TanhShrink
from striate.ops.activation.threshold import Threshold as Threshold
from striate.ops.convolution.conv import Conv as Conv
from striate.ops.convolution.dense import Dense as Dense
from striate.ops.convolution.transposed_conv import TransposedConv as TransposedConv
from striate.ops.foreign.opaque import Opaque as Opaque
from striate.ops.loss.cross_entropy import CrossEntropy as CrossEntropy
from striate.ops.loss.ctc import CTC as CTC
from striate.ops.loss.hinge import Hinge as Hinge
from striate.ops.loss.log_loss import LogLoss as LogLoss
from striate.ops.loss.map_loss import MapLoss as MapLoss
from striate.ops.loss.sigmoid_cross_entropy import SigmoidCrossEntropy as SigmoidCrossEntropy
from striate.ops.loss.squared_error import SquaredError as SquaredError
from striate.ops.merging.add import Add as Add
from striate.ops.merging.concat import Concat as Concat
from striate.ops.merging.divide import Divide as Divide
from striate.ops.merging.matmul import MatMul as MatMul
from striate.ops.merging.multiply import Multiply as Multiply
from striate.ops.merging.stack import Stack as Stack
from striate.ops.merging.subtract import Subtract as Subtract
from striate.ops.normalization.batch_norm import BatchNorm as BatchNorm
from striate.ops.normalization.dropout import Dropout as Dropout
from striate.ops.normalization.group_norm import GroupNorm as GroupNorm
from striate.ops.normalization.instance_norm import InstanceNorm as InstanceNorm
from striate.ops.normalization.l2_norm import L2Norm as L2Norm
from striate.ops.normalization.layer_norm import LayerNorm as LayerNorm
from striate.ops.normalization.local_response_norm import LocalResponseNorm as LocalResponseNorm
from striate.ops.normalization.rms_norm import RMSNorm as RMSNorm
from striate.ops.normalization.scale import Scale as Scale
from striate.ops.normalization.shift import Shift as Shift
from striate.ops.output.rbf import RBF as RBF
from striate.ops.pooling.adaptive_average_pool import AdaptiveAveragePool as AdaptiveAveragePool
from striate.ops.pooling.adaptive_max_pool import AdaptiveMaxPool as AdaptiveMaxPool
from striate.ops.pooling.average_pool import AveragePool as AveragePool
from striate.ops.pooling.global_average_pool import GlobalAveragePool as GlobalAveragePool
from striate.ops.pooling.histogram_pool import HistogramPool as HistogramPool
from striate.ops.pooling.l2_pool import L2Pool as L2Pool
from striate.ops.pooling.max_pool import MaxPool as MaxPool
from striate.ops.pooling.stochastic_pool import StochasticPool as StochasticPool
from striate.ops.pooling.subsample import Subsample as Subsample
from striate.ops.recurrent.gru import GRU as GRU
from striate.ops.recurrent.lstm import LSTM as LSTM
from striate.ops.recurrent.rnn import RNN as RNN
from striate.ops.reducing.max import Max as Max
from striate.ops.reducing.mean import Mean as Mean
from striate.ops.reducing.min import Min as Min
from striate.ops.reducing.sum import Sum as Sum
from striate.ops.sequence.embedding import Embedding as Embedding
from striate.ops.sequence.positional_encoding import PositionalEncoding as PositionalEncoding
from striate.ops.shaping.constant import Constant as Constant
from striate.ops.shaping.expand import Expand as Expand
from striate.ops.shaping.flatten import Flatten as Flatten
from striate.ops.shaping.flip import Flip as Flip
from striate.ops.shaping.input import Input as Input
from striate.ops.shaping.learned import Learned as Learned
from striate.ops.shaping.pad import Pad as Pad
from striate.ops.shaping.permute import Permute as Permute
from striate.ops.shaping.pixel_shuffle import PixelShuffle as PixelShuffle
from striate.ops.shaping.repeat import Repeat as Repeat
from striate.ops.shaping.reshape import Reshape as Reshape
from striate.ops.shaping.resize import Resize as Resize
from striate.ops.shaping.roll import Roll as Roll
from striate.ops.shaping.slice import Slice as Slice
from striate.ops.shaping.unfold import Unfold as Unfold

OPERATORS: tuple[type[Operator], ...] = tuple(
    each
    for each in globals().values()
    if isinstance(each, type) and issubclass(each, Operator) and each is not Operator
)
"""Every operator imported above. The contract's promises are tested on each."""
