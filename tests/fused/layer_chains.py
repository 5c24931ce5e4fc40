"""Chains of layers drawn at random."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from striate.fused.layer import ACTIVATIONS, LayerShape


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[LayerShape], list[Tensor | None]]:
    """Up to three convolutions and up to three dense layers, at least one layer; their weights."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 30)))

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    def bias(outputs: int) -> Tensor | None:
        return random(outputs) if draw(st.booleans()) else None

    number = st.integers
    activations = st.sampled_from(ACTIVATIONS)
    size: tuple[int, ...] = (draw(number(1, 19)), draw(number(4, 21)), draw(number(4, 21)))
    layers: list[LayerShape] = []
    weights: list[Tensor | None] = []
    for _ in range(draw(number(0, 3))):
        kernel = draw(st.sampled_from([(1, 1), (3, 3), (5, 5), (2, 3), (5, 4), (7, 7)]))
        padding = draw(number(0, 3)), draw(number(0, 3))
        if any(size[k + 1] + 2 * padding[k] - kernel[k] < 1 for k in (0, 1)):
            continue
        outputs = draw(number(1, 37))
        scale = (size[0] * kernel[0] * kernel[1]) ** -0.5
        weights += [random(outputs, size[0], *kernel) * scale, bias(outputs)]
        kind = draw(st.sampled_from(["max", "avg"]))
        shape, biased = (outputs, size[0], *kernel), weights[-1] is not None
        layers.append(LayerShape(kind, size, shape, biased, draw(activations), padding))  # type: ignore[arg-type]
        size = layers[-1].size_after
    for _ in range(draw(number(0 if layers else 1, 3))):
        units = torch.Size(size).numel()
        outputs = draw(number(1, 150))
        weights += [random(outputs, units) * units**-0.5, bias(outputs)]
        biased = weights[-1] is not None
        layers.append(LayerShape("dense", (units,), (outputs, units), biased, draw(activations)))
        size = (outputs,)
    return layers, weights
