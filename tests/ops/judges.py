"""An independent judge for every operator: the same function in PyTorch, in float64.

Nothing of Striate's PyTorch engine is used, and no window arithmetic of `striate.graph`: sides
are padded first, by rules written again here, and PyTorch slides over the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import arranging_judges as arranging
import loss_judges
import pool_judges as pools
import recurrent_judges as recurrent
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from promises import Case
from specimens import Lines
from striate import ops
from striate.graph import Spec
from striate.ops.output import bitmaps


@dataclass(frozen=True)
class Twin:
    """A case as tensors that remember their gradients."""

    operator: Any
    inputs: tuple[Tensor, ...]
    weights: Mapping[str, Tensor]
    training: bool
    noise: Tensor | None
    target: Tensor | None
    specs: tuple[Spec, ...]
    pictures: int

    @classmethod
    def of(cls, case: Case) -> Twin:
        call = case.call
        return cls(
            case.operator,
            tuple(_tensor(x).requires_grad_() for x in call.inputs),
            {n: _tensor(w).requires_grad_(n in case.trainable) for n, w in call.weights.items()},
            call.training,
            None if call.noise is None else _tensor(call.noise),
            None if call.target is None else _tensor(call.target),
            case.specs,
            call.pictures,
        )

    @property
    def x(self) -> Tensor:
        return self.inputs[0]

    def forward(self) -> Tensor:
        return JUDGES[type(self.operator)](self)

    def gradient(self, source: int | str) -> Any:
        of = self.weights[source] if isinstance(source, str) else self.inputs[source]
        return torch.zeros_like(of).numpy() if of.grad is None else of.grad.numpy()


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(array.copy())


def _conv(twin: Twin) -> Tensor:
    conv, rank = twin.operator, twin.x.ndim - 2
    kernel, stride, dilation = (
        pools.axes(n, rank) for n in (conv.kernel, conv.stride, conv.dilation)
    )
    slide = F.conv1d if rank == 1 else F.conv2d
    fitted = conv.padding in ("same_upper", "same_lower")
    sides = _fitted(twin, kernel) if fitted else pools.sides(conv.padding, kernel, dilation)
    x = pools.pad(twin.x, sides)
    weight, bias = twin.weights["weight"], twin.weights.get("bias")
    if conv.table is not None:
        weight = _with_zeros(weight, conv.table, twin.x.shape[1])
    return slide(x, weight, bias, stride, 0, dilation, conv.groups)


def _fitted(twin: Twin, kernel: list[int]) -> list[tuple[int, int]]:
    """(before, after) per axis by TensorFlow's rule for SAME, the odd cell on the named side."""
    conv, sides = twin.operator, []
    steps, spread = (pools.axes(n, len(kernel)) for n in (conv.stride, conv.dilation))
    for k, s, d, n in zip(kernel, steps, spread, twin.x.shape[2:], strict=True):
        extent = d * (k - 1) + 1
        cells = max(extent - s, 0) if n % s == 0 else max(extent - n % s, 0)
        less, more = cells // 2, cells - cells // 2
        sides.append((less, more) if conv.padding == "same_upper" else (more, less))
    return sides


def _transposed_conv(twin: Twin) -> Tensor:
    """All stamps on a plane that is large enough; then cut."""
    conv, rank = twin.operator, twin.x.ndim - 2
    kernel, stride, dilation, behind = (
        pools.axes(n, rank) for n in (conv.kernel, conv.stride, conv.dilation, conv.output_padding)
    )
    stamp: Any = F.conv_transpose1d if rank == 1 else F.conv_transpose2d
    whole = stamp(twin.x, twin.weights["weight"], None, stride, 0, 0, conv.groups, dilation)
    sides = pools.sides(conv.padding, kernel, dilation)
    cut = [(-before, more - after) for (before, after), more in zip(sides, behind, strict=True)]
    y = pools.pad(whole, cut)
    return y + twin.weights["bias"].view(1, -1, *[1] * rank) if conv.bias else y


def _with_zeros(kernels: Tensor, table: Any, channels: int) -> Tensor:
    """One kernel a pair of channels, zero where the table has a 0."""
    stored = iter(kernels)
    zero = torch.zeros_like(kernels[0])
    rows = [[next(stored) if row[c] else zero for c in range(channels)] for row in table]
    return torch.stack([torch.stack(row) for row in rows])


def _rbf(twin: Twin) -> Tensor:
    codes = torch.from_numpy(bitmaps.codes()[: twin.operator.units].copy()).to(twin.x.dtype)
    return (
        torch.cdist(twin.x[None], codes[None], compute_mode="donot_use_mm_for_euclid_dist")[0] ** 2
    )


def _batch_norm(twin: Twin) -> Tensor:
    weights, bn = twin.weights, twin.operator
    return F.batch_norm(
        twin.x,
        weights["running_mean"],
        weights["running_var"],
        weights.get("weight"),
        weights.get("bias"),
        twin.training,
        bn.momentum,
        bn.epsilon,
    )


def _dropout(twin: Twin) -> Tensor:
    if twin.noise is None:
        return twin.x
    return torch.where(twin.noise > 0, twin.x / (1 - twin.operator.rate), 0.0)


def _local_response_norm(twin: Twin) -> Tensor:
    lrn = twin.operator
    return F.local_response_norm(twin.x, lrn.size, lrn.alpha, lrn.beta, lrn.k)


def _gelu(twin: Twin) -> Tensor:
    return F.gelu(twin.x, approximate="tanh" if twin.operator.approximate else "none")


def _maxout(twin: Twin) -> Tensor:
    """The pieces of each unit laid out as a signal, which PyTorch's pooling slides over."""
    pieces = twin.operator.pieces
    last = twin.x.movedim(1, -1)
    pooled = F.max_pool1d(last.flatten(0, -2).unsqueeze(1), pieces)
    return pooled.reshape(*last.shape[:-1], -1).movedim(-1, 1)


def _group_norm(twin: Twin) -> Tensor:
    norm, weights = twin.operator, twin.weights
    own = weights.get("weight"), weights.get("bias")
    return F.group_norm(twin.x, norm.groups, *own, norm.epsilon)


def _instance_norm(twin: Twin) -> Tensor:
    own = twin.weights.get("weight"), twin.weights.get("bias")
    return F.instance_norm(twin.x, None, None, *own, eps=twin.operator.epsilon)


def _celu(twin: Twin) -> Tensor:
    """By its formula: `F.celu` keeps 1 / alpha in float32."""
    low = twin.operator.alpha * torch.expm1(twin.x / twin.operator.alpha)
    return torch.where(twin.x > 0, twin.x, low)


def _prelu(twin: Twin) -> Tensor:
    """Each unit as a channel with a slope of its own."""
    weight, x = twin.weights["weight"], twin.x
    size = twin.operator.size or (len(weight), *[1] * (x.ndim - 2))
    slopes = weight.view(size).expand(x.shape[1:]).flatten()
    return F.prelu(x.flatten(1), slopes).view_as(x)


def _product(tensors: tuple[Tensor, ...]) -> Tensor:
    return torch.stack(tensors).prod(dim=0)


JUDGES = Lines[Callable[[Twin], Tensor]]("tests/ops/judges.py")
JUDGES |= {
    ops.Input: lambda twin: twin.x * 1,
    ops.Conv: _conv,
    ops.TransposedConv: _transposed_conv,
    ops.Dense: arranging.dense,
    ops.Flatten: lambda twin: twin.x.flatten(1),
    ops.PixelShuffle: lambda t: F.pixel_shuffle(t.x, t.operator.upscale_factor),
    ops.MaxPool: pools.max_pool,
    ops.AveragePool: pools.average_pool,
    ops.HistogramPool: pools.histogram_pool,
    ops.GlobalAveragePool: lambda twin: twin.x.mean(tuple(range(2, twin.x.ndim)), keepdim=True),
    ops.Mean: lambda twin: twin.x.mean(arranging.dims(twin, 2), twin.operator.keep),
    ops.Sum: lambda twin: twin.x.sum(arranging.dims(twin, 2), twin.operator.keep),
    ops.Max: lambda twin: arranging.winning(twin, torch.max),
    ops.Min: lambda twin: arranging.winning(twin, torch.min),
    ops.L2Pool: pools.l2_pool,
    ops.StochasticPool: pools.stochastic_pool,
    ops.AdaptiveAveragePool: pools.adaptive,
    ops.AdaptiveMaxPool: pools.adaptive_max,
    ops.Subsample: pools.subsample,
    ops.ReLU: lambda twin: F.relu(twin.x),
    ops.ReLU6: lambda twin: F.relu6(twin.x),
    ops.LeakyReLU: lambda twin: F.leaky_relu(twin.x, twin.operator.slope),
    ops.PReLU: _prelu,
    ops.NoisyReLU: lambda twin: F.relu(twin.x if twin.noise is None else twin.x + twin.noise),
    ops.ELU: lambda twin: F.elu(twin.x, twin.operator.alpha),
    ops.GELU: _gelu,
    ops.SiLU: lambda twin: F.silu(twin.x),
    ops.SELU: lambda twin: twin.operator.gamma * F.elu(twin.x, twin.operator.alpha),
    ops.GLU: lambda twin: F.glu(twin.x, arranging.dim(twin)),
    ops.CELU: lambda twin: _celu(twin),
    ops.Mish: lambda twin: F.mish(twin.x),
    ops.Softsign: lambda twin: F.softsign(twin.x),
    ops.Clip: lambda twin: twin.x.clamp(twin.operator.low, twin.operator.high),
    ops.Threshold: lambda t: F.threshold(t.x, t.operator.threshold, t.operator.value),
    ops.SoftShrink: lambda twin: F.softshrink(twin.x, twin.operator.threshold),
    ops.HardShrink: lambda twin: F.hardshrink(twin.x, twin.operator.threshold),
    ops.TanhShrink: lambda twin: F.tanhshrink(twin.x),
    ops.Abs: lambda twin: twin.x.abs(),
    ops.Sign: lambda twin: twin.x.sign(),
    ops.Square: lambda twin: twin.x.square(),
    ops.Power: lambda twin: torch.pow(twin.x, twin.operator.exponent),
    ops.Exp: lambda twin: twin.x.exp(),
    ops.Log: lambda twin: twin.x.log(),
    ops.Sqrt: lambda twin: twin.x.sqrt(),
    ops.Softplus: lambda t: F.softplus(t.x, t.operator.beta, t.operator.threshold),
    ops.HardSigmoid: lambda t: F.hardtanh(t.operator.shift + t.x * t.operator.slope, 0, 1),
    ops.HardSwish: lambda twin: F.hardswish(twin.x),
    ops.Maxout: _maxout,
    ops.Sigmoid: lambda twin: torch.sigmoid(twin.x),
    ops.LogSigmoid: lambda twin: F.logsigmoid(twin.x),
    ops.Tanh: lambda twin: torch.tanh(twin.x),
    ops.ScaledTanh: lambda twin: twin.operator.amplitude * torch.tanh(twin.operator.slope * twin.x),
    ops.Sine: lambda twin: twin.x.sin(),
    ops.Cosine: lambda twin: twin.x.cos(),
    ops.Softmax: lambda twin: torch.softmax(twin.x, arranging.dim(twin)),
    ops.MaskedSoftmax: arranging.masked_softmax,
    ops.LogSoftmax: lambda twin: twin.x.log_softmax(arranging.dim(twin)),
    ops.RBF: _rbf,
    ops.BatchNorm: _batch_norm,
    ops.LocalResponseNorm: _local_response_norm,
    ops.LayerNorm: arranging.layer_norm,
    ops.RMSNorm: arranging.rms_norm,
    ops.InstanceNorm: _instance_norm,
    ops.L2Norm: lambda t: F.normalize(t.x, dim=arranging.dim(t), eps=t.operator.epsilon),
    ops.GroupNorm: _group_norm,
    ops.Dropout: _dropout,
    ops.Add: lambda twin: torch.stack(torch.broadcast_tensors(*twin.inputs)).sum(dim=0),
    ops.Concat: lambda twin: torch.cat(twin.inputs, dim=arranging.dim(twin)),
    ops.Multiply: lambda twin: _product(torch.broadcast_tensors(*twin.inputs)),
    ops.Subtract: lambda twin: twin.inputs[0].sub(twin.inputs[1]),
    ops.MatMul: lambda twin: torch.einsum("...ik,...kj->...ij", *twin.inputs),
    ops.RNN: recurrent.recurrent,
    ops.GRU: recurrent.recurrent,
    ops.LSTM: recurrent.recurrent,
    ops.Stack: lambda twin: torch.stack(twin.inputs, dim=1),
    ops.Affine: lambda twin: twin.operator.shift + twin.operator.scale * twin.x,
    ops.Scale: lambda twin: arranging.spread(twin) * twin.x,
    ops.Shift: lambda twin: arranging.spread(twin) + twin.x,
    ops.Learned: arranging.repeated,
    ops.Constant: arranging.repeated,
    ops.Opaque: lambda twin: torch.cumsum(torch.sin(twin.x), 1),
    ops.Embedding: lambda t: F.embedding(t.x.long(), t.weights["weight"]).movedim(-1, 1),
    ops.PositionalEncoding: arranging.with_positions,
    ops.Reshape: arranging.reshaped,
    ops.Permute: lambda twin: twin.x.permute(0, *(k + 1 for k in twin.operator.order)),
    ops.Slice: arranging.sliced,
    ops.Pad: arranging.padded,
    ops.Flip: lambda twin: twin.x.flip(arranging.dim(twin)),
    ops.Roll: lambda twin: twin.x.roll(twin.operator.shift, arranging.dim(twin)),
    ops.Repeat: lambda twin: torch.cat([twin.x] * twin.operator.times, dim=arranging.dim(twin)),
    ops.Resize: arranging.resized,
    ops.Expand: lambda twin: twin.x.expand(-1, *twin.operator.size),
    ops.Unfold: arranging.unfolded,
    ops.Divide: lambda twin: twin.inputs[0].div(twin.inputs[1]),
    ops.CrossEntropy: loss_judges.cross_entropy,
    ops.LogLoss: loss_judges.log_loss,
    ops.SquaredError: loss_judges.squared_error,
    ops.Hinge: loss_judges.hinge,
    ops.SigmoidCrossEntropy: loss_judges.sigmoid_cross_entropy,
    ops.MapLoss: loss_judges.map_loss,
    ops.CTC: loss_judges.ctc,
}
"""One function an operator."""
