"""Recipes: what they are made of, and what they refuse."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import yaml

from striate.errors import SettingError
from striate.training import Recipe

ALL = Recipe(
    epochs=7,
    steps=900,
    batch_size=33,
    optimizer="nesterov",
    learning_rate=0.02,
    momentum=0.85,
    weight_decay=0.001,
    schedule="step",
    step_epochs=3,
    step_factor=0.3,
    warmup=1.5,
    smoothing=0.1,
    class_weights="balanced",
    sampling="balanced",
    clip=2.0,
    accumulate=4,
    ema=0.99,
    mixup=0.2,
    cutmix=1.0,
    erase=0.25,
    patience=4,
    patience_steps=500,
    shift=2.0,
    rotate=11.0,
    scale=0.15,
    flip=True,
    validation=0.2,
    normalize=False,
    start="kernels.safetensors",
    freeze="conv*",
    initializer="normal(0.02)",
    bias_initializer="constant(0.1)",
    seed=9,
)


def test_yaml_brings_every_setting_back() -> None:
    usual = Recipe()
    assert all(getattr(ALL, each.name) != getattr(usual, each.name) for each in fields(Recipe))
    for recipe in (ALL, usual):
        assert Recipe.from_dict(yaml.safe_load(yaml.safe_dump(recipe.to_dict()))) == recipe


def test_words_of_a_command_line_are_read_as_the_setting_wants() -> None:
    made = Recipe.from_dict(
        {"epochs": "5", "learning_rate": "1e-2", "flip": "yes", "validation": "500", "seed": "3.0"}
    )
    assert (made.epochs, made.learning_rate, made.flip, made.seed) == (5, 0.01, True, 3)
    assert made.validation == 500
    assert isinstance(made.validation, int)
    assert Recipe.from_dict({"validation": "0.25"}).validation == 0.25
    assert Recipe.from_dict({"validation": "none"}).validation is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "Did you mean epochs"),
        ({"optimiser": "adam"}, "Did you mean optimizer?"),
        ({"quux": 1}, "There are: epochs, steps"),
        ({"optimizer": "adma"}, "Did you mean adam"),
        ({"schedule": "cosin"}, "Did you mean cosine?"),
        ({"epochs": 0}, "1 or more"),
        ({"epochs": 2.5}, "a whole number"),
        ({"epochs": "many"}, "a whole number"),
        ({"epochs": True}, "a whole number"),
        ({"epochs": [3]}, "a whole number"),
        ({"epochs": "inf"}, "a whole number"),
        ({"epochs": None}, "a whole number"),
        ({"batch_size": -4}, "1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": -0.1}, "0 or more"),
        ({"momentum": 1.0}, "below 1"),
        ({"smoothing": 1}, "below 1"),
        ({"step_factor": 1.5}, "step_factor"),
        ({"flip": "perhaps"}, "yes or no"),
        ({"seed": -1}, "0 or more"),
        ({"weight_decay": "much"}, "a number"),
    ],
)
def test_what_cannot_mean_anything_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        Recipe.from_dict(settings)
    assert message in str(refused.value)


def test_the_usual_rate_is_the_optimizers() -> None:
    assert Recipe(optimizer="sgd").rate == 0.1
    assert Recipe(optimizer="adam").rate == 0.001
    assert Recipe(optimizer="adam", learning_rate=0.5).rate == 0.5
