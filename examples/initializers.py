"""First weights decide: zeros and a tiny Gaussian fail, He succeeds.

Seven layers of convolution and ReLU on digits. From zeros every unit computes zero and every kernel
gets gradient zero: only the last bias learns. From a tiny Gaussian the signal is multiplied by
almost nothing in each layer, and so is the gradient on its way back. He et al. (arXiv:1502.01852)
choose the variance, 2 / fan-in, that keeps the size of both from layer to layer.

    python examples/initializers.py --output pictures
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import striate
from striate.data import load
from striate.initialize import initialize
from striate.reference import run

LAYERS = 7
NETWORK = f"INPUT 1x8x8 -> [CONV 16 3x3 same -> RELU]*{LAYERS} -> FC 10"
SCHEMES = {"zeros": "tab:red", "normal(0.01)": "tab:orange", "he": "tab:blue"}


def signal(scheme: str, pictures: np.ndarray) -> list[float]:
    """The root mean square of what each ReLU lets through, before any training."""
    graph = striate.parse(NETWORK)
    values = run(graph, initialize(graph, scheme=scheme), pictures).values
    return [float(np.sqrt((values[f"relu{k}"] ** 2).mean())) for k in range(1, LAYERS + 1)]


def draw(signals: dict, losses: dict, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (scheme, color), size in zip(SCHEMES.items(), (10, 6, 6), strict=True):
        left.plot(range(1, LAYERS + 1), signals[scheme], "o-", color=color, label=scheme)
        right.plot(range(1, len(losses[scheme]) + 1), losses[scheme], "o-", color=color, ms=size)
    left.set_yscale("symlog", linthresh=1e-9)
    left.set(title="Signal before training", xlabel="layer", ylabel="root mean square")
    right.axhline(np.log(10), color="gray", ls=":")
    right.text(len(losses["he"]), 2.2, "guessing: ln 10", ha="right", va="top", color="gray")
    right.set(title="Loss in training", xlabel="epoch", ylim=(0, None))
    right.set_xticks(range(1, len(losses["he"]) + 1))
    left.legend(loc=(0.03, 0.15))
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Zeros, a tiny Gaussian, and He's first weights.")
    parser.add_argument("--fast", action="store_true", help="fewer epochs")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    digits = load("digits")
    signals, losses = {}, {}
    for scheme in SCHEMES:
        signals[scheme] = signal(scheme, digits.test.images[:50] / 255)
        how = {"initializer": scheme, "epochs": 3 if given.fast else 8}
        with tempfile.TemporaryDirectory() as folder:
            result = striate.train(NETWORK, digits, run=f"{folder}/run", quiet=True, **how)
        losses[scheme] = [row.train_loss for row in result.history]
        print(
            f"{scheme:12} signal {signals[scheme][0]:.1e} in the first layer, "
            f"{signals[scheme][-1]:.1e} in the last; loss {losses[scheme][-1]:.3f}, "
            f"{result.test_accuracy:.1%} right"
        )
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(signals, losses, given.output / "initializers.png")


if __name__ == "__main__":
    main()
