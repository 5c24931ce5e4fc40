"""A 1x1 convolution is a dense layer over the channels, the same one at every pixel.

Here three numbers a pixel (red, green, blue) become three others: brightness (Rec. 601), red
against green, blue against yellow. Once a convolution does it to the picture, once a dense layer
does it to the list of pixels. Values and gradients are the same.

    python examples/one_by_one.py --output pictures
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

import striate
from striate.reference import run

MIX = np.array([[0.299, 0.587, 0.114], [1.0, -1.0, 0.0], [-0.5, -0.5, 1.0]])
COLORS = {"brightness": "gray", "red - green": "PiYG_r", "blue - yellow": "PuOr"}


def as_pixels(maps: np.ndarray) -> np.ndarray:
    """(channels, height, width) as a list of pixels (height · width, channels)."""
    return maps.reshape(len(maps), -1).T


def draw(picture: np.ndarray, maps: np.ndarray, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.3), layout="constrained")
    first, *others = figure.subplots(1, 4)
    first.imshow(picture.transpose(1, 2, 0))
    first.set_title("red, green, blue")
    for axes, values, name in zip(others, maps, COLORS, strict=True):
        axes.imshow(values, cmap=COLORS[name], vmin=0 if name == "brightness" else -1, vmax=1)
        axes.set_title(name)
    for axes in (first, *others):
        axes.set_axis_off()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="A 1x1 convolution equals a dense layer.")
    parser.add_argument("--fast", action="store_true", help="a smaller picture")
    parser.add_argument("--output", type=Path, help="the folder to draw a picture in")
    given = parser.parse_args()

    step = 12 if given.fast else 3
    picture = load_sample_image("flower.jpg")[::step, ::step].transpose(2, 0, 1) / 255
    _, height, width = picture.shape
    convolution = striate.parse(f"INPUT 3x{height}x{width} -> CONV 3 1x1")
    dense = striate.parse("INPUT 3 -> FC 3")
    bias = np.array([0.0, 0.1, -0.1])

    conv = run(convolution, {"conv1": {"weight": MIX[:, :, None, None], "bias": bias}}, picture)
    fc = run(dense, {"fc1": {"weight": MIX, "bias": bias}}, as_pixels(picture))
    maps, rows = conv.values["conv1"][0], fc.values["fc1"]

    error = np.random.default_rng(1).normal(size=maps.shape)  # any gradient from behind will do
    back_conv, back_fc = conv.backward(error[None]), fc.backward(as_pixels(error))
    by_conv, by_fc = back_conv.weights["conv1"]["weight"], back_fc.weights["fc1"]["weight"]
    by_picture, by_pixels = back_conv.nodes["input"][0], back_fc.nodes["input"]

    print(f"{height * width} pixels, {by_conv.size} weights and {bias.size} biases in both")
    print(
        f"largest differences between convolution and dense layer (values up to {maps.max():.2f}):"
    )
    print(f"  values            {abs(as_pixels(maps) - rows).max():.1e}")
    print(f"  weight gradients  {abs(by_conv[:, :, 0, 0] - by_fc).max() / abs(by_fc).max():.1e}")
    print(f"  input gradients   {abs(as_pixels(by_picture) - by_pixels).max():.1e}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        draw(picture, maps, given.output / "one_by_one.png")


if __name__ == "__main__":
    main()
