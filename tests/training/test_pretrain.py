"""Kernels learned without labels: they restore their input, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from small import digits

from striate.errors import GraphError, ModelFileError
from striate.initialize import initialize
from striate.notation import parse
from striate.training import train
from striate.training.first_weights import first_weights, read_start, write_start
from striate.training.pretrain import PretrainedLayer, pretrain
from striate.training.recipe import Recipe

TEXT = (
    "INPUT 1x8x8 -> { CONV 4 3x3 same | PASS } CONCAT -> RELU -> MAXPOOL 2"
    " -> CONV 6 3x2 stride=2x1 pad=1x0 -> TANH -> FC 10"
)


def test_every_layer_learns_to_restore_its_input() -> None:
    layers: list[PretrainedLayer] = []
    weights = pretrain(parse(TEXT), digits(), epochs=6, learning_rate=0.01, on_layer=layers.append)
    assert list(weights) == ["conv1", "conv2"]
    for name in weights:
        first, *_, last = [each for each in layers if each.name == name]
        assert last.error < 0.8 * min(first.error, first.before)


def test_labels_do_not_matter_and_the_seed_does() -> None:
    data = digits()
    mixed = replace(data, train=data.train.relabeled(data.train.labels[::-1].copy()))
    once, again = (pretrain(parse(TEXT), each, epochs=1) for each in (data, mixed))
    other = pretrain(parse(TEXT), data, epochs=1, seed=1)
    for name, own in once.items():
        np.testing.assert_array_equal(own["weight"], again[name]["weight"])
        assert (own["weight"] != other[name]["weight"]).any()


def test_a_run_starts_from_the_file_and_keeps_the_rest(tmp_path: Path) -> None:
    graph, path = parse(TEXT), tmp_path / "start.safetensors"
    weights = pretrain(graph, digits(), epochs=1)
    write_start(path, weights)
    first = first_weights(graph, Recipe(start=str(path)), digits().classes).weights
    drawn = initialize(graph)
    np.testing.assert_array_equal(first["conv1"]["weight"], weights["conv1"]["weight"])
    np.testing.assert_array_equal(first["fc1"]["weight"], drawn["fc1"]["weight"])
    result = train(graph, digits(), run=tmp_path / "run", epochs=1, start=str(path))
    path.unlink()
    assert result.first_loss > 0


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="missing"):
        read_start(tmp_path / "nowhere.safetensors", parse(TEXT))
    done = train(parse(TEXT), digits(), run=tmp_path / "run", epochs=1)
    assert read_start(done.model, parse(TEXT)).arrays.keys() == load_file(done.model).keys(), (
        "a model has all weights"
    )
    with pytest.raises(ModelFileError, match="no first weights"):
        read_start(done.folder / "resume.safetensors", parse(TEXT))


def test_a_network_without_convolution_is_refused() -> None:
    with pytest.raises(GraphError, match="no convolution"):
        pretrain(parse("INPUT 1x8x8 -> FC 10"), digits())
