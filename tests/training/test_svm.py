"""A support vector machine as the head of a trained network."""

from __future__ import annotations

import numpy as np
import pytest

from striate import reference
from striate.data import load
from striate.errors import GraphError, SettingError
from striate.model import Model
from striate.ops import Hinge
from striate.training import evaluate, train
from striate.training.svm import with_svm_head


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("svm") / "run"
    notation = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10 -> SOFTMAX"
    return Model.load(train(notation, "digits", run=place, epochs=1).model)


def test_the_head_is_an_ordinary_layer_and_better_after_one_epoch(trained, tmp_path):
    data = load("digits")
    found = with_svm_head(trained, data)
    assert found.before == evaluate(trained, data).accuracy
    assert found.after > found.before
    assert found.after > 0.9
    found.model.save(tmp_path / "svm.safetensors")
    again = Model.load(tmp_path / "svm.safetensors")
    assert isinstance(again.graph.loss.operator, Hinge)
    assert evaluate(again, data).accuracy == found.after
    np.testing.assert_array_equal(
        again.weights["conv1"]["weight"], trained.weights["conv1"]["weight"]
    )


def test_standardization_is_inside_the_weights(trained):
    sklearn_svm = pytest.importorskip("sklearn.svm")
    data = load("digits")
    model = with_svm_head(trained, data, penalty=0.1).model
    x = model.preprocessing.normalize_array(data.train.images)
    trace = reference.run(model.graph, model.weights, x)
    features = trace.values["flatten1"]
    scaled = (features - features.mean(axis=0)) / np.where(
        features.std(axis=0) < 1e-8, 1, features.std(axis=0)
    )
    machine = sklearn_svm.LinearSVC(C=0.1, dual=False, max_iter=20_000).fit(
        scaled, data.train.labels
    )
    np.testing.assert_allclose(
        trace.values[model.graph.scores.name], machine.decision_function(scaled), atol=2e-3
    )


def test_wrong_requests_are_refused(trained):
    with pytest.raises(SettingError, match="penalty"):
        with_svm_head(trained, load("digits"), penalty=0)


def test_a_network_without_a_dense_head_is_refused(tmp_path):
    notation = "INPUT 1x8x8 -> CONV 10 3x3 -> GLOBALAVGPOOL -> FLATTEN"
    model = Model.load(train(notation, "digits", run=tmp_path / "run", epochs=1).model)
    with pytest.raises(GraphError, match="no dense layer"):
        with_svm_head(model, load("digits"))
