"""Why convolution: parameters of a dense and of a convolutional layer that make the same maps.

From a color picture of n x n pixels to 8 maps of n x n. The convolution has 8 kernels of 3x3x3 and
8 biases, whatever n is. The dense layer has a weight from every pixel to every output, n⁴ · 24 of
them. The convolution is the dense layer with most weights fixed at zero (it looks at a window) and
the others shared (it looks everywhere with the same eyes): its connections are in between.
`striate.table` counts without making a single weight.

    python examples/dense_against_convolution.py --output pictures
"""

import argparse
from pathlib import Path

import striate

SIDES = (8, 16, 32, 64, 128, 224)
CURVES = {
    "parameters of the dense layer": "tab:red",
    "connections of the convolution": "tab:orange",
    "parameters of the convolution": "tab:blue",
}


def count(side: int) -> tuple[int, int, int]:
    """One number for each of CURVES."""
    dense = striate.parse(f"INPUT 3x{side}x{side} -> FC {8 * side * side}")
    convolution = striate.parse(f"INPUT 3x{side}x{side} -> CONV 8 3x3 same")
    ours = striate.table(convolution).totals
    return striate.table(dense).totals["parameters"], ours["connections"], ours["parameters"]


def draw(counts: list[tuple[int, int, int]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for curve, (label, color) in zip(zip(*counts, strict=True), CURVES.items(), strict=True):
        axes.loglog(SIDES, curve, "o-", color=color, label=label)
    axes.set(title="From 3 channels to 8 maps of the same size", xlabel="side of the picture")
    axes.set_xticks(SIDES, SIDES)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Parameter counts: dense against convolution.")
    parser.add_argument("--fast", action="store_true", help="changes nothing: it is quick")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    counts = [count(side) for side in SIDES]
    print("                       dense                convolution")
    print(" picture          parameters     connections   parameters")
    for side, (dense, connections, shared) in zip(SIDES, counts, strict=True):
        print(f"{side:4}x{side:<4} {dense:18,} {connections:15,} {shared:12,}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(counts, given.output / "dense_against_convolution.png")


if __name__ == "__main__":
    main()
