"""Does `why` add up? A thousand random numbers of a trained network, forward and backward.

    STRIATE_DATA=... python benchmarks/why_adds_up.py [--model FILE] [--count 1000] [--save]

Without --model the MNIST network of the README is trained for one epoch.
Each number is drawn in three steps: a picture of the test set, a node or weight (its value, or
the gradient by it), a position; every node, weight and direction is equally likely. Gradients
are of the loss for a class that is not predicted: for the predicted one the loss of a trained
network is nearly 0 and its gradient in float32 little but rounding (--target predicted shows it).

Two residuals of each:

    reference   sum of the products against the reference engine's array, both float64,
                relative to the larger of |sum| and the sum of |products|
    stored      sum of the products against PyTorch in float32, relative to the largest of those
                two and the root mean square of the array that the number stands in

and, with nothing done for numbers that cancel, |residual| / |value|. The exit code is 1 when the
largest reference residual is 1e-10 or more, or the largest stored one 1e-4 or more.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import striate
from striate.analysis.why.explanation import Explanation
from striate.analysis.why.inquiry import Inquiry
from striate.data import load
from striate.model import Model

NETWORK = "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 1024 -> RELU -> FC 10"
RESULT = Path(__file__).parent / "results" / "why_adds_up.json"
BOUNDS = {"reference": 1e-10, "stored": 1e-4}
QUANTILES = (0.5, 0.9, 0.99, 1.0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="a model file; otherwise one is trained")
    parser.add_argument("--data-dir", default=os.environ.get("STRIATE_DATA"))
    parser.add_argument("--network", default=NETWORK)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=25)
    parser.add_argument("--target", choices=("other", "predicted"), default="other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help=f"write results/{RESULT.name}")
    return parser.parse_args()


def model_of(options: argparse.Namespace) -> Model:
    """The model asked for, or a freshly trained one."""
    if options.model:
        return Model.load(options.model)
    with tempfile.TemporaryDirectory() as folder:
        result = striate.train(
            options.network,
            "mnist",
            data_dir=options.data_dir,
            run=Path(folder) / "run",
            epochs=options.epochs,
            seed=options.seed,
        )
        print(f"trained to {result.test_accuracy:.2%} in {result.seconds:.0f} s")
        return Model.load(result.model)


def drawn(inquiry: Inquiry, rng: np.random.Generator) -> str:
    """A random number: the value of a node, or the gradient by a node or weight."""
    graph = inquiry.graph
    kinds = [(node.name, graph.specs[node.name].shape, ".grad") for node in graph]
    kinds = [kind for kind in kinds if kind[0] != "probability"]
    kinds += [(node.name, graph.specs[node.name].shape, "") for node in graph]
    kinds += [
        (f"{node.name}.{name}", weight.shape, ".grad")
        for node in graph
        for name, weight in graph.weights(node).items()
        if weight.trainable
    ]
    name, shape, gradient = kinds[rng.integers(len(kinds))]
    place = f"[{','.join(str(rng.integers(n)) for n in shape)}]" if shape else ""
    return f"{name}{place}{gradient}"


def asked(model: Model, options: argparse.Namespace) -> list[Explanation]:
    """The answers about `count` random numbers."""
    test = load("mnist", data_dir=options.data_dir).split("test")
    rng = np.random.default_rng(options.seed)
    found = []
    for share in np.array_split(np.arange(options.count), options.pictures):
        pixels = test.images[rng.integers(len(test.images))]  # type: ignore[union-attr]
        best = model.predict([pixels])[0].label
        others = [name for name in model.classes if name != best]
        target = best if options.target == "predicted" else str(rng.choice(others))
        inquiry = Inquiry(model, pixels, target)
        found += [inquiry.why(drawn(inquiry, rng)) for _ in share]
    return found


def residuals(found: list[Explanation]) -> dict[str, np.ndarray]:
    """The relative residuals of the answers, by kind."""
    plain = [(e.stored or 0.0, e.reference, e.value) for e in found]
    return {
        "reference": np.array([e.reference_residual for e in found]),
        "stored": np.array([e.relative_residual for e in found]),
        "reference, plain": np.array([abs(v - r) / abs(v) if v else abs(r) for _, r, v in plain]),
        "stored, plain": np.array([abs(s - v) / abs(v) if v else abs(s) for s, _, v in plain]),
    }


def report(found: list[Explanation], seconds: float, options: argparse.Namespace) -> dict[str, Any]:
    """Figures as printed and saved."""
    by_kind = residuals(found)
    backward = sum(e.what.endswith(".grad") for e in found)
    worst = {kind: found[int(by_kind[kind].argmax())] for kind in BOUNDS}
    return {
        "numbers": len(found),
        "forward": len(found) - backward,
        "backward": backward,
        "products": sum(len(e.terms) for e in found),
        "seconds": round(seconds, 1),
        "target": options.target,
        "residuals": {
            kind: {f"{q:g}": float(np.quantile(values, q)) for q in QUANTILES}
            for kind, values in by_kind.items()
        },
        "worst": {
            kind: {"what": e.what, "value": e.value, "reference": e.reference, "stored": e.stored}
            for kind, e in worst.items()
        },
        "ok": all(by_kind[kind].max() < bound for kind, bound in BOUNDS.items()),
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def main() -> int:
    """Print the figures; 1 when they miss the bounds."""
    options = arguments()
    model = model_of(options)
    start = time.perf_counter()
    figures = report(asked(model, options), time.perf_counter() - start, options)
    print(
        f"{figures['numbers']} numbers ({figures['forward']} forward, {figures['backward']} "
        f"backward), {figures['products']:,} products, {figures['seconds']} s"
    )
    print(f"{'relative residual':20}" + "".join(f"{'q' + f'{q:g}':>12}" for q in QUANTILES))
    for kind, quantiles in figures["residuals"].items():
        print(f"{kind:20}" + "".join(f"{value:12.1e}" for value in quantiles.values()))
    for kind, worst in figures["worst"].items():
        print(f"worst, {kind}: {worst}")
    print(f"{figures['machine']}, torch {figures['torch']}, {figures['date']}")
    print("ok" if figures["ok"] else f"NOT within {BOUNDS}")
    if options.save:
        RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
