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
from striate import drawing
from striate.reference import Number, behind, run

X, Y = 5.0, 3.0
EXPRESSION = """
x: INPUT 1; y: INPUT 1;
{ { @x -> cos: COSINE | @y -> sin: SINE } product: MUL | { @x | @y } quotient: DIV } sum: ADD
"""


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
        place = given.output / "expression.png"
        place.unlink(missing_ok=True)
        drawing.save(drawing.graph(graph, {"x": X, "y": Y}), place)


if __name__ == "__main__":
    main()
