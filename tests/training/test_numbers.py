"""Numbers that are none, or too large, are met at the door; a look that is no number is no look."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from small import SETTINGS, TEXT, digits

from striate.errors import NumbersError, SettingError, StriateError
from striate.model import Model
from striate.training import Recipe, loop, resume, train
from striate.training.recipe import LIMITS
from striate.training.schedules import rate

SEEDS = (2**53 + 1, 9007199254740993, 2**63, 2**64 + 1, 10**30)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", [int, str, "{}.0".format])
def test_a_seed_stays_what_it_is(seed: int, form: Any) -> None:
    recipe = Recipe.from_dict({"seed": form(seed)})
    assert recipe.seed == seed
    settings = recipe.to_dict()
    assert Recipe.from_dict(yaml.safe_load(yaml.safe_dump(settings))).seed == seed
    assert Recipe.from_dict(json.loads(json.dumps(settings))).seed == seed


def test_neighboring_large_seeds_are_two_runs_that_resume(tmp_path: Path) -> None:
    losses = set()
    for seed in (10**30, 10**30 + 1):
        done = train(TEXT, digits(), run=tmp_path / f"{seed}", **SETTINGS | {"seed": seed})
        losses.add(done.history[-1].train_loss)
        assert Model.load(done.model).about["recipe"]["seed"] == seed
        assert resume(done.folder, data=digits()).history == done.history
    assert len(losses) == 2


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "seed"])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e308, 10**400, "1e999999999"])
def test_no_setting_takes_what_is_no_number_or_too_large(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        Recipe.from_dict({name: value, "optimizer": "momentum", "schedule": "step"})
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("value", ["9" * 5000, "1e999999999", "inf", "nan", -1, 1.5, "1.5", True])
def test_a_seed_that_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="seed"):
        Recipe.from_dict({"seed": value})


@pytest.mark.parametrize("value", [math.nan, -0.5, 1.5, -3, "much", math.inf])
def test_a_share_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="validation"):
        Recipe.from_dict({"validation": value})


@pytest.mark.parametrize("looks", [True, False])
def test_weights_after_the_last_update_are_looked_at(tmp_path: Path, looks: bool) -> None:
    data = digits() if looks else replace(digits(), validation=None)
    run = tmp_path / "run"
    with pytest.raises(NumbersError, match="no longer a number"):
        train("INPUT 1x8x8 -> FC 10", data, run=run, steps=1, learning_rate=1e38)
    assert not {"best.safetensors", "last.safetensors", "resume.safetensors"} & {
        each.name for each in run.iterdir()
    }


def test_a_state_in_the_middle_of_an_epoch_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of a step is that of the weights before it."""
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    update = loop.TrainingStep.__call__

    def spoiling(step: loop.TrainingStep, *given: Any) -> Any:
        found = update(step, *given)
        if given[-1] == 1:
            with torch.no_grad():
                next(iter(step.optimizer.param_groups[0]["params"])).fill_(math.inf)
        return found

    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.TrainingStep, "__call__", spoiling)
        with pytest.raises(NumbersError, match="after step 1"):
            train(TEXT, digits(), run=run, **SETTINGS)
    done = resume(run, data=digits())
    assert done.epochs == SETTINGS["epochs"]


def test_the_schedule_is_as_long_as_the_run() -> None:
    recipe = Recipe(epochs=2, steps=100_000, schedule="onecycle", learning_rate=0.1)
    rates = [rate(recipe, step, 50) for step in range(100)]
    assert max(rates) == pytest.approx(0.1)
    assert rates.index(max(rates)) == 30
    assert rates[-1] < 0.001
    short = Recipe(epochs=1000, steps=100, schedule="onecycle", learning_rate=0.1)
    assert [rate(short, step, 50) for step in range(100)] == rates


@pytest.mark.parametrize(
    ("network", "settings", "said"),
    [
        ("INPUT 1x8x8 -> FC 8 -> BN -> FC 10", {"batch_size": 1}, "one number per channel"),
        ("INPUT 1x8x8 -> CONV 4 8x8 -> BN -> FC 10", {"batch_size": 1}, "one number per channel"),
        (TEXT, {"shift": 8}, "shift is 8, but the pictures are 8x8"),
        ("INPUT 1x8x8 -> MAXPOOL 2 -> AVGPOOL 4 -> RELU", {}, "no weights to train"),
    ],
)
def test_what_cannot_train_is_refused_before_a_folder_is_made(
    network: str, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(StriateError, match=said):
        train(network, digits(), run=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("network", "count", "batch"),
    [
        ("INPUT 1x8x8 -> FC 8 -> BN -> FC 10", 33, 16),
        ("INPUT 1x8x8 -> FC 8 -> BN -> FC 10", 29, 16),
        ("INPUT 1x8x8 -> FC 10", 33, 16),
        ("INPUT 1x8x8 -> CONV 4 3x3 -> BN -> FC 10", 3, 1),
    ],
)
def test_every_picture_is_learned_from(
    network: str, count: int, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    update = loop.TrainingStep.__call__

    def counting(step: loop.TrainingStep, x: torch.Tensor, *given: Any) -> Any:
        sizes.append(len(x))
        return update(step, x, *given)

    monkeypatch.setattr(loop.TrainingStep, "__call__", counting)
    train(network, digits(count), run=tmp_path / "run", epochs=2, batch_size=batch)
    assert sum(sizes) == 2 * count
    assert all(size == batch for size in sizes[: len(sizes) // 2 - 1])
    assert min(sizes) > 1 or batch == 1 or "BN" not in network
