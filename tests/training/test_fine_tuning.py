"""Starting from weights that fit in part, layers that stay, and runs that get more epochs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from small import SETTINGS, TEXT, assert_same_run, digits, metrics
from torch import nn

from striate.data import DataSet
from striate.errors import DataError, ModelFileError, RunError, SettingError
from striate.model import Model
from striate.notation import parse
from striate.training import EpochRow, Event, Started, resume, train
from striate.training.freezing import frozen_nodes

FEW = {"epochs": 1, "batch_size": 40}


def of_classes(*kept: int) -> DataSet:
    """The digits of these classes alone, under names of their own."""
    whole = digits(600)
    splits = {}
    for name in ("train", "validation", "test"):
        split = whole.split(name)
        chosen = split.take(np.flatnonzero(np.isin(split.labels, kept)))
        splits[name] = chosen.relabeled(np.searchsorted(kept, np.asarray(chosen.labels)))
    return replace(whole, classes=tuple(f"digit {k}" for k in kept), sha256=str(kept), **splits)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the first eight digits."""
    run = tmp_path_factory.mktemp("start") / "eight"
    text = TEXT.replace("FC 10", "FC 8")
    train(text, of_classes(*range(8)), run=run, epochs=2, batch_size=40, quiet=True)
    return run


def begun(told: list[Event]) -> Started:
    return next(each for each in told if isinstance(each, Started))


TWO = TEXT.replace("FC 10", "FC 2")


def test_what_fits_is_taken_and_the_rest_is_listed(eight: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    settings: dict[str, Any] = FEW | {"learning_rate": 1e-30, "start": str(eight)}
    done = train(TWO, of_classes(8, 9), run=tmp_path / "run", on_event=told.append, **settings)
    before, after = (Model.load(each) for each in (eight, done.folder / "last.safetensors"))
    for node in ("conv1", "conv2", "fc1"):
        np.testing.assert_array_equal(before.weights[node]["weight"], after.weights[node]["weight"])
    assert after.weights["fc2"]["weight"].shape == (2, 13)
    assert after.preprocessing == replace(before.preprocessing, ink=after.preprocessing.ink), (
        "pictures are prepared as the weights have learned"
    )
    counted, drawn = (each for each in begun(told).notes if "weights" in each or "drawn" in each)
    assert counted.startswith("10 of the 12 weights are those of")
    assert "fc2.weight 2x13 (8x13 there)" in drawn
    assert begun(told).start == str(eight)


def test_units_of_the_scores_follow_the_names_of_classes(eight: Path, tmp_path: Path) -> None:
    text = TEXT.replace("FC 10", "FC 8")
    still = FEW | {"learning_rate": 1e-30, "start": str(eight), "quiet": True}
    data = of_classes(*range(8))
    turned = replace(data.with_classes(data.classes[::-1]), classes=data.classes[::-1])
    done = train(text, turned, run=tmp_path / "turned", **still)
    before, after = (load_file(each) for each in (eight / "best.safetensors", done.model))
    np.testing.assert_array_equal(before["fc2.bias"], after["fc2.bias"][::-1])
    others = replace(data, classes=tuple("abcdefgh"))
    done = train(text, others, run=tmp_path / "others", **still)
    after = load_file(done.model)
    assert (before["fc2.weight"] != after["fc2.weight"]).any(), "other classes: a new head"
    np.testing.assert_array_equal(before["fc1.weight"], after["fc1.weight"])


def test_a_start_of_which_nothing_fits_is_refused(eight: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no weight in .* fits") as refused:
        train("INPUT 1x8x8 -> FC 3 -> FC 2", of_classes(8, 9), run=tmp_path / "r", start=str(eight))
    assert "fc1.weight 3x64" in refused.value.where
    with pytest.raises(DataError, match=r"NETWORK --start .*which ends with FC 10"):
        train(str(eight), digits(), run=tmp_path / "r")


def test_of_a_file_of_others_what_does_not_fit_is_named(tmp_path: Path) -> None:
    file = tmp_path / "theirs.pt"
    torch.save({"stem.weight": torch.zeros(4, 1, 3, 3)}, file)
    with pytest.raises(ModelFileError, match=r"no weight in .* fits") as refused:
        train("INPUT 1x8x8 -> FC 2", of_classes(8, 9), run=tmp_path / "r", start=str(file))
    assert refused.value.where.splitlines()[0].endswith("fc1.weight 2x64, fc1.bias 2")
    assert "stem.weight" in refused.value.where.splitlines()[1]


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_that_pytorch_has_saved_start_a_run(tmp_path: Path, suffix: str) -> None:
    """Under their own names, with a head of other classes: what fits is taken, by order."""
    torch.manual_seed(3)
    theirs = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )
    file = tmp_path / f"theirs.{suffix}"
    save = torch.save if suffix == "pt" else save_file
    save(theirs.state_dict(), file)
    told: list[Event] = []
    text = "INPUT 1x8x8 -> CONV 6 3x3 -> BN -> RELU -> FC 2"
    settings: dict[str, Any] = FEW | {"start": str(file), "freeze": "conv1, bn1"}
    done = train(text, of_classes(8, 9), run=tmp_path / "run", on_event=told.append, **settings)
    after = Model.load(done.model).weights
    np.testing.assert_array_equal(after["conv1"]["weight"], theirs[0].weight.detach().numpy())
    assert "6 of the 8 weights are those of" in begun(told).notes[0]
    assert any("5x216" in note for note in begun(told).notes)


@pytest.mark.parametrize("optimizer", ["adam", "nesterov"])
def test_frozen_layers_stay_bit_for_bit(eight: Path, tmp_path: Path, optimizer: str) -> None:
    settings = {"start": str(eight), "optimizer": optimizer, "weight_decay": 0.01, "shift": 1}
    frozen = train(
        TWO,
        of_classes(8, 9),
        run=tmp_path / "run",
        freeze=["conv*", "bn1"],
        epochs=2,
        quiet=True,
        **settings,
    )
    before, after = (load_file(each) for each in (eight / "best.safetensors", frozen.model))
    moved = {key for key in after if after[key].tobytes() != before[key].tobytes()}
    assert moved == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    free = train(TWO, of_classes(8, 9), run=tmp_path / "free", epochs=2, quiet=True, **settings)
    loose = load_file(free.model)
    for key in ("conv1.weight", "bn1.weight", "bn1.running_mean", "bn1.running_var"):
        assert (loose[key] != before[key]).any(), f"{key} moves where it may"


def test_a_frozen_run_resumes_exactly(eight: Path, tmp_path: Path) -> None:
    settings = SETTINGS | {"start": str(eight), "freeze": "conv*,bn*"}
    data = of_classes(8, 9)
    whole = train(TWO, data, run=tmp_path / "whole", quiet=True, **settings)

    def die(event: Event) -> None:
        if isinstance(event, EpochRow) and event.epoch == 2:
            raise KeyError

    with pytest.raises(KeyError):
        train(TWO, data, run=tmp_path / "killed", on_event=die, **settings)
    resume(tmp_path / "killed", data=data, quiet=True)
    assert_same_run(whole.folder, tmp_path / "killed")


def test_patterns_that_freeze_nothing_or_all_are_refused() -> None:
    graph = parse(TEXT)
    assert frozen_nodes(graph, "conv*, bn1") == ("conv1", "bn1", "conv2")
    assert frozen_nodes(graph, "") == ()
    with pytest.raises(SettingError, match="Did you mean conv2 or conv1"):
        frozen_nodes(graph, "conv3")
    with pytest.raises(SettingError, match="There are: conv1, bn1, conv2, fc1, fc2"):
        frozen_nodes(graph, "relu*")
    with pytest.raises(SettingError, match="nothing is left to learn"):
        frozen_nodes(graph, "*")


LEVEL = SETTINGS | {"schedule": "constant"}


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_more_epochs_end_as_a_run_that_had_them(tmp_path: Path, optimizer: str) -> None:
    settings = LEVEL | {"optimizer": optimizer}
    whole = train(TEXT, digits(), run=tmp_path / "whole", quiet=True, **settings)
    train(TEXT, digits(), run=tmp_path / "short", quiet=True, **settings | {"epochs": 2})
    told: list[Event] = []
    longer = resume(tmp_path / "short", data=digits(), epochs=3, on_event=told.append)
    assert_same_run(whole.folder, tmp_path / "short")
    assert longer.test_accuracy == whole.test_accuracy
    assert (begun(told).epoch, begun(told).notes) == (3, ())


def test_more_epochs_survive_a_kill(tmp_path: Path) -> None:
    train(TEXT, digits(), run=tmp_path / "short", quiet=True, **LEVEL | {"epochs": 1})
    whole = train(TEXT, digits(), run=tmp_path / "whole", quiet=True, **LEVEL)

    def die(event: Event) -> None:
        if isinstance(event, EpochRow):
            raise KeyError

    with pytest.raises(KeyError):
        resume(tmp_path / "short", data=digits(), epochs=3, on_event=die)
    resume(tmp_path / "short", data=digits(), quiet=True)
    assert_same_run(whole.folder, tmp_path / "short")


def test_a_schedule_that_looks_ahead_is_said(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(TEXT, digits(), run=run, quiet=True, **SETTINGS | {"epochs": 1})
    told: list[Event] = []
    resume(run, data=digits(), epochs=2, on_event=told.append)
    assert any("schedule is cosine" in each for each in begun(told).notes)
    assert len(metrics(run)) == 2


def test_epochs_that_add_nothing_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train("INPUT 1x8x8 -> FC 10", "digits", run=run, quiet=True, steps=15, epochs=3)
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(RunError, match=r"because steps is 15.*"):
        train(str(run), epochs=9)
    with pytest.raises(RunError, match=r"has 2 epochs already\n.*4 for 2 more"):
        train(run, epochs=2)
    assert (run / "config.yaml").read_bytes() == before
