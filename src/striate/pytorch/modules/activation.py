"""Activations."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, dim, plain, unless
from striate.pytorch.recipe import ModuleRecipe


class ScaledTanh(nn.Module):
    """LeCun's hyperbolic tangent: amplitude · tanh(slope · x)."""

    def __init__(self, amplitude: float, slope: float) -> None:
        super().__init__()
        self.amplitude = amplitude
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.tanh(self.slope * x)


class Sine(nn.Module):
    """The sine of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


class Cosine(nn.Module):
    """The cosine of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cos(x)


class ExactHardsigmoid(nn.Hardsigmoid):
    """The hard sigmoid; in float64 with a gradient of float64.

    PyTorch's own gradient on a CPU is 1/6 rounded to float32, whatever the type of the numbers.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x + 3) / 6 if x.dtype == torch.float64 else super().forward(x)


class Hardsigmoid(nn.Module):
    """A line held between 0 and 1."""

    def __init__(self, slope: float, shift: float) -> None:
        super().__init__()
        self.slope, self.shift = slope, shift

    def forward(self, x: Tensor) -> Tensor:
        return F.hardtanh(x * self.slope + self.shift, 0.0, 1.0)


class SpreadPReLU(nn.Module):
    """A rectifier with learned slopes of any shape that is spread over the input."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full(size, 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.weight * x)


class ScaledELU(nn.Module):
    """The scaled exponential unit with a depth and a scale of its own."""

    def __init__(self, alpha: float, gamma: float) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * F.elu(x, self.alpha)


class NoisyReLU(nn.Module):
    """A rectifier with Gaussian noise before it while training."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.sigma * torch.randn_like(x) if self.training else x)


class Maxout(nn.Module):
    """Of every few neighboring channels the largest number."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, self.pieces, *x.shape[2:]).max(dim=2).values


class Probabilities(nn.Softmax):
    """Softmax at the exit of a network that is trained with the log-loss.

    In training mode the logarithms leave, computed without the probabilities: -log of a
    probability that was rounded to 0 would be infinite. They are what `nn.NLLLoss` takes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return F.log_softmax(x, dim=self.dim)
        return F.softmax(x, dim=self.dim)


class MaskedSoftmax(nn.Module):
    """Shares of the keys that a query may see; hidden ones have none.

    Args:
        dim: along which the keys lie.
        causal: queries and keys, where a query sees no key behind its own place.
        shape: of the mask without its batch, to be spread over the scores.
        keys: how many there are, where the mask says how many of them are seen.
    """

    hidden: Tensor | None
    places: Tensor | None

    def __init__(
        self,
        dim: int,
        causal: tuple[int, int] | None = None,
        shape: tuple[int, ...] = (),
        keys: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.shape = dim, shape
        behind = [1] * (len(shape) - dim) if shape else []
        places = torch.arange(keys).reshape(keys, *behind) if keys else None
        self.register_buffer("places", places, persistent=False)
        hidden = None if causal is None else torch.ones(causal, dtype=torch.bool).triu(1)
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = self.hidden
        if hidden is not None:
            hidden = hidden.reshape(*hidden.shape, *[1] * (x.dim() - 1 - self.dim))
        if mask is None:
            return (x if hidden is None else x.masked_fill(hidden, -torch.inf)).softmax(self.dim)
        mask = mask.reshape(len(mask), *self.shape)
        behind = mask <= 0 if self.places is None else self.places >= mask
        hidden = behind if hidden is None else hidden | behind
        # Where all is hidden, -inf would leave no number at all.
        y = x.masked_fill(hidden, torch.finfo(x.dtype).min).softmax(self.dim)
        return y.masked_fill(hidden, 0.0)


def _masked_softmax(softmax: ops.MaskedSoftmax, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    x, axis = inputs[0], inputs[0].axis(softmax.axis)
    settings: dict[str, object] = {"dim": dim(softmax, inputs)}
    if softmax.causal:
        settings["causal"] = x.shape[axis - 1 : axis + 1]
    if len(inputs) == 2:
        settings["shape"] = softmax.spread(*inputs)
    if softmax.lengths:
        settings["keys"] = x.shape[axis]
    return ModuleRecipe(MaskedSoftmax, (), settings)


def _leaky_relu(relu: ops.LeakyReLU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(nn.LeakyReLU, (relu.slope,))


def _prelu(prelu: ops.PReLU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    if prelu.size is not None:
        return ModuleRecipe(SpreadPReLU, (prelu.size,))
    return ModuleRecipe(nn.PReLU, () if prelu.shared else (inputs[0].channels,))


def _hard_sigmoid(sigmoid: ops.HardSigmoid, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    if sigmoid == ops.HardSigmoid():
        return ModuleRecipe(ExactHardsigmoid)
    return ModuleRecipe(Hardsigmoid, (sigmoid.slope, sigmoid.shift))


def _selu(selu: ops.SELU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    if selu == ops.SELU():
        return ModuleRecipe(nn.SELU)
    return ModuleRecipe(ScaledELU, (selu.alpha, selu.gamma))


def _noisy_relu(relu: ops.NoisyReLU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(NoisyReLU, (relu.sigma,))


def _elu(elu: ops.ELU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(nn.ELU, (), unless({"alpha": 1.0}, {"alpha": elu.alpha}))


def _gelu(gelu: ops.GELU, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(nn.GELU, (), {"approximate": "tanh"} if gelu.approximate else {})


def _maxout(maxout: ops.Maxout, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(Maxout, (maxout.pieces,))


def _scaled_tanh(tanh: ops.ScaledTanh, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(ScaledTanh, (tanh.amplitude, tanh.slope))


def _along_axis(kind: type[nn.Module]) -> Maker:
    """A module that is given its dimension, the batch being 0."""
    return lambda operator, inputs: ModuleRecipe(kind, (), {"dim": dim(operator, inputs)})


class ExactCELU(nn.CELU):
    """`nn.CELU` keeps 1 / alpha in float32; this is the same in every type."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.alpha * torch.expm1(x.clamp(max=0) / self.alpha))


class Clip(nn.Module):
    """Numbers held between two bounds."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(self.low, self.high)


class Abs(nn.Module):
    """The size of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


class Sign(nn.Module):
    """The sign of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sign()


class Square(nn.Module):
    """Each number times itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x


class Power(nn.Module):
    """Each number to a fixed power."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, x: Tensor) -> Tensor:
        return x**self.exponent


class Exp(nn.Module):
    """The exponential of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


class Log(nn.Module):
    """The natural logarithm of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


class Sqrt(nn.Module):
    """The square root of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


class Affine(nn.Module):
    """Every number times one number, plus another."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


ROWS: Mapping[type[Operator], Maker] = {
    ops.Affine: lambda affine, inputs: ModuleRecipe(Affine, (affine.scale, affine.shift)),
    ops.ReLU: plain(nn.ReLU),
    ops.ReLU6: plain(nn.ReLU6),
    ops.LeakyReLU: _leaky_relu,
    ops.PReLU: _prelu,
    ops.NoisyReLU: _noisy_relu,
    ops.ELU: _elu,
    ops.GELU: _gelu,
    ops.SiLU: plain(nn.SiLU),
    ops.HardSigmoid: _hard_sigmoid,
    ops.HardSwish: plain(nn.Hardswish),
    ops.SELU: _selu,
    ops.GLU: _along_axis(nn.GLU),
    ops.CELU: lambda op, inputs: ModuleRecipe(ExactCELU, (op.alpha,)),
    ops.Mish: plain(nn.Mish),
    ops.Softsign: plain(nn.Softsign),
    ops.Clip: lambda op, inputs: ModuleRecipe(Clip, (op.low, op.high)),
    ops.Threshold: lambda op, inputs: ModuleRecipe(nn.Threshold, (op.threshold, op.value)),
    ops.SoftShrink: lambda op, inputs: ModuleRecipe(nn.Softshrink, (op.threshold,)),
    ops.HardShrink: lambda op, inputs: ModuleRecipe(nn.Hardshrink, (op.threshold,)),
    ops.TanhShrink: plain(nn.Tanhshrink),
    ops.Abs: plain(Abs),
    ops.Sign: plain(Sign),
    ops.Square: plain(Square),
    ops.Power: lambda op, inputs: ModuleRecipe(Power, (op.exponent,)),
    ops.Exp: plain(Exp),
    ops.Log: plain(Log),
    ops.Sqrt: plain(Sqrt),
    ops.Softplus: lambda op, inputs: ModuleRecipe(nn.Softplus, (op.beta, op.threshold)),
    ops.Maxout: _maxout,
    ops.Sigmoid: plain(nn.Sigmoid),
    ops.LogSigmoid: plain(nn.LogSigmoid),
    ops.Tanh: plain(nn.Tanh),
    ops.ScaledTanh: _scaled_tanh,
    ops.Sine: plain(Sine),
    ops.Cosine: plain(Cosine),
    ops.Softmax: _along_axis(nn.Softmax),
    ops.MaskedSoftmax: _masked_softmax,
    ops.LogSoftmax: _along_axis(nn.LogSoftmax),
}
