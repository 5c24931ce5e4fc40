"""Window arithmetic against enumeration."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812

from striate.errors import SettingError
from striate.graph.window import Window, checked_padding, checked_sizes, windows

quickly = settings(max_examples=150, deadline=None, derandomize=True, database=None)

some_windows = st.builds(
    Window,
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    ceil=st.booleans(),
)
sizes = st.integers(1, 14)


def starts(window: Window, size: int) -> list[int]:
    """Every input position at which the window may start, found by trying them all."""
    found = []
    start = -window.before
    while start + window.dilation * (window.kernel - 1) < size + window.after:
        found.append(start)
        start += window.stride
    hangs_over = found and found[-1] + window.extent < size + window.after
    if window.ceil and hangs_over and start < size:
        found.append(start)
    return found


@given(some_windows, sizes)
@quickly
def test_outputs_are_the_places_it_fits(window: Window, size: int) -> None:
    assert window.outputs(size) == len(starts(window, size))
    assert [window.start(o) for o in range(window.outputs(size))] == starts(window, size)


@given(some_windows, sizes)
@quickly
def test_taps_are_cells_inside(window: Window, size: int) -> None:
    for output, start in enumerate(starts(window, size)):
        cells = [(u, start + u * window.dilation) for u in range(window.kernel)]
        assert list(window.taps(output, size)) == [(u, p) for u, p in cells if 0 <= p < size]


@given(some_windows, sizes)
@quickly
def test_uses_are_the_taps_backward(window: Window, size: int) -> None:
    forward = {
        (position, output, tap)
        for output in range(window.outputs(size))
        for tap, position in window.taps(output, size)
    }
    backward = {(p, output, tap) for p in range(size) for output, tap in window.uses(p, size)}
    assert backward == forward


@given(some_windows, sizes)
@quickly
def test_overhang_is_as_far_as_the_last_window(window: Window, size: int) -> None:
    places = starts(window, size)
    if places:
        last = places[-1] + window.extent - 1
        assert window.overhang(size) == max(window.after, last - size + 1)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(4, 12), st.integers(0, 2), st.booleans())
@quickly
def test_sizes_are_pytorch_s(kernel: int, stride: int, size: int, pad: int, ceil: bool) -> None:
    pad = min(pad, kernel // 2)
    (window,) = windows(1, kernel, stride, pad, ceil=ceil)
    pooled = F.max_pool1d(torch.zeros(1, 1, size), kernel, stride, pad, ceil_mode=ceil)
    assert window.outputs(size) == pooled.shape[-1]


@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 12))
@quickly
def test_same_keeps_the_size_and_full_sees_every_overlap(
    kernel: int, dilation: int, size: int
) -> None:
    (same,) = windows(1, kernel, padding="same", dilation=dilation)
    assert same.outputs(size) == size
    assert 0 <= same.after - same.before <= 1
    (full,) = windows(1, kernel, padding="full", dilation=dilation)
    assert full.outputs(size) == size + full.extent - 1
    (valid,) = windows(1, kernel, padding="valid", dilation=dilation)
    assert valid.outputs(size) == max(0, size - valid.extent + 1)


def test_every_axis_has_its_own_numbers() -> None:
    high, wide = windows(2, (5, 3), (2, 1), ((1, 0), (2, 4)), (1, 2))
    assert high == Window(5, 2, 1, 1, 0)
    assert wide == Window(3, 1, 2, 2, 4)


@pytest.mark.parametrize("value", [0, -3, 1.0, True, "3", (), (2, 0), (2, None)])
def test_sizes_that_are_none(value: object) -> None:
    with pytest.raises(SettingError, match=r"stride is .* needs a whole number of 1 or more"):
        checked_sizes("stride", value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["Same", "", -1, 1.5, (1, -1), ((1, 2, 3),), ((1, -2),), None])
def test_paddings_that_are_none(value: object) -> None:
    with pytest.raises(SettingError, match="padding is"):
        checked_padding(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", ["kernel", "stride", "dilation", "padding"])
def test_too_many_axes_are_named(setting: str) -> None:
    given_settings: dict[str, object] = {"kernel": 3, setting: (1, 2, 3)}
    with pytest.raises(SettingError) as caught:
        windows(2, **given_settings)  # type: ignore[arg-type]
    assert caught.value.what == f"{setting} has 3 numbers, but the input has 2 spatial axes"
    assert caught.value.remedy == "Write one number for all, or 2."
