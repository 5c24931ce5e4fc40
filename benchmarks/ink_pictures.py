"""Pictures of digits as a phone takes them, drawn: paper, pens, light, shadow, noise, JPEG.

The digits are splines drawn here, Pillow's own font, and MNIST's test digits as if written.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SOURCES = ("drawn", "written", "printed")

# Ways of a pen on a square of 0..100, "across,down" each; a bar ends one stroke.
WAYS = {
    0: "50,5 18,30 20,75 50,95 80,70 80,28 50,5",
    1: "38,22 55,5 53,50 50,95",
    2: "20,28 45,5 75,25 50,60 18,93 50,90 83,93",
    3: "20,15 50,5 75,25 45,47 80,70 50,95 18,83",
    4: "55,5 35,35 15,62 50,62 88,60|66,35 64,97",
    5: "75,7 50,8 30,7 27,42 55,40 78,65 50,95 20,85",
    6: "68,5 35,35 22,70 45,95 75,75 55,52 26,68",
    7: "18,8 50,9 82,8 60,45 42,95",
    8: "70,18 45,5 28,25 50,45 76,70 50,95 24,72 50,46 74,22 68,15",
    9: "75,30 50,5 25,25 45,48 74,30 70,60 60,95",
}
# (paper, ink): white, cream, yellow, pink, blue, gray and brown paper; two blackboards.
COLORS = (
    ((245, 245, 242), (25, 25, 30)),
    ((240, 232, 210), (20, 40, 120)),
    ((250, 225, 110), (30, 30, 30)),
    ((245, 190, 200), (90, 20, 60)),
    ((190, 215, 240), (20, 30, 90)),
    ((200, 200, 200), (95, 95, 100)),
    ((185, 150, 105), (40, 25, 20)),
    ((250, 250, 250), (200, 30, 40)),
    ((235, 240, 235), (20, 110, 60)),
    ((35, 60, 45), (235, 235, 225)),
    ((30, 30, 32), (240, 210, 90)),
)


@dataclass(frozen=True)
class Photograph:
    """A picture file, the digit in it, and whose hand it is by."""

    content: bytes
    digit: int
    source: str


def photographs(count: int, seed: int, written: dict[int, np.ndarray]) -> Iterator[Photograph]:
    """So many pictures of varied digits.

    Args:
        written: pictures N x 28 x 28 (uint8, white on black) of each digit.
    """
    for number in range(count):
        random = np.random.default_rng([seed, number])
        digit, source = number % 10, SOURCES[number // 10 % len(SOURCES)]
        mask = _mask(digit, source, written, random)
        yield Photograph(_taken(mask, random), digit, source)


def _mask(
    digit: int, source: str, written: dict[int, np.ndarray], random: np.random.Generator
) -> np.ndarray:
    """How much ink lies where, 0..1, cut to the digit, about 60 to 500 pixels high."""
    height = int(np.exp(random.uniform(np.log(60), np.log(500))))
    if source == "printed":
        font = ImageFont.load_default(size=height)
        image = Image.new("L", (2 * height, 2 * height))
        ImageDraw.Draw(image).text((height // 2, height // 2), str(digit), fill=255, font=font)
    elif source == "drawn":
        image = _drawn(digit, height, random)
    else:
        choice = written[digit][random.integers(len(written[digit]))]
        image = Image.fromarray(choice).resize((height, height), Image.Resampling.BICUBIC)
        edge = np.clip((np.asarray(image, dtype=float) - 90) / 60, 0, 1)
        image = Image.fromarray((edge * 255).astype(np.uint8))
    turned = image.rotate(random.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True)
    return np.asarray(turned.crop(turned.getbbox()), dtype=float) / 255


def _drawn(digit: int, height: int, random: np.random.Generator) -> Image.Image:
    side, pen = 2 * height, height * random.choice([0.05, 0.08, 0.13, 0.2])
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    wide = random.uniform(0.75, 1.1)
    for stroke in WAYS[digit].split("|"):
        way = np.array([place.split(",") for place in stroke.split()], dtype=float) / 100
        points = way + random.normal(0, 0.02, way.shape)
        for x, y in _spline(points) * (wide, 1.0):
            x, y = height * (0.5 + x), height * (0.5 + y)
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return image


def _spline(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom curve through the points, finely sampled."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 80)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        parts.append(b + 0.5 * ((c - a) * t + bend))
    return np.concatenate(parts)


def _taken(mask: np.ndarray, random: np.random.Generator) -> bytes:
    """The photograph of the ink on paper, as a JPEG."""
    tall, wide = mask.shape
    height = int(tall * random.uniform(1.3, 4.0))
    width = max(int(wide * random.uniform(1.5, 4.0)), int(0.6 * height))
    top = int(random.uniform(0.1, 0.9) * (height - tall))
    left = int(random.uniform(0.1, 0.9) * (width - wide))
    paper, ink = (np.array(each, float) for each in COLORS[random.integers(len(COLORS))])
    share = np.zeros((height, width, 1))
    share[top : top + tall, left : left + wide, 0] = mask
    scene = np.full((height, width, 3), paper)
    if random.random() < 0.2:  # ruled paper
        scene[:: max(12, height // 9)] = 0.7 * paper + 0.3 * np.array([90, 120, 200])
    scene = scene * (1 - share * random.uniform(0.75, 1)) + ink * share * random.uniform(0.9, 1)
    if random.random() < 0.2:  # the table shows beside the paper
        right = (left + wide + width) // 2
        beside = slice(0, left // 2) if random.random() < 0.5 else slice(right, width)
        scene[:, beside] = random.uniform(20, 120)
    lit = scene * _light(height, width, random)[:, :, None]
    blurred = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(random.uniform(0, 0.008) * tall)
    )
    grain = random.normal(0, random.uniform(1, 7), (height, width, 1))
    noisy = np.clip(np.asarray(blurred) + grain, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=int(random.integers(40, 95)))
    return stream.getvalue()


def _light(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A slope of light, and often a shadow with a hard or a soft edge."""
    y, x = np.mgrid[0:height, 0:width]
    angle = random.uniform(0, 2 * np.pi)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    light = random.uniform(0.75, 1) + random.uniform(0, 0.5) * along
    if random.random() < 0.6:
        turn, soft = random.uniform(0, 2 * np.pi), random.uniform(0.005, 0.2)
        across = (x / width - 0.5) * np.cos(turn) + (y / height - 0.5) * np.sin(turn)
        edge = 1 / (1 + np.exp(np.clip(-(across - random.uniform(-0.3, 0.3)) / soft, -50, 50)))
        light = light * (1 - random.uniform(0.2, 0.5) * edge)
    return light
