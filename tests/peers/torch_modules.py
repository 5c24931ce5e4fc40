"""How PyTorch's modules are built: as their functions are, of the module's own settings."""

from __future__ import annotations

from typing import Any

import torch
from sample_graph import Cannot, Row, SampleGraph, Value
from torch import nn
from torch_arithmetic import ARITHMETIC, clamp, linear, prelu
from torch_axes import softmax
from torch_layers import LAYERS, RANKS, conv, conv_transpose, glu
from torch_losses import LOSSES
from torch_norms import NORMS, instance_norm
from torch_shapes import padded

LAYER = LAYERS | NORMS | ARITHMETIC | LOSSES


def called(function: str, *settings: str) -> Row:
    """The row of a function, called with these attributes of the module behind the inputs."""

    def row(net: SampleGraph, module: Any, *inputs: Any) -> Any:
        given = {name: getattr(module, name) for name in settings}
        return LAYER[f"nn.functional.{function}"](net, *inputs, **given)

    return row


def convolution(axes: int) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
        if module.padding_mode != "zeros":
            raise Cannot("a convolution that pads with other numbers than 0")
        settings = (module.stride, module.padding, module.dilation, module.groups)
        return conv(axes)(net, x, module.weight, module.bias, *settings)

    return row


def transposed(axes: int) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor, output_size: Any = None) -> Value:
        if output_size is not None:
            raise Cannot("a size of the output that is given in the call")
        settings = (module.stride, module.padding, module.output_padding)
        spread = (module.groups, module.dilation)
        return conv_transpose(axes)(net, x, module.weight, module.bias, *settings, *spread)

    return row


def batch_norm(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
    training = module.training or module.running_mean is None
    own = (module.running_mean, module.running_var, module.weight, module.bias)
    return NORMS["nn.functional.batch_norm"](net, x, *own, training, 0.1, module.eps)


def by_instance(axes: int) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
        own = (module.running_mean, module.running_var, module.weight, module.bias)
        live = module.training or not module.track_running_stats
        batched = x.ndim == axes + 2
        return instance_norm(net, x, *own, live, 0.1, module.eps, batched=batched)

    return row


def lp_pool(axes: int) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
        def each(value: Any) -> Any:
            return (value,) * axes if isinstance(value, int) else tuple(value)

        return net(
            "L2Pool",
            net.enter(x, batched=x.ndim == axes + 2),
            kernel=each(module.kernel_size),
            stride=None if module.stride is None else each(module.stride),
            ceil=module.ceil_mode,
            p=None if module.norm_type == 2 else float(module.norm_type),
        )

    return row


def padding(mode: str, axes: int) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
        sides = module.padding
        sides = (sides,) * (2 * axes) if isinstance(sides, int) else sides
        return padded(net, net.enter(x), sides, mode, getattr(module, "value", 0.0))

    return row


def over(kind: str, sign: float = 1.0) -> Row:
    def row(net: SampleGraph, module: Any, x: torch.Tensor) -> Value:
        dim = getattr(module, "dim", -3)
        if dim is None:
            dim = 0 if x.ndim in (0, 1, 3) else 1
        return softmax(kind, sign)(net, x, dim)

    return row


def weighed(function: str, *settings: str) -> Row:
    """A loss with a weight, as `called`."""
    return called(function, "weight", "reduction", *settings)


POOL = ("kernel_size", "stride", "padding", "ceil_mode")
MODULES: dict[str, Row] = {
    **{f"nn.{lazy}Conv{d}d": convolution(d) for d in RANKS for lazy in ("", "Lazy")},
    **{f"nn.{lazy}ConvTranspose{d}d": transposed(d) for d in RANKS for lazy in ("", "Lazy")},
    **{f"nn.BatchNorm{d}d": batch_norm for d in RANKS},
    **{f"nn.InstanceNorm{d}d": by_instance(d) for d in RANKS},
    **{
        f"nn.Adaptive{name}Pool{d}d": called(f"adaptive_{word}_pool{d}d", "output_size")
        for d in RANKS
        for name, word in (("Avg", "avg"), ("Max", "max"))
    },
    "nn.AvgPool1d": called("avg_pool1d", *POOL, "count_include_pad"),
    **{
        f"nn.AvgPool{d}d": called(f"avg_pool{d}d", *POOL, "count_include_pad", "divisor_override")
        for d in (2, 3)
    },
    **{
        f"nn.MaxPool{d}d": called(f"max_pool{d}d", *POOL, "dilation", "return_indices")
        for d in RANKS
    },
    **{f"nn.LPPool{d}d": lp_pool(d) for d in RANKS},
    **{f"nn.ReflectionPad{d}d": padding("reflect", d) for d in RANKS},
    **{f"nn.ReplicationPad{d}d": padding("replicate", d) for d in RANKS},
    **{f"nn.CircularPad{d}d": padding("circular", d) for d in RANKS},
    **{f"nn.ZeroPad{d}d": padding("constant", d) for d in RANKS},
    **{f"nn.ConstantPad{d}d": padding("constant", d) for d in RANKS},
    "nn.Linear": lambda net, module, input: linear(net, input, module.weight, module.bias),
    "nn.PReLU": lambda net, module, x: prelu(net, x, module.weight),
    "nn.ReLU": called("relu"),
    "nn.ReLU6": called("relu6"),
    "nn.LeakyReLU": called("leaky_relu", "negative_slope"),
    "nn.ELU": called("elu", "alpha"),
    "nn.CELU": called("celu", "alpha"),
    "nn.SELU": called("selu"),
    "nn.GELU": called("gelu", "approximate"),
    "nn.SiLU": called("silu"),
    "nn.Mish": called("mish"),
    "nn.Sigmoid": lambda net, module, x: net("Sigmoid", net.enter(x)),
    "nn.Tanh": lambda net, module, x: net("Tanh", net.enter(x)),
    "nn.LogSigmoid": called("logsigmoid"),
    "nn.Softplus": called("softplus", "beta", "threshold"),
    "nn.Softsign": called("softsign"),
    "nn.Tanhshrink": called("tanhshrink"),
    "nn.Hardshrink": called("hardshrink", "lambd"),
    "nn.Softshrink": called("softshrink", "lambd"),
    "nn.Hardswish": called("hardswish"),
    "nn.Hardtanh": lambda net, module, x: clamp(net, x, module.min_val, module.max_val),
    "nn.Threshold": called("threshold", "threshold", "value"),
    "nn.GLU": lambda net, module, x: glu(net, x, module.dim),
    "nn.Softmax": over("Softmax"),
    "nn.Softmax2d": over("Softmax"),
    "nn.Softmin": over("Softmax", -1.0),
    "nn.LogSoftmax": over("LogSoftmax"),
    "nn.GroupNorm": called("group_norm", "num_groups", "weight", "bias", "eps"),
    "nn.LayerNorm": called("layer_norm", "normalized_shape", "weight", "bias", "eps"),
    "nn.RMSNorm": called("rms_norm", "normalized_shape", "weight", "eps"),
    "nn.LocalResponseNorm": called("local_response_norm", "size", "alpha", "beta", "k"),
    "nn.MSELoss": called("mse_loss", "reduction"),
    "nn.L1Loss": called("l1_loss", "reduction"),
    "nn.CrossEntropyLoss": weighed("cross_entropy", "ignore_index", "label_smoothing"),
    "nn.NLLLoss": weighed("nll_loss", "ignore_index"),
    "nn.BCEWithLogitsLoss": weighed("binary_cross_entropy_with_logits", "pos_weight"),
    "nn.MultiMarginLoss": weighed("multi_margin_loss", "p", "margin"),
    "nn.CTCLoss": called("ctc_loss", "blank", "reduction", "zero_infinity"),
}


def parameters(module: nn.Module) -> list[torch.Tensor]:
    """What a gradient reaches."""
    return [each for each in module.parameters() if each.requires_grad]
