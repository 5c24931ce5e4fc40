"""A whole run: what it leaves, what it tells, what it refuses, and that it learns."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from small import SETTINGS, TEXT, assert_same_run, digits

from striate.analysis.table import table
from striate.data import DataSet, load
from striate.errors import DataError, RunError, SettingError
from striate.model import Model
from striate.notation import parse, text
from striate.passes.attach_loss import with_loss
from striate.training import (
    EpochRow,
    Event,
    Recipe,
    Result,
    Started,
    Stepped,
    evaluate,
    resume,
    train,
)
from striate.training.resuming import read_config


@pytest.fixture(scope="module")
def told() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, told: list[Event]) -> Result:
    run = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("striate.training.loop.SIGN_OF_LIFE", 0.0)
        return train(TEXT, digits(), run=run, on_event=told.append, **SETTINGS)


def test_the_folder_holds_what_it_should(result: Result) -> None:
    names = {each.name.split(".tfevents")[0] for each in result.folder.iterdir()}
    assert names == {
        ".lock",
        "config.yaml",
        "metrics.csv",
        "best.safetensors",
        "last.safetensors",
        "resume.safetensors",
        "events.out",
    }


def test_events_come_in_order(result: Result, told: list[Event]) -> None:
    assert isinstance(told[0], Started)
    assert told[-1] == result
    rows = [each for each in told if isinstance(each, EpochRow)]
    assert tuple(rows) == result.history
    steps = [each for each in told if isinstance(each, Stepped)]
    batches = ceil(len(digits().train) / SETTINGS["batch_size"])
    assert [(each.epoch, each.batch) for each in steps] == [
        (epoch, batch) for epoch in (1, 2, 3) for batch in range(1, batches + 1)
    ]
    assert all(each.images_per_second > 0 and each.seconds_left >= 0 for each in steps)
    assert steps[-1].seconds_left == 0
    assert steps[batches - 1].loss == rows[0].train_loss


def test_metrics_are_a_row_an_epoch(result: Result) -> None:
    with open(result.folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for row, kept in zip(rows, result.history, strict=True):
        assert float(row["validation_accuracy"]) == kept.validation_accuracy
        assert float(row["train_loss"]) == kept.train_loss


def test_the_test_accuracy_is_that_of_the_best_weights(result: Result) -> None:
    best = max(result.history, key=lambda row: (row.validation_accuracy, -row.validation_loss))
    model = Model.load(result.model)
    assert result.best_epoch == best.epoch == model.about["epoch"]
    judged = evaluate(model, digits())
    assert judged.accuracy == result.test_accuracy
    right = evaluate(model, digits(), split="validation")
    assert right.accuracy == best.validation_accuracy
    assert right.loss == pytest.approx(best.validation_loss, rel=1e-5)


def test_without_validation_pictures_the_last_weights_are_taken(tmp_path: Path) -> None:
    every = load("digits", validation=0)
    done = train(TEXT, every, run=tmp_path / "run", **SETTINGS)
    assert done.best_epoch == done.epochs == len(done.history)
    assert all(row.validation_accuracy is row.validation_loss is None for row in done.history)
    best, last = (load_file(done.folder / f"{name}.safetensors") for name in ("best", "last"))
    assert all((best[key] == last[key]).all() for key in last)
    again = resume(done.folder, data=every)
    assert again.history == done.history


@pytest.mark.parametrize("patience", ["patience", "patience_steps"])
def test_patience_without_validation_pictures_is_refused(patience: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="none are set aside"):
        train(TEXT, load("digits", validation=0), run=tmp_path / "run", **{patience: 3})
    assert not (tmp_path / "run").exists()


def test_the_model_file_knows_where_it_comes_from(result: Result) -> None:
    model = Model.load(result.folder / "last.safetensors")
    assert model.classes == digits().classes
    assert model.preprocessing.mean == digits().mean
    assert Recipe.from_dict(model.about["recipe"]).seed == SETTINGS["seed"]
    assert model.about["data"]["sha256"] == digits().sha256
    assert set(model.about["versions"]) >= {"striate", "torch", "numpy", "python"}


def test_the_config_repeats_the_run(result: Result, tmp_path: Path) -> None:
    config = yaml.safe_load((result.folder / "config.yaml").read_text())
    graph, recipe, source = read_config(config, result.folder / "config.yaml")
    assert source == "digits"
    again = train(graph, digits(), recipe, run=tmp_path / "again")
    assert_same_run(result.folder, again.folder)


def test_the_seed_decides(result: Result, tmp_path: Path) -> None:
    other = train(TEXT, digits(), run=tmp_path / "run", **SETTINGS | {"seed": 5})
    a, b = load_file(result.model), load_file(other.model)
    assert (a["conv1.weight"] != b["conv1.weight"]).all()


def test_curves_can_be_read_by_tensorboard(result: Result) -> None:
    [file] = result.folder.glob("events.out.tfevents.*")
    content = file.read_bytes()
    for name in (b"train_loss", b"validation_accuracy", b"learning_rate"):
        assert content.count(name) == 3


def test_the_log_begins_with_the_graph_that_the_table_shows(result: Result) -> None:
    from tensorboardX.proto.event_pb2 import Event as Logged
    from tensorboardX.proto.graph_pb2 import GraphDef

    [file] = result.folder.glob("events.out.tfevents.*")
    content, logged = file.read_bytes(), []
    while content:  # each record: its length, a checksum, the event, a checksum
        length = int.from_bytes(content[:8], "little")
        logged.append(Logged.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    [written] = [each.graph_def for each in logged if each.graph_def]
    drawn = {each.name: each for each in GraphDef.FromString(written).node}
    graph = Model.load(result.folder).graph
    assert list(drawn) == [node.name for node in graph]
    for node in graph:
        [shape] = drawn[node.name].attr["_output_shapes"].list.shape
        assert tuple(each.size for each in shape.dim) == (-1, *graph.specs[node.name].shape)
        assert tuple(drawn[node.name].input) == node.inputs
    rows = {row.name: f"{row.operator} {row.settings}".strip() for row in table(graph).rows}
    assert {name: each.attr["layer"].s.decode() for name, each in drawn.items()} == rows


def test_weight_decay_pulls_at_kernels_alone(tmp_path: Path) -> None:
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "schedule": "constant", "batch_size": 20}
    weights = []
    for decay in (0.0, 0.5):
        done = train(
            "INPUT 1x8x8 -> CONV 3 3x3 -> BN -> RELU -> FC 10",
            digits(),
            run=tmp_path / f"{decay}",
            weight_decay=decay,
            epochs=2,
            **settings,
        )
        weights.append(load_file(done.folder / "last.safetensors"))
    free, pulled = weights
    # 16 steps, each times 1 - 0.1 * 0.5: a kernel nothing else moves keeps 0.44 of its length.
    assert np.linalg.norm(pulled["conv1.weight"]) < 0.7 * np.linalg.norm(free["conv1.weight"])
    assert pulled["bn1.weight"].mean() > 0.9


def test_without_validation_and_test_pictures(tmp_path: Path) -> None:
    data = replace(digits(), validation=None, test=None)
    done = train(TEXT, data, run=tmp_path / "run", **SETTINGS)
    assert done.test_accuracy is None
    assert done.model.exists()
    assert done.to_json()["test_accuracy"] is None


def test_fewer_pictures_than_a_batch(tmp_path: Path) -> None:
    done = train(TEXT, digits(), run=tmp_path / "run", **SETTINGS | {"batch_size": 5000})
    assert [row.step for row in done.history] == [1, 2, 3]


def test_steps_end_a_run_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    done = train(TEXT, digits(), run=tmp_path / "run", **SETTINGS | {"steps": 6, "epochs": 50})
    assert [row.step for row in done.history] == [5, 6]


def test_patience_ends_a_run(tmp_path: Path) -> None:
    settings = SETTINGS | {"learning_rate": 1e-12, "patience": 2, "epochs": 50}
    done = train("INPUT 1x8x8 -> FC 10", digits(), run=tmp_path / "run", **settings)
    assert done.epochs < 50


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        ("INPUT 1x8x8 -> FC 7", DataError, "End the network with FC 10"),
        ("INPUT 1x9x9 -> FC 10", DataError, "1x9x9"),
        ("INPUT 1x100 -> CONV 3 5 -> FC 10", DataError, "data sets are pictures"),
    ],
)
def test_networks_that_do_not_fit(
    graph: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as refused:
        train(graph, digits(), run=tmp_path / "run")
    assert message in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_requests_that_cannot_be_met(result: Result, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="exists already"):
        train(TEXT, digits(), run=result.folder)
    with pytest.raises(SettingError, match="epoch"):
        train(TEXT, digits(), run=tmp_path / "run", epoch=3)
    with pytest.raises(SettingError, match="xavierr"):
        train(TEXT, digits(), run=tmp_path / "run", initializer="xavierr")
    assert not (tmp_path / "run").exists()


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "net-digits-4").mkdir(parents=True)
    done = [train("INPUT 1x8x8 -> FC 10", digits(), name="net", epochs=1) for _ in range(2)]
    assert [str(each.folder) for each in done] == ["runs/net-digits-5", "runs/net-digits-6"]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_every_optimizer_learns_the_digits(optimizer: str, tmp_path: Path) -> None:
    done = train(
        parse("INPUT 1x8x8 -> CONV 8 3x3 same -> RELU -> MAXPOOL 2 -> FC 10"),
        _whole(),
        run=tmp_path / "run",
        epochs=6,
        batch_size=32,
        optimizer=optimizer,
        learning_rate=0.01 if optimizer.startswith("adam") else 0.1,
    )
    assert done.test_accuracy is not None
    assert done.test_accuracy > 0.93


def test_a_softmax_of_its_own_learns_too(tmp_path: Path) -> None:
    network = "INPUT 1x8x8 -> CONV 8 3x3 same -> RELU -> MAXPOOL 2 -> FC 10 -> SOFTMAX"
    done = train(
        network, _whole(), run=tmp_path / "run", epochs=6, batch_size=32, learning_rate=0.01
    )
    assert done.test_accuracy is not None
    assert done.test_accuracy > 0.93
    assert text(Model.load(done.model).graph).count("SOFTMAX") == 1


def _whole() -> DataSet:
    return load("digits")


def test_the_example_is_a_config_and_holds_its_record() -> None:
    root = Path(__file__).parents[2]
    example = root / "examples" / "mnist_995.yaml"
    graph, recipe, source = read_config(yaml.safe_load(example.read_text()), example)
    record = json.loads((root / "benchmarks/results/mnist_accuracy.json").read_text())["mnist_995"]
    assert source == "mnist"
    assert with_loss(graph) == with_loss(parse(record["network"]))
    assert recipe == Recipe.from_dict(record["recipe"])
    assert record["test_accuracy"] >= 0.995
