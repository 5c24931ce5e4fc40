"""An expression as a graph: cos(x) · sin(y) + x / y at (5, 3), with every node's gradient.

A network is nothing but a large expression. Forward, each node computes its value from its inputs.
Backward, each node's gradient is the sum, over the nodes that read it, of their gradient times
their derivative by it; `behind` lists these products. Derived by hand,

    ∂f/∂x = -sin(x) · sin(y) + 1/y        ∂f/∂y = cos(x) · cos(y) - x/y²

    python examples/expression.py --output pictures
"""

import argparse
from math import cos, sin
from pathlib import Path

import numpy as np

import striate
from striate.reference import Backward, Number, behind, run

X, Y = 5.0, 3.0
EXPRESSION = """
x: INPUT 1; y: INPUT 1;
{ { @x -> cos: COSINE | @y -> sin: SINE } product: MUL | { @x | @y } quotient: DIV } sum: ADD
"""
PLACES = {"x": (0, 0.5), "y": (0, 1.5), "cos": (1, 0), "sin": (1, 1), "quotient": (1, 2)}
PLACES |= {"product": (2, 0.5), "sum": (3, 1.25)}


def draw(backward: Backward, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    box = {"boxstyle": "round,pad=0.5", "facecolor": "aliceblue", "edgecolor": "tab:blue"}
    for name, (column, row) in PLACES.items():
        value, gradient = backward.trace.values[name].item(), backward.nodes[name].item()
        text = f"{name}\nvalue {value:.4f}\ngradient {gradient:.4f}"
        axes.text(column, row, text, ha="center", va="center", bbox=box, zorder=2)
        for source in backward.trace.graph[name].inputs:
            way = {"arrowstyle": "->", "shrinkA": 55, "shrinkB": 60, "color": "gray"}
            axes.annotate("", (column, row), PLACES[source], arrowprops=way, zorder=1)
    axes.set(xlim=(-0.5, 3.5), ylim=(2.5, -0.5), title=f"cos(x) · sin(y) + x / y at ({X:g}, {Y:g})")
    axes.set_axis_off()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="cos(x) * sin(y) + x / y as a graph.")
    parser.add_argument("--fast", action="store_true", help="changes nothing: it is quick")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    graph = striate.parse(EXPRESSION)
    trace = run(graph, {}, [np.array([X]), np.array([Y])])
    backward = trace.backward(error=np.ones((1, 1)))  # the gradient of the sum by itself
    for node in graph:
        value, gradient = trace.values[node.name].item(), backward.nodes[node.name].item()
        products = behind(trace, Number(node.name, (0,), gradient=True), backward)
        text = " + ".join("·".join(each.what for each in one.factors) for one in products)
        reason = f" = {text.replace('[0]', '')}" if text else ""
        print(f"{node.name:8} value {value:7.4f}   gradient {gradient:7.4f}{reason}")

    by_hand = {"x": -sin(X) * sin(Y) + 1 / Y, "y": cos(X) * cos(Y) - X / Y**2}
    for name, derived in by_hand.items():
        difference = abs(backward.nodes[name].item() - derived)
        print(f"∂f/∂{name} by hand {derived:.12f}, difference {difference:.1e}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(backward, given.output / "expression.png")


if __name__ == "__main__":
    main()
