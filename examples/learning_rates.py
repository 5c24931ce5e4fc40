"""Gradient descent seen at work: a small, a good and a too large learning rate.

A straight line y = weight · x + bias is fitted to points: a network of one dense unit with squared
error. Its loss is a bowl, and how steep the bowl is decides everything. With λ the bowl's largest
curvature, a step of rate r multiplies the error in that direction by 1 - rλ, so

    r far below 1/λ creeps; r about 1/λ is good; r above 2/λ overshoots further at every step

    python examples/learning_rates.py --output pictures
"""

import argparse
from pathlib import Path

import numpy as np

import striate
from striate.reference import step

LINE = striate.parse("INPUT 1 -> FC 1 -> SQUAREDERROR")
WEIGHT, BIAS = 3.0, 1.0
RATES = {"small": 0.03, "good": 1.0, "too large": 2.1}  # in units of 1/λ
COLORS = {"small": "tab:blue", "good": "tab:green", "too large": "tab:red"}


def descend(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Loss, weight and bias at every step, as rows."""
    weights = {"fc1": {"weight": np.array([[-1.0]]), "bias": np.array([-1.0])}}
    rows = []
    for _ in range(steps + 1):
        line = weights["fc1"]
        loss, weights = step(LINE, weights, x, y, rate=rate)
        rows.append((loss, line["weight"].item(), line["bias"].item()))
    return np.array(rows)


def draw(paths: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    weight, bias = np.meshgrid(np.linspace(-4, 10, 99), np.linspace(-6, 8, 99))
    bowl = ((weight * x[:, :, None] + bias - y[:, :, None]) ** 2).mean(axis=0) / 2
    right.contour(weight, bias, bowl, 14, colors="lightgray", linewidths=0.8)
    for name, rows in reversed(paths.items()):
        left.semilogy(rows[:, 0], color=COLORS[name], label=name)
        right.plot(*rows[:8, 1:].T, ".-", color=COLORS[name], lw=1)
    right.plot(*paths["good"][-1, 1:], "k*", markersize=12)
    right.set(xlabel="weight", ylabel="bias", title="The first seven steps, from above")
    left.set(xlabel="step", ylabel="loss", title="Loss")
    left.legend()
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Three learning rates on a linear regression.")
    parser.add_argument("--fast", action="store_true", help="fewer steps")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    x = (rng := np.random.default_rng(1)).uniform(-1, 2, (50, 1))
    y = WEIGHT * x + BIAS + rng.normal(0, 0.3, x.shape)
    design = np.hstack([x, np.ones_like(x)])
    curvature = np.linalg.eigvalsh(design.T @ design / len(x)).max()
    (weight,), (bias,) = np.linalg.lstsq(design, y)[0]
    print(f"best: {weight:.4f} x + {bias:.4f}; descent diverges above rate {2 / curvature:.4f}")
    paths = {}
    for name, share in RATES.items():
        rate = share / curvature
        paths[name] = descend(x, y, rate, 40 if given.fast else 60)
        loss, weight, bias = paths[name][-1]
        print(f"{name:9} rate {rate:.4f}: {weight:.4f} x + {bias:.4f}, loss {loss:.4f}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(paths, x, y, given.output / "learning_rates.png")


if __name__ == "__main__":
    main()
