"""Distortions against NumPy's own shifts, flips and rotations, and against the geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from striate.data import Augment, Split, suited_fill
from striate.data.distort import FILLS, Moves, move
from striate.errors import SettingError

PAD = {"zeros": "constant", "border": "edge", "reflection": "symmetric"}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moves(n: int, **given: object) -> Moves:
    values = {
        name: torch.full((n,), float(given.get(name, default)), dtype=torch.float64)
        for name, default in {"down": 0, "right": 0, "angle": 0, "zoom": 1, "shear": 0}.items()
    }
    return Moves(**values, flip=torch.full((n,), bool(given.get("flip", False))))


def pictures(n: int = 5, c: int = 3, h: int = 11, w: int = 7) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (n, c, h, w), dtype=np.uint8)


@pytest.mark.parametrize("fill", FILLS)
def test_a_whole_shift_is_a_window_of_the_padded_picture(fill: str) -> None:
    x = pictures()
    augment = Augment(shift=3, fill=fill)
    drawn = augment.draw(len(x), generator(4))
    out = augment(torch.from_numpy(x), generator(4)).numpy()
    assert out.dtype == np.uint8
    padded = np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)), mode=PAD[fill])
    for row in range(len(x)):
        rolled = np.roll(padded[row], (int(drawn.down[row]), int(drawn.right[row])), axis=(1, 2))
        assert np.array_equal(out[row], rolled[:, 3:-3, 3:-3])


@pytest.mark.parametrize("fill", FILLS)
def test_interpolation_of_a_whole_shift_is_the_same_shift(fill: str) -> None:
    x = torch.from_numpy(pictures())
    by_hand = moves(5, down=2, right=-3)
    slid = move(x, by_hand, Augment(shift=3, fill=fill))
    warped = move(x, by_hand, Augment(shift=3, rotate=1, fill=fill))
    assert torch.equal(slid, warped)


def test_whole_shifts_reach_every_place_alike() -> None:
    drawn = Augment(shift=2).draw(20_000, generator())
    for axis in (drawn.down, drawn.right):
        values, counts = axis.unique(return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 3_700
    assert abs(torch.corrcoef(torch.stack([drawn.down, drawn.right]))[0, 1]) < 0.03


def test_flip_reverses_columns_of_about_half() -> None:
    x = pictures(400)
    out = Augment(flip=True)(torch.from_numpy(x), generator()).numpy()
    flipped = [np.array_equal(one, two[:, :, ::-1]) for one, two in zip(out, x, strict=True)]
    kept = [np.array_equal(one, two) for one, two in zip(out, x, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert 150 < sum(flipped) < 250


@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("side", [8, 9])
def test_a_quarter_turn_is_rot90(turns: int, side: int) -> None:
    x = pictures(2, 3, side, side)
    out = move(torch.from_numpy(x), moves(2, angle=90 * turns), Augment(rotate=90)).numpy()
    assert np.array_equal(out, np.rot90(x, turns, axes=(2, 3)))


def test_half_a_turn_works_on_oblong_pictures() -> None:
    x = pictures()
    out = move(torch.from_numpy(x), moves(5, angle=180), Augment(rotate=180)).numpy()
    assert np.array_equal(out, x[:, :, ::-1, ::-1])


def test_doubling_spreads_about_the_center() -> None:
    x = torch.zeros(1, 1, 10, 14)
    x[0, 0, 4:6, 6:8] = 1
    out = move(x, moves(1, zoom=2), Augment(scale=0.5))
    assert out[0, 0, 4:6, 6:8].min() == 1
    assert out.sum().item() == pytest.approx(4 * x.sum().item(), rel=1e-5)


@pytest.mark.parametrize("case", range(8))
def test_a_spot_lands_where_the_geometry_says(case: int) -> None:
    random = np.random.default_rng(case)
    height, width, at = 61, 83, np.array([36.0, 33.0])  # (row, column) of the spot
    given = {
        "angle": random.uniform(-40, 40),
        "zoom": random.uniform(0.8, 1.2),
        "shear": random.uniform(-0.2, 0.2),
        "down": random.uniform(-4, 4),
        "right": random.uniform(-4, 4),
    }
    rows, columns = np.mgrid[:height, :width]
    spot = np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / 18)
    out = move(torch.from_numpy(spot)[None, None].float(), moves(1, **given), Augment(rotate=1))
    seen = out[0, 0].double().numpy()
    found = np.array([(seen * rows).sum(), (seen * columns).sum()]) / seen.sum()
    down, right = at - ((height - 1) / 2, (width - 1) / 2)
    right += given["shear"] * -down  # a point above the center leans to the right
    a = math.radians(given["angle"])
    turned_right = math.cos(a) * right + math.sin(a) * down
    turned_down = -math.sin(a) * right + math.cos(a) * down
    expected = np.array(
        [
            (height - 1) / 2 + given["zoom"] * turned_down + given["down"],
            (width - 1) / 2 + given["zoom"] * turned_right + given["right"],
        ]
    )
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_limits_are_kept() -> None:
    augment = Augment(shift=1.5, rotate=12, scale=0.1, shear=0.2)
    drawn = augment.draw(5_000, generator())
    for values, limit in (
        (drawn.down, 1.5),
        (drawn.right, 1.5),
        (drawn.angle, 12),
        (drawn.zoom - 1, 0.1),
        (drawn.shear, 0.2),
    ):
        assert 0.98 * limit < values.abs().max() <= limit
        assert values.min() < 0 < values.max()
    assert not drawn.flip.any()


def test_nothing_asked_is_nothing_done() -> None:
    x = torch.from_numpy(pictures())
    assert Augment().is_identity
    assert Augment()(x, generator()) is x
    assert torch.equal(move(x, moves(5), Augment(rotate=5)), x)


def test_the_generator_decides() -> None:
    x = torch.from_numpy(pictures())
    augment = Augment(shift=2, rotate=20, scale=0.2, shear=0.1, flip=True)
    assert torch.equal(augment(x, generator(1)), augment(x, generator(1)))
    assert not torch.equal(augment(x, generator(1)), augment(x, generator(2)))


def test_a_flat_picture_stays_flat_at_the_edges() -> None:
    white = torch.full((4, 1, 9, 9), 255, dtype=torch.uint8)
    for fill in ("border", "reflection"):
        augment = Augment(shift=3, rotate=30, scale=0.3, fill=fill)
        assert augment(white, generator()).min() == 255
    assert Augment(shift=3, fill="zeros")(white, generator()).min() == 0


def test_the_fill_that_suits_is_seen_at_the_edges() -> None:
    ink = np.zeros((6, 1, 9, 8), dtype=np.uint8)
    ink[:, :, 3:6, 2:5] = 200
    assert suited_fill(Split(ink, np.zeros(6, dtype=np.int64))) == "zeros"
    assert suited_fill(Split(255 - ink, np.zeros(6, dtype=np.int64))) == "border"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"shift": -1}, "shift is a number from 0 up, not -1"),
        ({"rotate": float("nan")}, "rotate is a number from 0 up, not nan"),
        ({"rotate": "10"}, "rotate is a number from 0 up, not '10'"),
        ({"scale": 1}, "scale=1 would shrink pictures to nothing"),
        ({"fill": "white"}, "fill is border, zeros, reflection, not 'white'"),
    ],
)
def test_limits_that_cannot_be_are_told(settings: dict, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Augment(**settings)
