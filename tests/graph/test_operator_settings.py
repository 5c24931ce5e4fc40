"""Operators made from settings by name: what fits is taken, what does not is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from striate.errors import SettingError, ShapeError
from striate.graph import Padding, Sizes, Spec
from striate.graph.settings import check_axes, made, settings_of
from striate.ops import Conv, Dense, Dropout, Input, MaxPool, Mean, ReLU


def test_lists_are_tuples_and_whole_numbers_are_numbers() -> None:
    assert made(Input, {"size": [1, 5, 4]}) == Input((1, 5, 4))
    assert made(Conv, {"out_channels": 3, "padding": [[0, 1], [2, 3]]}).padding == ((0, 1), (2, 3))
    assert repr(made(Dropout, {"rate": 0})) == "Dropout(rate=0.0)"


@pytest.mark.parametrize(
    ("operator", "values", "message"),
    [
        (Dense, {}, "Dense needs out_features"),
        (Dense, {"out": 3}, "Dense has no setting out"),
        (Dense, {"out_feature": 3}, "Did you mean out_features?"),
        (ReLU, {"slope": 3}, "It has no settings."),
        (Dense, {"out_features": 3.0}, "out_features of Dense is 3.0"),
        (Dense, {"out_features": True}, "out_features of Dense is True"),
        (Dense, {"out_features": 3, "bias": 1}, "It takes yes or no."),
        (Dropout, {"rate": float("nan")}, "rate of Dropout is nan"),
        (Dropout, {"rate": "half"}, "It takes a number."),
        (Dropout, {"rate": 10**400}, "rate of Dropout is 1000"),
        (Input, {"size": 5}, "size of Input is 5"),
        (Conv, {"out_channels": 3, "kernel": [3, "3"]}, "kernel of Conv is"),
        (Conv, {"out_channels": 3, "kernel": None}, "kernel of Conv is None"),
    ],
)  # fmt: skip
def test_what_does_not_fit(operator: type, values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        made(operator, values)
    assert message in str(caught.value)


@dataclass(frozen=True)
class Kinds:
    """Settings of kinds that no operator has yet."""

    mode: Literal["near", "far"] = "near"
    table: str | tuple[tuple[int, ...], ...] | None = None
    sizes: Sizes = 1
    padding: Padding = "valid"


def test_kinds_of_settings() -> None:
    known = settings_of(Kinds)  # type: ignore[arg-type]
    assert known["mode"].accepts("far")
    assert not known["mode"].accepts("nearby")
    assert known["table"].accepts(((0, 1), (2,)))
    assert not known["table"].accepts((0, 1))
    assert known["sizes"].per_axis
    assert known["padding"].per_axis
    assert not known["table"].per_axis


def test_one_number_an_axis_needs_as_many_axes() -> None:
    check_axes(MaxPool, {"kernel": (2, 2)}, Spec((1, 9, 8)), "pool1")
    check_axes(MaxPool, {"kernel": (2,)}, Spec((1, 9, 8)), "pool1")
    check_axes(MaxPool, {"kernel": (2, 2)}, Spec((9,)), "pool1")
    with pytest.raises(
        ShapeError, match="kernel of pool1 has 2 numbers, but its 1x9 input has one"
    ):
        check_axes(MaxPool, {"kernel": (2, 2)}, Spec((1, 9)), "pool1")


@pytest.mark.parametrize("axis", ["row column", ("row", "column"), (1, 2), [1, 2], ("row", 2)])
def test_axes_are_named_in_any_way(axis: object) -> None:
    found = made(Mean, {"axis": axis})
    assert found.axes(Spec((3, 4, 5))) == (1, 2)
    assert len(str(found.axis).split()) == 2
    check_axes(Mean, {"axis": (1, 2)}, Spec((2, 3, 4, 5)), "mean1")
