"""Small modules in the styles in which people write them, for tests of capture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Written(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *x: Tensor) -> Any:
        return self.function(self, *x)


def conv(inputs: int = 3, outputs: int = 4) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def by_functions(s: Any, x: Tensor) -> Tensor:
    y = functional.relu(functional.conv2d(x, s.conv.weight, s.conv.bias, padding=1))
    y = functional.max_pool2d(y, 2)
    return functional.linear(y.flatten(1), s.fc.weight, s.fc.bias)


def in_place(s: Any, x: Tensor) -> Tensor:
    y = s.bn(s.conv(x)).relu_()
    y += x[:, :1]
    y.mul_(0.5).clamp_(-1, 1)
    return y.mean((2, 3))


def reused(s: Any, x: Tensor) -> Tensor:
    return s.act(s.conv(s.act(s.conv(x))))


def tied(s: Any, x: Tensor) -> Tensor:
    h = torch.tanh(functional.linear(x, s.coder.weight))
    return functional.linear(h, s.coder.weight.t(), s.bias)


def chunked(s: Any, x: Tensor) -> Tensor:
    a, b = s.conv(x).chunk(2, dim=1)
    c, d = torch.split(x, [1, 2], dim=1)
    return torch.cat([torch.sigmoid(a) * b, d, c - 1, 2 / (1 + c.abs())], dim=1)


def excited(s: Any, x: Tensor) -> Tensor:
    y = s.conv(x)
    gate = s.expand(functional.silu(s.squeeze(y.mean((2, 3), keepdim=True)))).sigmoid()
    return y * gate.expand_as(y)


def shuffled(s: Any, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    y = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
    return s.conv(functional.pad(y, (1, 0, 2, 1)))


def siamese(s: Any, x: Tensor, other: Tensor) -> Tensor:
    a, b = s.arm(x).flatten(1), s.arm(other).flatten(1)
    return torch.cat([(a - b).abs(), a * b], dim=1)


def classed(s: Any, x: Tensor) -> Tensor:
    """A vision transformer of one block, with a class token and places."""
    y = s.patches(x).flatten(2).transpose(1, 2)
    y = torch.cat([s.token.expand(len(x), -1, -1), y], dim=1) + s.places
    q, k, v = s.qkv(s.norm(y)).reshape(len(x), -1, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
    near = q.sum(-1, keepdim=True) * s.near  # a mask that depends on the picture
    found = functional.scaled_dot_product_attention(q, k, v, attn_mask=near)
    y = y + found.transpose(1, 2).reshape(y.shape)
    y = y + s.out(functional.gelu(s.hidden(y)))
    return s.head(y[:, 0])


def windowed(s: Any, x: Tensor) -> Tensor:
    """Windows folded into the batch, as in Swin."""
    n, c, h, w = x.shape
    y = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
    y = (y @ y.transpose(-2, -1) / c).softmax(-1) @ s.fc(y)
    return y.view(n, h * w // 4, 4, c).mean(1)


def weighed_in_windows(s: Any, x: Tensor) -> Tensor:
    """Layers that are made for channels first, on windows folded into the batch."""
    n, c, h, w = x.shape
    y = x.view(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, h // 2, w // 2)
    y = s.bn(s.conv(y)).repeat_interleave(2, dim=0)
    return y.view(n, 8, 4, -1) * x[:, :1].flatten(1).repeat_interleave(2, 1).view(n, 8, 1, -1)


def down_and_up(s: Any, x: Tensor) -> Tensor:
    """A U-Net of one step: what was on the way down is put beside what comes up."""
    y = s.down(x)
    up = s.up(functional.hardswish(s.bottom(functional.max_pool2d(y, 2))))
    return s.head(torch.cat([y, up], dim=1))


def taken_apart(s: Any, x: Tensor) -> Tensor:
    """Overlapping windows, numbers in another order, and variances."""
    y = x.unfold(2, 3, 2).unfold(3, 2, 2)
    y = s.gn(y[:, [2, 0, 1]].flatten(3))
    y = s.ln(y.index_select(2, torch.tensor([1, 0])))
    return y * torch.rsqrt(y.var(1, keepdim=True) + 0.5) + y.std((2, 3), keepdim=True)


def summed_by_letters(s: Any, x: Tensor) -> Tensor:
    shares = torch.einsum("nchw, nchv -> ncwv", x, s.conv(x)).softmax(-1)
    y = torch.einsum("ncwv,nchv->ncwh", shares, x)
    y = y + torch.einsum("nchw,hkw->nchk", y, s.places) + torch.einsum("nchw,dc->ndhw", x, s.mixes)
    return torch.einsum("nchw,nchw->ncw", x, y)


def layer_scaled(s: Any, x: Tensor) -> Tensor:
    y = s.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return x + s.gamma * s.conv(y) - s.shift


def summed_up(s: Any, x: Tensor) -> Tensor:
    """A call without an operator here stands between layers that have one."""
    return s.fc(torch.cumsum(s.conv(x), 1).amax((2, 3)))


def masked(s: Any, x: Tensor) -> Tensor:
    """What is no number for a node (a mask) is made where it is read."""
    y = s.conv(x)
    return torch.where(y > 0.1, y, y * s.slope)


def written_into(s: Any, x: Tensor) -> Tensor:
    """Parts that are written over, views that see it, and a whole that is filled by parts."""
    y = s.conv(x)
    left, right = y.chunk(2, dim=1)
    y[:, :1] += 1
    left.mul_(right.sigmoid())
    y.transpose(2, 3)[:, :, 0, 1:-1].unsqueeze(-1).relu_()
    y[:, 3] = x[:, 0]
    y[:, 2, 1:3, ::2] = 0
    whole = x.new_zeros(len(x), 6, 6, 6)
    whole[:, :4] = y
    whole[:, 4:] = s.conv.bias[:1]
    return torch.cat([whole, right], dim=1)


def numbered(s: Any, x: Tensor) -> Tensor:
    return s.conv(x) * s.conv.weight.abs().max().item() + s.mean


def encoded(s: Any, x: Tensor) -> Tensor:
    """Steps first; the decoder starts from the encoder's last states."""
    steps, last = s.encoder(x.transpose(0, 1))
    decoded, states = s.decoder(steps, last)
    return decoded.transpose(0, 1) + states.transpose(0, 1).mean(1, keepdim=True)


def _hyphenated() -> nn.Module:
    block = nn.Sequential()
    block.add_module("block1-0", conv())
    block.add_module("norm-1", nn.GroupNorm(2, 4))
    return nn.Sequential(block, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))


def _taken_apart() -> nn.Module:
    """Normalizations that learn a factor, but no sum."""
    module = Written(taken_apart, ln=nn.LayerNorm(18, bias=False), gn=nn.GroupNorm(1, 3))
    module.gn.bias = None
    return module


def _buffered() -> nn.Module:
    module = Written(numbered, conv=conv())
    module.register_buffer("mean", torch.linspace(0, 1, 4).view(4, 1, 1))
    return module


PICTURE = (3, 6, 6)

MODULES: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "by_functions": lambda: (
        Written(by_functions, conv=conv(), fc=nn.Linear(4 * 9, 5)),
        PICTURE,
    ),
    "in_place": lambda: (Written(in_place, conv=conv(), bn=nn.BatchNorm2d(4)), PICTURE),
    "reused": lambda: (Written(reused, conv=conv(3, 3), act=nn.LeakyReLU(0.2)), PICTURE),
    "tied": lambda: (
        Written(tied, coder=nn.Linear(6, 4, bias=False), bias=nn.Parameter(torch.ones(6))),
        (6,),
    ),
    "chunked": lambda: (Written(chunked, conv=conv()), PICTURE),
    "excited": lambda: (
        Written(excited, conv=conv(), squeeze=nn.Conv2d(4, 2, 1), expand=nn.Conv2d(2, 4, 1)),
        PICTURE,
    ),
    "shuffled": lambda: (Written(shuffled, conv=conv(4)), (4, 6, 6)),
    "siamese": lambda: (
        Written(siamese, arm=nn.Sequential(conv(), nn.Hardswish(), nn.AvgPool2d(3))),
        (torch.randn(2, *PICTURE), torch.randn(2, *PICTURE)),
    ),
    "classed": lambda: (
        Written(
            classed,
            patches=nn.Conv2d(3, 8, 3, 3),
            token=nn.Parameter(torch.randn(1, 1, 8)),
            near=nn.Parameter(torch.randn(5)),
            places=nn.Parameter(torch.randn(1, 5, 8)),
            norm=nn.LayerNorm(8),
            qkv=nn.Linear(8, 24),
            hidden=nn.Linear(8, 16),
            out=nn.Linear(16, 8),
            head=nn.Linear(8, 3),
        ),
        PICTURE,
    ),
    "windowed": lambda: (Written(windowed, fc=nn.Linear(3, 3)), PICTURE),
    "weighed_in_windows": lambda: (
        Written(weighed_in_windows, conv=conv(), bn=nn.BatchNorm2d(4)),
        PICTURE,
    ),
    "down_and_up": lambda: (
        Written(
            down_and_up,
            down=nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU6(inplace=True)),
            bottom=conv(4, 6),
            up=nn.ConvTranspose2d(6, 4, 2, 2),
            head=nn.Conv2d(8, 3, 1),
        ),
        PICTURE,
    ),
    "taken_apart": lambda: (_taken_apart(), PICTURE),
    "in_volumes": lambda: (
        Written(
            lambda s, x: s.conv(x[:, None]), conv=nn.Conv3d(1, 2, (2, 3, 3), padding=(0, 1, 1))
        ),
        PICTURE,
    ),
    "summed_by_letters": lambda: (
        Written(
            summed_by_letters,
            conv=conv(3, 3),
            places=nn.Parameter(torch.randn(6, 6, 6)),
            mixes=nn.Parameter(torch.randn(3, 3)),
        ),
        PICTURE,
    ),
    "layer_scaled": lambda: (
        Written(
            layer_scaled,
            norm=nn.LayerNorm(3),
            conv=conv(3, 3),
            gamma=nn.Parameter(torch.randn(3, 1, 1)),
            shift=nn.Parameter(torch.randn(3, 1, 6)),
        ),
        PICTURE,
    ),
    "summed_up": lambda: (Written(summed_up, conv=conv(), fc=nn.Linear(4, 3)), PICTURE),
    "masked": lambda: (
        Written(masked, conv=conv(), slope=nn.Parameter(torch.tensor(0.3))),
        PICTURE,
    ),
    "written_into": lambda: (Written(written_into, conv=conv()), PICTURE),
    "buffered": lambda: (_buffered(), PICTURE),
    "hyphenated": lambda: (_hyphenated(), PICTURE),
    "weight_norm": lambda: (
        nn.Sequential(nn.utils.parametrizations.weight_norm(conv()), nn.ELU()),
        PICTURE,
    ),
    "multihead": lambda: (
        nn.TransformerEncoderLayer(8, 2, 12, batch_first=True),
        (5, 8),
    ),
    "recurrent": lambda: (
        Written(lambda s, x: s.lstm(x)[0][:, -1], lstm=nn.LSTM(3, 4, batch_first=True)),
        (5, 3),
    ),
    "celled": lambda: (
        Written(lambda s, x: s.lstm(x)[1][1][0], lstm=nn.LSTM(3, 4, batch_first=True)),
        (5, 3),
    ),
    "encoded": lambda: (
        Written(
            encoded,
            encoder=nn.GRU(3, 4, num_layers=2, bidirectional=True),
            decoder=nn.RNN(8, 4, num_layers=4, nonlinearity="relu", bias=False),
        ),
        (5, 3),
    ),
}
