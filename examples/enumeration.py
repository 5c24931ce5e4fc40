"""Every product of a small convolution, forward and backward.

Input A, kernel K, output B. Forward each number of B is a sum of products of A and K. Backward,
∇ being the gradient of the loss, each number of A gathers the ∇B of the outputs that it went into,
each times the weight it went through; each number of K gathers ∇B times A over all its places.
`striate.why` lists the products; the residual is PyTorch's float32 number less their sum.

    python examples/enumeration.py --output pictures
"""

import argparse
import re
from pathlib import Path

import numpy as np

import striate
from striate.analysis.why.explanation import Explanation

NAMES = {"A": "A", "B": "B", "B.weight": "K"}


def short(what: str) -> str:
    """∇B12 for B[0,1,2].grad, K01 for B.weight[0,0,0,1]."""
    match = re.fullmatch(r"([\w.]+)\[[\d,]*(\d),(\d)\](\.grad)?", what)
    node, row, column, gradient = match.groups()
    return f"{'∇' if gradient else ''}{NAMES[node]}{row}{column}"


def products(explanation: Explanation) -> list[str]:
    return ["·".join(short(each.what) for each in term.factors) for term in explanation.terms]


def ask(size: int, kernel: int, question: str, side: int) -> list[Explanation]:
    """Why is each number what it is? `question` has places for its row and column."""
    graph = striate.parse(
        f"A: INPUT 1x{size}x{size} -> B: CONV 1 {kernel} bias=no -> FLATTEN -> SQUAREDERROR"
    )
    rng = np.random.default_rng(7)
    picture = rng.normal(size=(1, size, size)).round(1)
    weights = {"B": {"weight": rng.normal(size=(1, 1, kernel, kernel)).round(1)}}
    wanted = rng.normal(size=(size - kernel + 1) ** 2).round(1)
    questions = [question.format(*place) for place in np.ndindex(side, side)]
    return [striate.why((graph, weights), picture, each, wanted) for each in questions]


def draw(found: list[Explanation], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 7.8), layout="constrained")
    axes = figure.subplots()
    counts = np.reshape([len(each.terms) for each in found], (5, 5))
    axes.imshow(counts, cmap="YlGnBu", vmin=0, vmax=20)
    for (row, column), each in zip(np.ndindex(5, 5), found, strict=True):
        text = "\n".join([f"{short(each.what)} =", *products(each)])
        axes.text(column, row, text, ha="center", va="center", fontsize=8)
    axes.set(xticks=[], yticks=[], title="5x5 input, 3x3 kernel: what sums to each ∇A")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Every product of a small convolution.")
    parser.add_argument("--fast", action="store_true", help="changes nothing: it is quick")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    a, b, k = "A[0,{},{}].grad", "B[0,{},{}]", "B.weight[0,0,{},{}].grad"
    for size, kernel, question, side in ((3, 2, b, 2), (3, 2, a, 3), (3, 2, k, 2), (5, 3, a, 5)):
        print(f"{size}x{size} input, {kernel}x{kernel} kernel")
        for each in (found := ask(size, kernel, question, side)):
            answer = f"{short(each.what)} = {' + '.join(products(each))} = {each.value:.4f}"
            print(f"  {answer}   residual {each.residual:.0e}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(found, given.output / "enumeration.png")


if __name__ == "__main__":
    main()
