"""Where the ink is in a photograph: what stands out from the paper, whatever the light.

Paper is what a wide median sees, then what lies around the ink, blurred. Ink is what differs
from it in color, in pieces that do not reach the edge of the picture. Where the frame of a picture
has one color, that is the ground, and ink may fill the rest. NumPy and Pillow only.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from striate.data.decode import PixelArray

Gray: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

WORK = (160, 320)  # pixels of the longer side, in which ink is looked for
_COARSE = 64  # pixels, in which the paper is looked for
_LUMA = np.array([0.299, 0.587, 0.114])
SMALLEST_PHOTOGRAPH = 64  # pixels of the longer side; what is smaller was made for a network
FAINTEST = 0.06  # of black to white: less is no ink


def luma(image: PixelArray) -> Gray:
    """C x H x W bytes as H x W of 0..1 (ITU-R 601)."""
    planes = image.astype(np.float64) / 255
    gray: Gray = planes[0] if len(planes) == 1 else np.tensordot(_LUMA, planes, 1)
    return gray


def stroke_width(strength: Gray) -> float:
    """Pixels across the strokes of a drawing of 0..1: twice its area by the length of its edges.

    Blur leaves the total change across an edge as it is, so the width does not depend on it.
    """
    padded = np.pad(strength, 1)
    down, across = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    edges = float(np.hypot(down, across).sum())
    return 2 * float(strength.sum()) / edges if edges else 0.0


def found_ink(image: PixelArray) -> Gray | None:
    """How much ink lies where, 0..1, of a size to work with; None where there is none.

    Args:
        image: C x H x W, gray or color.
    """
    colors = _working(image)
    is_plain = max(image.shape[1:]) < SMALLEST_PHOTOGRAPH or _is_plain(colors)
    contrast, beside = _on_plain(colors) if is_plain else _on_paper(colors)
    top = _high(contrast, ~beside)
    if top < FAINTEST:
        return None
    kept = contrast > 0.35 * top
    if not is_plain:
        kept = _pieces(kept, contrast, top, beside)
    if not kept.any():
        return None
    usual = float(np.median(contrast[kept & (contrast > 0.5 * top)]))
    strength = np.clip((contrast / usual - 0.3) / 0.5, 0, 1)
    inked: Gray = np.where(_grown(kept, 3), strength, 0)
    return inked


def _is_plain(colors: Gray) -> bool:
    """Whether a picture is ink on one color, which ink may hide at the frame here and there."""
    off = colors - _ground(colors)
    distance = np.abs(off).max(axis=2)
    near = distance < 0.1
    sides = (near[0], near[-1], near[:, 0], near[:, -1])
    top = _high(distance, np.ones_like(near))
    lighter = np.where(distance > 0.15 * top, off @ _LUMA, 0)
    ink = float((distance > 0.6 * top).mean())
    between = float((distance > 0.15 * top).mean()) - ink
    return bool(
        near[_frame(near.shape)].mean() > 0.6
        # Where nothing of a side is ground, there is a table beside the paper.
        and all(side.mean() > 0.03 for side in sides)
        # Edges of strokes lie between ink and ground; so does a shadow, which is wider.
        and between < ink
        # In a shadow, light paper differs to the one side and ink to the other.
        and abs(lighter.sum()) > 0.9 * np.abs(lighter).sum()
    )


def _ground(colors: Gray) -> Gray:
    ground: Gray = np.median(colors[_frame(colors.shape[:2])], axis=0)
    return ground


def _on_plain(colors: Gray) -> tuple[Gray, Flags]:
    """The contrast of ink that may fill a picture: what differs from the color of the frame."""
    ground = _ground(colors)
    contrast = _contrast(colors - ground, np.broadcast_to(ground, colors.shape))
    return contrast, np.zeros_like(contrast, dtype=bool)


def _on_paper(colors: Gray) -> tuple[Gray, Flags]:
    """The contrast of ink in a photograph, and what lies beside the paper."""
    darkest, lightest = _paper(colors)
    off = _off_paper(colors, darkest, lightest)
    contrast = _contrast(off, darkest)
    beside = _beside(contrast)
    off = off - _around(off, beside | _grown(contrast > 0.3 * _high(contrast, ~beside), 2))
    return np.where(beside, 0, _contrast(off, darkest)), beside


def _working(image: PixelArray) -> Gray:
    planes = np.repeat(image, 3, axis=0) if len(image) == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    longer = max(picture.size)
    scale = min(max(longer, WORK[0]), WORK[1]) / longer
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resized = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float64) / 255


def _paper(colors: Gray) -> tuple[Gray, Gray]:
    """The darkest and the lightest color of the paper near each place.

    A median over half of the picture passes over ink. At the edge of a shadow the paper has two
    colors, and every one between them.
    """
    height, width = colors.shape[:2]
    picture = Image.fromarray(np.rint(colors * 255).astype(np.uint8))
    scale = _COARSE / max(height, width)
    coarse = picture.resize(
        (max(3, round(width * scale)), max(3, round(height * scale))), Image.Resampling.BOX
    )
    smooth = _extended(coarse.filter(ImageFilter.MedianFilter(_COARSE // 2 + 1)))
    darkest, lightest = (
        np.asarray(
            smooth.filter(extreme(9)).resize((width, height), Image.Resampling.BILINEAR),
            dtype=np.float64,
        )
        / 255
        for extreme in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    return darkest, lightest


def _extended(paper: Image.Image) -> Image.Image:
    """The middle of it, its edge repeated: near the edge of a picture there may be a table."""
    across, down = paper.width // 6, paper.height // 6
    middle = np.asarray(paper)[down : paper.height - down, across : paper.width - across]
    return Image.fromarray(np.pad(middle, ((down, down), (across, across), (0, 0)), mode="edge"))


def _off_paper(colors: Gray, darkest: Gray, lightest: Gray) -> Gray:
    """How far a color is from those of the paper near it: below zero where it is darker."""
    off: Gray = np.maximum(colors - lightest, 0) - np.maximum(darkest - colors, 0)
    return off


def _contrast(off: Gray, paper: Gray) -> Gray:
    distance = np.sqrt((off**2) @ _LUMA)
    darker = float((off @ _LUMA * distance).sum()) < 0
    # Dark ink takes a share of the light, so that in a shadow it differs less from the paper.
    return distance / np.maximum(paper @ _LUMA, 0.15) if darker else distance


def _high(contrast: Gray, where: Flags) -> float:
    """The contrast of ink: of the strongest thousandth, which noise alone does not reach."""
    smooth = _blurred(contrast, 1)[where]
    count = max(8, contrast.size // 1000)
    if len(smooth) <= count:
        return 0.0
    return float(np.partition(smooth, -count)[-count:].mean())


def _beside(contrast: Gray) -> Flags:
    """What reaches in from the edge of the picture, such as a table beside the paper.

    Nothing, where there would be no ink left: then it is the ink that reaches the edge.
    """
    top = _high(contrast, np.ones_like(contrast, dtype=bool))
    mask = contrast > 0.3 * top
    labels, count = connected(mask)
    touching = np.zeros(count + 1, dtype=bool)
    touching[labels[_frame(mask.shape)]] = True
    touching[-1] = False  # labels have -1 where there is nothing
    beside = _grown(touching[labels], 4)
    inside = _high(contrast, ~beside)
    return beside if inside > max(FAINTEST, 0.25 * top) else np.zeros_like(mask)


def _frame(shape: tuple[int, ...], width: int = 3) -> Flags:
    frame = np.ones(shape, dtype=bool)
    frame[width:-width, width:-width] = False
    return frame


def _around(off: Gray, ink: Flags) -> Gray:
    """What the paper near each place is off by, from what is no ink."""
    radius = max(4, max(ink.shape) // 16)
    weight = np.where(ink, 1e-3, 1.0)
    total = _blurred(weight, radius)
    return np.dstack([_blurred(off[:, :, k] * weight, radius) / total for k in range(3)])


def _blurred(values: Gray, radius: int) -> Gray:
    """A mean over squares of 2 radius + 1 pixels, twice for a wide one; edges are repeated."""
    for _ in range(1 if radius == 1 else 2):
        for axis in (0, 1):
            pad = [(radius + 1, radius) if k == axis else (0, 0) for k in (0, 1)]
            sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis)
            length = values.shape[axis]
            upper = np.take(sums, range(2 * radius + 1, 2 * radius + 1 + length), axis=axis)
            values = (upper - np.take(sums, range(length), axis=axis)) / (2 * radius + 1)
    return values


def _grown(mask: Flags, radius: int) -> Flags:
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.filter(ImageFilter.MaxFilter(2 * radius + 1))) > 0


def _pieces(mask: Flags, contrast: Gray, top: float, beside: Flags) -> Flags:
    """The connected pieces that are ink: strong, inside the picture, and near the strongest."""
    labels, count = connected(mask)
    if not count:
        return mask
    strength = np.bincount(labels[mask], contrast[mask], minlength=count)
    peak = np.zeros(count)
    np.maximum.at(peak, labels[mask], contrast[mask])
    at_edge = np.zeros(count + 1, dtype=bool)
    at_edge[labels[_frame(mask.shape) | _grown(beside, 3)]] = True
    worth = np.where(peak > 0.6 * top, strength, 0)
    inside = np.where(at_edge[:-1], 0, worth)
    if inside.max() > 0.1 * worth.max():
        worth = inside
    chosen = worth >= 0.08 * worth.max()
    return mask & chosen[np.maximum(labels, 0)]


def connected(mask: Flags) -> tuple[NDArray[np.int64], int]:
    """The connected pieces (8 neighbors) of a mask: a number from 0 for each, -1 elsewhere.

    >>> connected(np.array([[1, 0, 1], [1, 0, 1]], dtype=bool))[0].tolist()
    [[0, -1, 1], [0, -1, 1]]
    """
    labels = np.full(mask.shape, -1, dtype=np.int64)
    parents: list[int] = []
    above: list[tuple[int, int, int]] = []
    for row in range(len(mask)):
        ends = np.flatnonzero(np.diff(np.concatenate([[0], mask[row].view(np.int8), [0]])))
        runs, passed = [], 0
        for start, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            own = -1
            while passed < len(above) and above[passed][1] < start:
                passed += 1
            for first, _, label in above[passed:]:
                if first > end:
                    break
                root = _root(parents, label)
                if own >= 0 and own != root:
                    parents[max(own, root)] = min(own, root)
                own = root if own < 0 else min(own, root)
            if own < 0:
                own = len(parents)
                parents.append(own)
            runs.append((start, end, own))
            labels[row, start:end] = own
        above = runs
    roots = np.array([_root(parents, k) for k in range(len(parents))], dtype=np.int64)
    names, numbers = np.unique(roots, return_inverse=True)
    found = labels >= 0
    labels[found] = numbers[labels[found]]
    return labels, len(names)


def _root(parents: list[int], label: int) -> int:
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label
