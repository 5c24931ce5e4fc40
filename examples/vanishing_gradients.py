"""Vanishing gradients: sigmoid against ReLU, layer by layer.

On its way back a gradient is multiplied by the derivative of every activation that it passes. The
sigmoid's, s(1 - s), is at most 0.25, so each layer leaves less for the one before it. ReLU's is 1
or 0: what passes, passes whole. Both networks start from the weights that suit them (Xavier for the
sigmoid, He for ReLU), and nothing is trained: the gradients of the first step tell it all.

    python examples/vanishing_gradients.py --output pictures
"""

import argparse
from pathlib import Path

import numpy as np

import striate
from striate.data import load
from striate.initialize import initialize
from striate.reference import run

LAYERS = 10
ACTIVATIONS = ("SIGMOID", "RELU")


def gradients(activation: str, pictures: np.ndarray, labels: np.ndarray) -> list[float]:
    """Mean |∂loss/∂weight| of every convolution, first layer first."""
    graph = striate.parse(f"INPUT 1x8x8 -> [CONV 8 3x3 same -> {activation}]*{LAYERS} -> FC 10")
    trace = run(graph, initialize(graph, seed=1), pictures, training=True, target=labels)
    by_weight = trace.backward().weights
    return [abs(by_weight[f"conv{k}"]["weight"]).mean() for k in range(1, LAYERS + 1)]


def draw(found: dict[str, list[float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, color in zip(ACTIVATIONS, ("tab:red", "tab:blue"), strict=True):
        axes.semilogy(range(1, LAYERS + 1), found[name], "o-", color=color, label=name.lower())
    axes.set(
        title="The gradient that reaches each layer",
        xlabel="layer (the loss is behind the last)",
        ylabel="mean |gradient| of its weights",
        xticks=range(1, LAYERS + 1),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Gradients layer by layer: sigmoid against ReLU.")
    parser.add_argument("--fast", action="store_true", help="fewer pictures")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    digits = load("digits").train.take(np.arange(20 if given.fast else 200))
    found = {name: gradients(name, digits.images / 255, digits.labels) for name in ACTIVATIONS}

    print("mean |gradient| of the weights\nlayer     sigmoid        relu")
    for k, (sigmoid, relu) in enumerate(zip(*found.values(), strict=True), start=1):
        print(f"{k:5}   {sigmoid:9.2e}   {relu:9.2e}")
    for name in ACTIVATIONS:
        print(f"{name.lower()}: first layer / last layer = {found[name][0] / found[name][-1]:.2e}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(found, given.output / "vanishing_gradients.png")


if __name__ == "__main__":
    main()
