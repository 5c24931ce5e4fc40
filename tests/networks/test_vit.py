"""The vision transformer: torchvision's sizes, and attention as in PyTorch's own layer."""

from __future__ import annotations

import torch
from torch import nn

from striate.analysis.table import table
from striate.networks import network, vit
from striate.notation import parse


def test_its_larger_sister_is_torchvisions() -> None:
    """vit_b_16 of torchvision 0.29.1: all numel; FlopCounterMode / 2, attention by products."""
    totals = table(parse(vit.notation(768, 12))).totals
    assert totals["parameters"] == 86_567_656
    assert totals["multiply_adds"] == 17_563_828_224


def test_its_multiply_adds_by_hand() -> None:
    """196 patches of 3x16x16; 197 tokens of 192 through 12 blocks; 1000 classes from one."""
    patches, tokens, width = 196 * 3 * 16 * 16 * 192, 197, 192
    dense = tokens * width * (3 * width + width + 4 * width + 4 * width)
    fits, means = tokens * tokens * width, tokens * tokens * width
    wanted = patches + 12 * (dense + fits + means) + width * 1000
    assert table(parse(network("vit_tiny").notation)).totals["multiply_adds"] == wanted


def test_attention_is_pytorchs() -> None:
    tokens, width, heads = 5, 6, 3
    graph = parse(f"INPUT {tokens}x{width} -> {vit.attention(tokens, width, heads)}")
    module, peer = graph.module().double(), nn.MultiheadAttention(width, heads, batch_first=True)
    peer = peer.double()
    nn.init.normal_(peer.in_proj_bias)
    nn.init.normal_(peer.out_proj.bias)
    module.fc1.load_state_dict({"weight": peer.in_proj_weight, "bias": peer.in_proj_bias})
    module.fc2.load_state_dict(peer.out_proj.state_dict())
    x = torch.randn(2, tokens, width, dtype=torch.float64)
    torch.testing.assert_close(module(x), peer(x, x, x, need_weights=False)[0])
