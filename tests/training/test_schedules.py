"""Learning rates at points worked out by hand."""

from __future__ import annotations

import pytest

from striate.training import Recipe
from striate.training.recipe import SCHEDULES
from striate.training.schedules import SHAPES, rate

STEPS = 7


def _rates(**settings: object) -> list[float]:
    recipe = Recipe.from_dict({"epochs": 10, "learning_rate": 0.4, **settings})
    return [rate(recipe, step, STEPS) for step in range(recipe.epochs * STEPS)]


def test_every_schedule_has_a_shape() -> None:
    assert set(SHAPES) == set(SCHEDULES)


def test_constant() -> None:
    assert set(_rates(schedule="constant")) == {0.4}


def test_step_falls_between_epochs() -> None:
    rates = _rates(schedule="step", step_epochs=3, step_factor=0.5)
    assert rates[20] == 0.4
    assert rates[21] == pytest.approx(0.2)
    assert rates[41] == pytest.approx(0.2)
    assert rates[42] == pytest.approx(0.1)
    assert rates[69] == pytest.approx(0.05)


def test_cosine_is_half_in_the_middle_and_nothing_at_the_end() -> None:
    rates = _rates(schedule="cosine")
    assert rates[0] == 0.4
    assert rates[35] == pytest.approx(0.2)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.001


def test_onecycle_peaks_after_three_tenths() -> None:
    rates = _rates(schedule="onecycle")
    assert rates[0] == pytest.approx(0.4 * 0.04)
    assert rates[21] == max(rates) == pytest.approx(0.4)
    assert rates[:22] == sorted(rates[:22])
    assert rates[21:] == sorted(rates[21:], reverse=True)
    assert rates[-1] < 0.001


def test_warm_up_rises_in_equal_steps_to_the_whole_rate() -> None:
    rates = _rates(schedule="constant", warmup=2)
    assert rates[:14] == pytest.approx([0.4 * (k + 1) / 14 for k in range(14)])
    assert set(rates[14:]) == {0.4}


def test_a_number_of_steps_sets_the_end() -> None:
    recipe = Recipe(epochs=1000, steps=20, learning_rate=0.4, schedule="cosine")
    assert rate(recipe, 10, STEPS) == pytest.approx(0.2)
    assert rate(recipe, 20, STEPS) == pytest.approx(0)
