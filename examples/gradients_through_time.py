"""Gradients through time: sigmoid RNN, ReLU RNN with large weights, GRU and LSTM, step by step.

A digit is read pixel by pixel, 64 steps, and the loss is behind the last. On its way back a
gradient meets at each step the recurrent weights and the derivative of the activation. The
sigmoid's is at most 0.25: it vanishes. ReLU's is 1 or 0: with weights three times as large it
explodes. GRU and LSTM also hand their state on by a gate. At 0.5, as at the start, the gradient
vanishes too, though less; a bias of 4 opens the gate to 0.98, and it arrives. Nothing is trained.

    python examples/gradients_through_time.py --output pictures
"""

import argparse
from pathlib import Path

import numpy as np

import striate
from striate.data import load
from striate.initialize import initialize
from striate.reference import run

UNITS, STEPS = 32, 64
OPEN = 4.0
CELLS = {  # layer, the state it hands on, times its recurrent weights, bias of its second gate
    "sigmoid RNN": (f"RNN {UNITS} nonlinearity=sigmoid last", "hidden", 1, 0.0),
    "ReLU RNN, 3 x": (f"RNN {UNITS} nonlinearity=relu last", "hidden", 3, 0.0),
    "GRU": (f"GRU {UNITS} last", "hidden", 1, 0.0),
    "GRU, open": (f"GRU {UNITS} last", "hidden", 1, OPEN),  # the update gate
    "LSTM": (f"LSTM {UNITS} last", "cell", 1, 0.0),
    "LSTM, open": (f"LSTM {UNITS} last", "cell", 1, OPEN),  # the forget gate
}


def gradients(cell: str, sequences: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean |∂loss/∂state| at every step, first step first."""
    layer, state, times, bias = CELLS[cell]
    graph = striate.parse(f"INPUT 1x{STEPS} -> {layer} -> FC 10")
    weights = initialize(graph, seed=1)
    name = f"{layer.split()[0].lower()}1"
    weights[name]["weight_hh_l0"] *= times
    weights[name]["bias_ih_l0"][UNITS : 2 * UNITS] = bias  # of an RNN there is no such part
    trace = run(graph, weights, sequences, training=True, target=labels)
    return abs(trace.backward().inner[name][state]).mean(axis=(0, 1))


def draw(found: dict[str, np.ndarray], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, color in zip(found, ("red", "purple", "blue", "blue", "green", "green"), strict=True):
        style = "-" if name.endswith("open") else "--"
        axes.semilogy(range(STEPS), found[name], style, color=f"tab:{color}", label=name)
    axes.set(title="The gradient that reaches each step", ylabel="mean |gradient| of the state")
    axes.set_xlabel("step (the loss is behind the last)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Gradients step by step: RNN, GRU and LSTM.")
    parser.add_argument("--fast", action="store_true", help="fewer digits")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()
    digits = load("digits").train.take(np.arange(20 if given.fast else 200))
    sequences = digits.images.reshape(-1, 1, STEPS) / 255
    found = {cell: gradients(cell, sequences, digits.labels) for cell in CELLS}

    for name, each in found.items():
        print(f"{name + ': first step / last step =':38} {each[0] / each[-1]:.2e}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(found, given.output / "gradients_through_time.png")


if __name__ == "__main__":
    main()
