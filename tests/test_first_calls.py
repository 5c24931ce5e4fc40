"""What a newcomer passes to the public functions: texts, paths and names, or something else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate
from striate.cli import main
from striate.data import load
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


@pytest.fixture
def forms(model: Path, tmp_path: Path) -> dict[str, str | Path | striate.Graph | striate.Model]:
    """What NETWORK may be on the command line, and what Python has besides."""
    (tmp_path / "small.net").write_text(TEXT)
    loaded = striate.Model.load(model)
    return {
        "text": TEXT,
        "name": "cnn_matlab",
        ".net file": str(tmp_path / "small.net"),
        "path": tmp_path / "small.net",
        "model file": str(model),
        "run folder": model.parent,
        "graph": loaded.graph,
        "model": loaded,
    }


def test_every_form_of_a_network_is_taken_by_every_function(
    forms: dict[str, str | Path | striate.Graph | striate.Model], tmp_path: Path
) -> None:
    named = striate.table("cnn_matlab").totals
    own = striate.table(striate.parse(TEXT)).totals
    for form, network in forms.items():
        assert striate.table(network).totals == (named if form == "name" else own), form
        assert striate.verify(network).ok, form
        assert abs(striate.why(network, "digits#7", "conv1[0,3,3]").residual) < 1e-5, form
        run = tmp_path / "runs" / form
        assert striate.train(network, "digits", run=run, steps=1, quiet=True).epochs == 1, form


@pytest.mark.parametrize("network", ["model", TEXT])
@pytest.mark.parametrize("picture", ["digits#7", "seven.png", "seven.csv"])
def test_both_doors_read_the_same_pictures(
    model: Path,
    network: str,
    picture: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = load("digits").test.images[7, 0]
    Image.fromarray(pixels).save("seven.png")
    np.savetxt("seven.csv", pixels / 255, delimiter=",")
    asked = str(model) if network == "model" else network
    answer = striate.why(asked, picture, "loss")
    monkeypatch.setattr(sys, "argv", ["striate", "why", asked, picture, "loss", "--json"])
    with pytest.raises(SystemExit, match="0"):
        main()
    form = json.loads(capsys.readouterr().out)
    assert (form["value"], form["target"]) == (answer.value, answer.target)
    assert answer.target == ("7" if picture == "digits#7" else answer.target)
    assert ("first weights of seed 0" in str(answer)) == (network != "model")
    if network == "model":
        loaded = striate.Model.load(model)
        read = (picture, pixels, Image.fromarray(pixels), loaded.read(picture))
        shares = [loaded.predict(each)[0].probability for each in read]
        assert shares == pytest.approx([shares[0]] * len(read), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: striate.table("INPUT 1x8x8 -> CONVV 4"), "Did you mean CONV"),
        (lambda: striate.table(7), "written as text, not as int"),
        (lambda: striate.verify(None), "written as text, not as NoneType"),
        (lambda: striate.table("vgg61"), "or vgg16"),
        (lambda: striate.table(Path("none.net")), "there is no file none.net"),
        (lambda: striate.table(__file__), "a program or a page, not a network"),
        (lambda: striate.evaluate("resnet18"), "without trained weights"),
        (lambda: striate.evaluate(TEXT), "without trained weights"),
        (lambda: striate.why((TEXT, None), PICTURE, "fc1[0]"), "is no network with weights"),
        (lambda: striate.why((TEXT, {}), PICTURE, "fc1[0]"), "conv1.weight is missing"),
        (lambda: striate.why(7, PICTURE, "fc1[0]"), "int is no network"),
        (lambda: striate.why("nowhere", PICTURE, "fc1[0]"), "no network called nowhere"),
        (lambda: striate.why(TEXT, "digits", "fc1[0]"), "Number one: digits#7."),
        (lambda: striate.why(TEXT, "digits#99999", "fc1[0]"), "no test picture 99999"),
        (lambda: striate.why("INPUT 9 -> FC 2", "digits#7", "fc1[0]"), "takes 9, not a picture"),
        (lambda: striate.evaluate("nowhere"), "nowhere is missing"),
    ],
)
def test_the_rest_is_said(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(StriateError) as caught:
        call()
    assert said in str(caught.value)
