"""Ink of another polarity, size and place than in training: told, and laid out as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from data.making import color, encoded
from striate.data import Preprocessing, Split, load
from striate.data.ink import Ink, differences, like_training, measure_ink
from striate.data.preprocess import laid_out
from striate.data.strokes import connected, found_ink, stroke_width
from striate.errors import DataError

INK = Ink(ground=0.0, level=1.0, box=20 / 28, row=0.5, column=0.5, stroke=0.12)
SHAPE = (1, 28, 28)


def digit(
    height: int,
    width: int,
    place: tuple[float, float, float],
    *,
    pen: float = 0.12,
    paper: tuple[int, int, int] = (245, 240, 230),
    ink: tuple[int, int, int] = (20, 25, 60),
) -> np.ndarray:
    """A seven drawn on paper, H x W x 3; `place` is (top, left, size) as shares of the height."""
    image = Image.new("RGB", (width, height), paper)
    top, left, side = (share * height for share in place)
    points = [(0.1, 0.05), (0.85, 0.05), (0.4, 0.95)]
    way = [(left + x * side, top + y * side) for x, y in points]
    ImageDraw.Draw(image).line(way, fill=ink, width=max(1, round(pen * side)), joint="curve")
    return np.asarray(image)


def lit(image: np.ndarray, shadow: float = 0.0, slope: float = 0.0) -> np.ndarray:
    """The picture under light that falls off, and in a shadow with a hard edge."""
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]] / max(image.shape[:2])
    light = (1 - slope * y) * np.where(x + 0.3 * y < 0.55, 1 - shadow, 1.0)
    return (image * light[:, :, None]).astype(np.uint8)


def seven() -> np.ndarray:
    """The same as MNIST would have it."""
    whole = digit(400, 400, (0.1, 0.1, 0.8), paper=(0, 0, 0), ink=(255, 255, 255))
    return like_training(INK, whole.transpose(2, 0, 1), SHAPE)[0]


def likeness(one: np.ndarray, two: np.ndarray) -> float:
    """The cosine between two pictures, at the best of the moves by a pixel."""
    b = two.ravel().astype(float)
    moved = [np.roll(one, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    cosines = [float(a @ b / np.sqrt((a @ a) * (b @ b))) for a in (m.ravel() * 1.0 for m in moved)]
    return max(cosines)


PHOTOGRAPHS = {
    "as in training": digit(28, 28, (0.14, 0.14, 0.7), paper=(0, 0, 0), ink=(255,) * 3),
    "black on white": digit(300, 300, (0.15, 0.15, 0.7), paper=(255,) * 3, ink=(0,) * 3),
    "in a corner": digit(400, 300, (0.05, 0.04, 0.25)),
    "small on a wide sheet": digit(300, 500, (0.5, 1.2, 0.16)),
    "a thin pen": digit(300, 300, (0.2, 0.2, 0.5), pen=0.03),
    "a thick pen": digit(300, 300, (0.2, 0.2, 0.5), pen=0.2),
    "chalk": digit(300, 300, (0.2, 0.3, 0.5), paper=(30, 60, 40), ink=(230, 230, 220)),
    "red on pink": digit(300, 300, (0.2, 0.3, 0.5), paper=(240, 190, 200), ink=(190, 30, 50)),
    "blue on yellow": digit(300, 300, (0.2, 0.3, 0.5), paper=(240, 220, 90), ink=(30, 40, 160)),
    "in falling light": lit(digit(300, 300, (0.3, 0.3, 0.5)), slope=0.6),
    "in a shadow": lit(digit(300, 300, (0.2, 0.3, 0.5)), shadow=0.45, slope=0.2),
    "28 pixels, dark": digit(28, 28, (0.14, 0.14, 0.7), paper=(255,) * 3, ink=(0,) * 3),
}


@pytest.mark.parametrize("case", PHOTOGRAPHS)
def test_ink_is_laid_out_as_in_training(case: str) -> None:
    image = PHOTOGRAPHS[case].transpose(2, 0, 1)
    out = like_training(INK, image, SHAPE)
    assert out.shape == SHAPE
    assert likeness(out[0], seven()) > 0.85
    rows, columns = np.flatnonzero(out[0].max(axis=1) > 60), np.flatnonzero(out[0].max(axis=0) > 60)
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    assert 18 <= longer <= 21
    weight = out[0] / out[0].sum()
    assert abs(weight.sum(axis=1) @ (np.arange(28) + 0.5) - 14) <= 1
    assert abs(weight.sum(axis=0) @ (np.arange(28) + 0.5) - 14) <= 1
    assert out[0, 0].max() == 0
    assert not differences(INK, out)


def test_a_table_beside_the_paper_is_no_ink() -> None:
    image = digit(300, 300, (0.3, 0.35, 0.4)).copy()
    image[:, :30] = 40
    assert likeness(like_training(INK, image.transpose(2, 0, 1), SHAPE)[0], seven()) > 0.85


def test_dark_ink_on_light_ground_comes_back_where_it_was_learned() -> None:
    dark = Ink(ground=0.9, level=0.1, box=0.6, row=0.5, column=0.5, stroke=0.12)
    out = like_training(dark, PHOTOGRAPHS["chalk"].transpose(2, 0, 1), (3, 40, 30))
    assert out.shape == (3, 40, 30)
    assert abs(int(out[:, 0].min()) - 0.9 * 255) < 1
    assert abs(int(out.min()) - 0.1 * 255) < 1


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("black on white", "ink is dark here and was light in training"),
        ("in a corner", "of the side off its place in training"),
        ("small on a wide sheet", "of the side here and filled 71% in training"),
        ("in a shadow", "the ground is uneven here and was plain in training"),
    ],
)
def test_what_differs_is_told(case: str, says: str) -> None:
    p = Preprocessing(*SHAPE, (0.1,), (0.3,), ink=INK)
    assert any(says in each for each in p.differences(p.picture(PHOTOGRAPHS[case])))


def test_pictures_of_the_training_set_are_not_told_to_differ() -> None:
    data = load("digits")
    ink = measure_ink(data.train)
    assert ink is not None
    assert ink.is_light
    told = [bool(differences(ink, image)) for image in data.test.images]
    assert np.mean(told) < 0.1


def test_faint_ink_is_told() -> None:
    faint = digit(28, 28, (0.14, 0.14, 0.7), paper=(0, 0, 0), ink=(70,) * 3)
    assert "contrast is 27% here and was 100%" in differences(INK, faint.transpose(2, 0, 1)[:1])


def test_what_is_no_ink_on_plain_ground_has_none() -> None:
    photographs = np.stack([color(seed, 16, 16).transpose(2, 0, 1) for seed in range(30)])
    assert measure_ink(Split(photographs, np.zeros(30, dtype=np.int64))) is None
    flat = np.full((30, 1, 16, 16), 128, dtype=np.uint8)
    assert measure_ink(Split(flat, np.zeros(30, dtype=np.int64))) is None
    both = np.stack([seven(), 255 - seven()] * 15)[:, None]
    assert measure_ink(Split(both, np.zeros(30, dtype=np.int64))) is None


def test_an_empty_sheet_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_bytes(encoded(np.full((200, 200, 3), 240, dtype=np.uint8)))
    p = Preprocessing(*SHAPE, (0.1,), (0.3,), ink=INK)
    with pytest.raises(DataError, match=r"sheet\.png: no ink is found in it"):
        p.picture(path, ink="auto")
    with pytest.raises(DataError, match="ink is taken as keep or auto, not 'dark'"):
        p.picture(path, ink="dark")
    with pytest.raises(DataError, match="does not know how ink looked in training"):
        Preprocessing(*SHAPE, (0.1,), (0.3,)).picture(path, ink="auto")


def test_a_split_is_laid_out_from_its_files(tmp_path: Path) -> None:
    path = tmp_path / "7.png"
    path.write_bytes(encoded(PHOTOGRAPHS["in a corner"]))
    blank = np.full((1, 28, 28), 200, dtype=np.uint8)
    images = np.stack([blank, blank])
    split = Split(images, np.array([7, 7]), (str(path), "in/an/archive.png"))
    out = laid_out(split, Preprocessing(*SHAPE, (0.1,), (0.3,), ink=INK))
    assert likeness(out.images[0], seven()) > 0.85
    assert np.array_equal(out.images[1], blank)  # nothing to be found in it
    assert np.array_equal(split.images, images)


def test_ink_travels_with_the_preprocessing_and_older_files_are_read() -> None:
    p = Preprocessing(*SHAPE, (0.1,), (0.3,), ink=INK)
    assert Preprocessing.from_dict(p.to_dict()) == p
    older = Preprocessing(*SHAPE, (0.1,), (0.3,))
    assert "ink" not in older.to_dict()
    assert Preprocessing.from_dict(older.to_dict()).ink is None


@pytest.mark.parametrize(
    "change",
    [
        {"box": 0.0},
        {"row": 1.5},
        {"row": float("nan")},
        {"row": 10**400},
        {"level": "1"},
        {"level": 0.0},
        {"extra": 1},
        {"ground": None},
        {"stroke": True},
    ],
)
def test_ink_that_cannot_be_is_refused(change: dict) -> None:
    fields = Preprocessing(*SHAPE, (0.1,), (0.3,), ink=INK).to_dict()
    with pytest.raises(DataError, match="ink"):
        Preprocessing.from_dict({**fields, "ink": {**fields["ink"], **change}})
    with pytest.raises(DataError, match="ink is a table"):
        Preprocessing.from_dict({**fields, "ink": [1]})


def test_the_width_of_a_stroke_does_not_depend_on_blur() -> None:
    bar = np.zeros((60, 60))
    bar[10:50, 25:33] = 1
    soft = (bar + np.roll(bar, 1, 1) + np.roll(bar, -1, 1)) / 3
    assert stroke_width(bar) == pytest.approx(8, rel=0.2)
    assert stroke_width(soft) == pytest.approx(stroke_width(bar), rel=0.05)


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=7))
def test_connected_pieces_are_those_of_a_flood(rows: list[list[bool]]) -> None:
    mask = np.array(rows)
    labels, count = connected(mask)
    flood, found = np.full(mask.shape, -1), 0
    for start in zip(*np.nonzero(mask), strict=True):
        waiting = [start] if flood[start] < 0 else []
        found += len(waiting)
        while waiting:
            y, x = waiting.pop()
            inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
            if inside and mask[y, x] and flood[y, x] < 0:
                flood[y, x] = found - 1
                waiting += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert count == found
    assert len(set(zip(labels[mask].tolist(), flood[mask].tolist(), strict=True))) == found
    assert (labels[~mask] == -1).all()


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_any_picture_is_laid_out_or_refused(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)
    if found_ink(image) is not None:
        assert like_training(INK, image, SHAPE).shape == SHAPE
    differences(INK, image[:1])
