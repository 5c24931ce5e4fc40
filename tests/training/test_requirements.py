"""A setting does something or is refused: every setting, every pair, and every network."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import digits

from striate.data import DataSet, load
from striate.data.dataset import Split, carve, make
from striate.errors import IdleSettingError, SettingError
from striate.networks import NETWORKS
from striate.notation import parse
from striate.passes.attach_loss import with_loss
from striate.pytorch import loss_function, weights_of
from striate.training import SETTINGS, Recipe, loop, preparing, train
from striate.training.ending import ended
from striate.training.requirements import OF_NETWORK, OF_RECIPE, check_network
from striate.training.resuming import read_config
from striate.training.run_folder import RunFolder

TEXT = "INPUT 1x8x8 -> CONV 2 3x3 -> RELU -> FC 10"
BASE: dict[str, Any] = {"epochs": 3, "batch_size": 16, "learning_rate": 0.02}
OTHER: dict[str, Any] = {
    "epochs": 4,
    "steps": 5,
    "batch_size": 20,
    "optimizer": "nesterov",
    "learning_rate": 0.03,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "schedule": "step",
    "step_epochs": 2,
    "step_factor": 0.5,
    "warmup": 1.5,
    "smoothing": 0.2,
    "class_weights": "balanced",
    "sampling": "balanced",
    "clip": 0.5,
    "accumulate": 3,
    "ema": 0.8,
    "mixup": 0.4,
    "cutmix": 1.0,
    "erase": 0.5,
    "patience": 1,
    "patience_steps": 4,
    "shift": 0.5,
    "rotate": 20.0,
    "scale": 0.2,
    "flip": True,
    "validation": 0.4,
    "normalize": False,
    "start": "kernels",
    "freeze": "conv1",
    "initializer": "he",
    "bias_initializer": "constant(0.1)",
    "seed": 2**63,
}
ENDS = {"epochs", "steps", "patience", "patience_steps"}
"""Of several ends the earliest ends a run."""


def test_every_setting_has_another_value() -> None:
    usual = Recipe.from_dict(BASE)
    assert tuple(OTHER) == SETTINGS
    assert all(getattr(usual, name) != value for name, value in OTHER.items())


def _small(validation: float | None) -> DataSet:
    """Few pictures; those for validation are labeled wrongly, so that training makes them worse."""
    whole = digits(48).train
    assert isinstance(whole, Split)
    train, held_out = carve(whole, 0.25 if validation is None else validation, seed=0)
    assert held_out is not None
    wrong = held_out.relabeled((held_out.labels + 5) % 10)
    return make("digits", digits().classes, train, None, validation=wrong)


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What a run with some settings comes to: a hash of its weights and steps, or its refusal."""
    from striate.initialize import initialize
    from striate.training.first_weights import write_start

    start = tmp_path / "kernels"
    write_start(start, {"conv1": {"weight": initialize(parse(TEXT), seed=8)["conv1"]["weight"]}})
    monkeypatch.setattr(
        preparing, "loaded", lambda graph, data, place, recipe, **how: _small(recipe.validation)
    )
    for name in ("save_state", "curves"):
        monkeypatch.setattr(loop, name, _nothing)
    monkeypatch.setattr(loop.Model, "save", lambda model, path: None)
    for name in ("write_config", "write_metrics"):
        monkeypatch.setattr(RunFolder, name, lambda folder, content: None)
    monkeypatch.setattr(loop.Session, "_result", _fingerprint)
    count = iter(range(1000))

    @cache
    def known(*names: str) -> str | IdleSettingError:
        settings = BASE | {name: OTHER[name] for name in names}
        if "start" in names:
            settings["start"] = str(start)
        try:
            return str(
                train(TEXT, "digits", run=tmp_path / f"{next(count)}", quiet=True, **settings)
            )
        except IdleSettingError as refused:
            return refused

    return known


class _nothing:  # noqa: N801  # stands for functions
    """Writes nothing, and draws nothing."""

    def __init__(self, *given: Any) -> None: ...

    def __enter__(self) -> Any:
        return lambda row: None

    def __exit__(self, *given: object) -> None: ...


def _fingerprint(session: loop.Session) -> Any:
    with session.judged():
        arrays = [each for own in weights_of(session.module).values() for each in own.values()]
    return hashlib.sha256(b"".join(map(np.ndarray.tobytes, arrays))).hexdigest()


def test_every_pair_of_settings_does_something_or_is_refused(outcome: Any) -> None:
    plain = outcome()
    refusals = {}
    for name in OTHER:
        found = outcome(name)
        if isinstance(found, IdleSettingError):
            refusals[name] = found
        else:
            assert found != plain, f"{name} does nothing"
    assert {name: str(why).split()[0] for name, why in refusals.items()} == {
        name: name for name in ("momentum", "step_epochs", "step_factor")
    }
    silent = []
    for pair in combinations(OTHER, 2):
        found = outcome(*pair)
        if isinstance(found, IdleSettingError):
            assert found.setting in pair
            assert found.setting in str(found)
        elif not ENDS.issuperset(pair):
            silent += [(pair, each) for each in pair if found == outcome(each)]
    assert not silent, "a setting beside which the other does nothing"


@pytest.mark.parametrize("each", OF_RECIPE, ids=lambda each: f"{each.setting}-{each.other}")
def test_a_refusal_names_both_settings_and_a_way_out(each: Any) -> None:
    idle = {
        ("momentum", "optimizer"): {"momentum": 0.9, "optimizer": "sgd"},
        ("step_epochs", "schedule"): {"step_epochs": 10},
        ("step_factor", "schedule"): {"step_factor": 0.1, "schedule": "cosine"},
        ("step_epochs", "epochs"): {"step_epochs": 9, "epochs": 9, "schedule": "step"},
        ("schedule", "epochs"): {"schedule": "step", "epochs": 1},
        ("accumulate", "batch_size"): {"accumulate": 5, "batch_size": 4},
        ("patience", "epochs"): {"patience": 4, "epochs": 5},
        ("patience", "validation"): {"patience": 2, "validation": 0},
        ("patience_steps", "validation"): {"patience_steps": 2, "validation": 0},
    }[each.setting, each.other]
    with pytest.raises(IdleSettingError) as refused:
        Recipe.from_dict(idle)
    assert each.setting in refused.value.what
    assert each.other in refused.value.what
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("end", "applies"),
    [
        ("FC 10", True),
        ("FC 10 -> CROSSENTROPY", True),
        ("FC 10 -> CROSSENTROPY smoothing=0.3", True),
        ("FC 10 -> CROSSENTROPY smoothing=0.2", False),
        ("FC 10 -> CROSSENTROPY class_weights=1x1x1x1x1x1x1x1x1x2", True),
        ("FC 10 -> SOFTMAX", True),
        ("FC 10 -> SOFTMAX -> LOGLOSS", True),
        ("FC 10 -> SIGMOIDCROSSENTROPY", True),
        ("FC 84 -> RBF 10 -> MAPLOSS", True),
        ("FC 10 -> SQUAREDERROR", False),
        ("FC 10 -> HINGE", False),
    ],
)
def test_smoothing_is_applied_or_refused(end: str, applies: bool) -> None:
    graph, recipe = parse(f"INPUT 1x8x8 -> {end}"), Recipe(smoothing=0.3)
    if applies:
        made = ended(graph, recipe)
        assert made.loss is not None
        assert replace(made.loss.operator, smoothing=0) == replace(  # type: ignore[call-arg]
            with_loss(graph).nodes[-1].operator,
            smoothing=0,  # type: ignore[call-arg]
        )
        assert loss_function(made)(torch.eye(10), torch.arange(10)) > 0
        config = {"network": str(made), "data": "digits", "recipe": recipe.to_dict()}
        again, _, _ = read_config(config, Path("config.yaml"))
        assert ended(again, recipe) == made
    else:
        with pytest.raises(IdleSettingError, match=r"smoothing is 0\.3"):
            ended(graph, recipe)


def test_a_network_without_biases_has_none_to_draw() -> None:
    assert {each.setting for each in OF_NETWORK} == {
        "smoothing",
        "class_weights",
        "bias_initializer",
    }
    recipe = Recipe(bias_initializer="constant(1)")
    check_network(recipe, parse("INPUT 1x8x8 -> FC 10"))
    with pytest.raises(IdleSettingError, match="bias_initializer"):
        check_network(recipe, parse("INPUT 1x8x8 -> FC 10 bias=no"))


def test_what_was_not_asked_for_gives_way() -> None:
    base = {"optimizer": "momentum", "momentum": 0.8, "schedule": "step", "step_factor": 0.5}
    made = Recipe.changed(base, {"optimizer": "adam", "schedule": "cosine"})
    assert (made.momentum, made.step_factor) == (None, None)
    with pytest.raises(IdleSettingError, match="momentum"):
        Recipe.changed(base, {"optimizer": "adam", "momentum": 0.9})


def test_the_recipes_of_the_catalog_suit_their_networks() -> None:
    for network in NETWORKS.values():
        ended(parse(network.notation), Recipe.from_dict(network.recipe))


def test_a_share_to_set_aside_is_refused_where_that_is_settled(tmp_path: Path) -> None:
    with pytest.raises(IdleSettingError, match="already loaded"):
        train(TEXT, load("digits"), run=tmp_path / "run", validation=0.3)
    data = replace(digits(), validation=None)
    with pytest.raises(SettingError, match="none are set aside"):
        train(TEXT, data, run=tmp_path / "run", patience=2)
    assert not (tmp_path / "run").exists()


def test_steps_that_end_before_the_first_fall_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IdleSettingError, match=r"schedule is step.*steps is 5"):
        train(TEXT, digits(), run=tmp_path / "run", schedule="step", steps=5, batch_size=16)
