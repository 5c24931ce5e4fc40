"""What a newcomer passes to the public functions: texts, paths and names, or something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.data.preprocess import Preprocessing
from striate.errors import StriateError
from striate.initialize import initialize

TEXT = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10"
PICTURE = np.ones((1, 8, 8))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = striate.parse(TEXT)
    path = tmp_path_factory.mktemp("first") / "best.safetensors"
    about = {"data": {"source": "digits"}}
    scale = Preprocessing(1, 8, 8, (0.0,), (1.0,))
    classes = tuple(map(str, range(10)))
    striate.Model(graph, initialize(graph, seed=0), classes, scale, about).save(path)
    return path


def test_texts_are_networks() -> None:
    graph = striate.parse(TEXT)
    assert striate.table(TEXT) == striate.table(graph)
    assert striate.verify(TEXT).nodes == striate.verify(graph).nodes
    weights = initialize(graph, seed=0)
    by_text = striate.why((TEXT, weights), PICTURE, "fc1[3]")
    assert by_text.terms == striate.why((graph, weights), PICTURE, "fc1[3]").terms


def test_paths_are_models(model: Path) -> None:
    loaded = striate.Model.load(model)
    for each in (model, str(model), model.parent):
        assert striate.why(each, PICTURE, "fc1[3]").terms == (
            striate.why(loaded, PICTURE, "fc1[3]").terms
        )
        assert striate.evaluate(each).pictures == 360
    assert striate.evaluate(loaded, "digits", split="validation").pictures == 144


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: striate.table("INPUT 1x8x8 -> CONVV 4"), "Did you mean CONV"),
        (lambda: striate.table(7), "written as text, not as int"),
        (lambda: striate.verify(None), "written as text, not as NoneType"),
        (lambda: striate.why(striate.parse(TEXT), PICTURE, "fc1[0]"), "draws first weights"),
        (lambda: striate.why((TEXT, None), PICTURE, "fc1[0]"), "is no network with weights"),
        (lambda: striate.why((TEXT, {}), PICTURE, "fc1[0]"), "conv1.weight is missing"),
        (lambda: striate.why(7, PICTURE, "fc1[0]"), "int is no network"),
        (lambda: striate.why("nowhere", PICTURE, "fc1[0]"), "nowhere is missing"),
        (lambda: striate.evaluate("nowhere"), "nowhere is missing"),
    ],
)
def test_the_rest_is_said(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(StriateError) as caught:
        call()
    assert said in str(caught.value)
