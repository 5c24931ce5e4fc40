"""What pooling does: digits shifted and rotated, through the layers with and without pooling.

Two networks, alike but for max-pooling, learn the same digits. Then test digits are moved: values
of the layers go further without pooling, and more of the answers turn wrong.

    python examples/what_pooling_does.py --output pictures
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import striate
from striate.data import load
from striate.reference import run

NETWORKS = {
    "pooling": "INPUT 1x16x16 -> [CONV 16 3x3 same -> RELU -> MAXPOOL 2]*2 -> FC 10",
    "plain": "INPUT 1x16x16 -> [CONV 16 3x3 same -> RELU]*2 -> FC 10",
}
MOVES = {"shifted": {"angle": 0, "translate": (1, 0)}, "rotated": {"angle": 15}}


def moved(pictures: np.ndarray, move: dict) -> np.ndarray:
    images = [Image.fromarray(each[0]).rotate(resample=2, **move) for each in pictures]
    return np.stack(images)[:, None]


def distance(old: np.ndarray, new: np.ndarray) -> float:
    return float(np.linalg.norm(new - old) / np.linalg.norm(old))


def draw(found: dict[str, dict[str, float]], pictures: dict, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    parts = figure.subplot_mosaic([[*pictures], ["all"] * 3], height_ratios=(1, 2.2))
    for name, each in pictures.items():
        parts[name].imshow(each[0, 0], cmap="gray")
        parts[name].set(title=name, xticks=[], yticks=[])
    parts["all"].set_prop_cycle(color=["tab:blue"] * 2 + ["tab:red"] * 2, ls=["-", "--"] * 2)
    for name, line in found.items():
        parts["all"].plot(*zip(*line.items(), strict=True), marker="o", label=name)
    parts["all"].set(ylabel="relative change", ylim=(0, None))
    parts["all"].legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="A moved digit with and without pooling.")
    parser.add_argument("--fast", action="store_true", help="fewer epochs of training")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    test, found = load("digits", size=(16, 16)).test, {}
    pictures = {"digit": test.images} | {name: moved(test.images, MOVES[name]) for name in MOVES}
    how = {"learning_rate": 0.01, "epochs": 3 if given.fast else 10}
    for network, text in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            result = striate.train(text, "digits", run=f"{folder}/run", quiet=True, **how)
            model = striate.Model.load(result.model)
        print(f"{network}: {result.test_accuracy:.0%} of the digits right")
        inputs = [model.preprocessing.normalize_array(each) for each in pictures.values()]
        old, *others = (run(model.graph, model.weights, each).values for each in inputs)
        for name, new in zip(MOVES, others, strict=True):
            right = (new["fc1"].argmax(axis=1) == test.labels).mean()
            line = found[f"{network}, {name}"] = {k: distance(old[k], new[k]) for k in old}
            changes = ", ".join(f"{layer} {change:.2f}" for layer, change in line.items())
            print(f"{network}, {name}: {right:.0%} right; relative change of {changes}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(found, pictures, given.output / "what_pooling_does.png")


if __name__ == "__main__":
    main()
