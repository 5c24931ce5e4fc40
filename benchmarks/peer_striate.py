"""Nets A, B and C as `striate train` runs them: an adapter of peers.py."""

from __future__ import annotations

import numpy as np
from peer import CONVOLUTIONS, FLAT, RATES, asked, serve, weights

NET, X, Y = asked()

import torch  # noqa: E402  # only now: it counts the cores that it may use

from striate.bench.nets import NETS  # noqa: E402
from striate.engine import LossGradients, lower, optimizer  # noqa: E402
from striate.notation import parse  # noqa: E402


def main() -> None:
    graph = parse(NETS[NET].text)
    names = [name for name in ("conv1", "conv2", "fc1", "fc2", "fc3") if name in graph]
    first = {}
    for name, (kernel, bias) in zip(names, weights(NET), strict=True):
        # The others have channels last, and so has what their first dense layer reads.
        turned = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
        if name == "fc1":
            channels = CONVOLUTIONS[NET][1][1]
            side = int((FLAT[NET] / channels) ** 0.5)
            maps = turned.reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
            turned = maps.reshape(len(turned), -1)
        first[name] = {"weight": np.ascontiguousarray(turned), "bias": bias}
    module = lower(graph, first)
    update = optimizer(NETS[NET].optimizer, module, RATES[NET])
    gradients = LossGradients(graph, module)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        _, loss = gradients(torch.from_numpy(x), torch.from_numpy(y))
        update.step()
        return loss.item()

    serve("Striate", step, X, Y)


main()
