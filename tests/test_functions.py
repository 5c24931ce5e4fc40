"""Plain convolution, against NumPy, hand-worked numbers, and the MATLAB example of all ones."""

from __future__ import annotations

import numpy as np
import pytest

from striate.errors import SettingError, ShapeError
from striate.functions import convolve, correlate, mean_filter, moving_average

NUMPY = {"narrow": "valid", "wide": "full", "same": "same"}


@pytest.mark.parametrize("mode", ["narrow", "wide", "same"])
@pytest.mark.parametrize("taps", [1, 3, 5])
def test_signals_as_numpy(mode: str, taps: int) -> None:
    rng = np.random.default_rng(taps)
    x, kernel = rng.normal(size=11), rng.normal(size=taps)
    assert np.allclose(convolve(x, kernel, mode), np.convolve(x, kernel, NUMPY[mode]))
    assert np.allclose(correlate(x, kernel, mode), np.correlate(x, kernel, NUMPY[mode]))


def test_a_wide_convolution_of_ones_by_hand() -> None:
    expected = [
        [1, 3, 6, 5, 3],
        [5, 12, 21, 16, 9],
        [12, 27, 45, 33, 18],
        [11, 24, 39, 28, 15],
        [7, 15, 24, 17, 9],
    ]
    kernel = np.arange(1.0, 10.0).reshape(3, 3)
    assert convolve(np.ones((3, 3)), kernel, "wide").tolist() == expected


def test_convolution_is_correlation_with_the_rotated_kernel() -> None:
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(6, 9)), rng.normal(size=(2, 3))
    assert np.array_equal(convolve(x, kernel), correlate(x, kernel[::-1, ::-1]))


def test_sizes() -> None:
    x, kernel = np.ones((7, 11)), np.ones((2, 5))
    assert correlate(x, kernel, "narrow").shape == (6, 7)
    assert correlate(x, kernel, "wide").shape == (8, 15)
    assert correlate(x, kernel, "same").shape == (7, 11)


def test_means() -> None:
    assert moving_average([2, 4, 6, 8], 2).tolist() == [3, 5, 7]
    assert np.allclose(mean_filter(np.ones((4, 5)), 3)[1:-1, 1:-1], 1)
    assert np.allclose(mean_filter(np.ones((4, 5)), (3, 1))[0], 2 / 3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="does not fit into"):
        correlate([1.0, 2.0], [1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match="do not go together"):
        correlate(np.ones((3, 3)), [1.0])
    with pytest.raises(SettingError, match="narrow, wide or same"):
        correlate([1.0], [1.0], "valid")
    with pytest.raises(SettingError, match="length is 0, but it needs a whole number"):
        moving_average([1.0], 0)
    with pytest.raises(SettingError, match=r"the width of the window is 2\.5"):
        mean_filter(np.ones((3, 3)), (2, 2.5))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"\[\[1.0\], \[\]\] is no array of numbers"):
        convolve([[1.0], []], [1.0])  # type: ignore[list-item]
