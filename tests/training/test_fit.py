"""Network and pictures fitted to each other, and refused before a picture is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from small import SETTINGS, TEXT, assert_same_run, digits

from striate.data import Survey, load, survey
from striate.errors import (
    DataError,
    GraphError,
    IdleSettingError,
    NumbersError,
    RunError,
    StriateError,
)
from striate.model import Model
from striate.networks import NETWORKS
from striate.notation import parse
from striate.passes.fit import fitted, takes
from striate.training import EpochRow, Event, Started, evaluate, fit, resume, train


def pictures(root: Path, counts: dict[str, int], size: tuple[int, int] = (12, 10)) -> Path:
    """A folder of random color pictures: so many per class folder."""
    random = np.random.default_rng(1)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for k in range(count):
            pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{k}.png")
    return root


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "unet"])
def test_every_network_of_the_catalog_takes_other_classes(name: str) -> None:
    graph = parse(NETWORKS[name].small or NETWORKS[name].notation)
    shape = graph.specs[graph.inputs[0].name].shape
    made = fitted(graph, 7, shape)
    exits = [made.scores.name, *(each.node for each in made.auxiliary)]
    assert {made.specs[each].size for each in exits} == {7}
    assert [node.name for node in made] == [node.name for node in graph]
    assert fitted(made, graph.specs[graph.scores.name].size, shape) == graph


def test_a_network_that_answers_with_maps_takes_no_other_classes() -> None:
    graph = parse(NETWORKS["unet"].small)
    with pytest.raises(GraphError, match="cannot answer with 7 scores"):
        fitted(graph, 7, graph.specs[graph.inputs[0].name].shape)


@pytest.mark.parametrize(
    ("name", "shape", "answer"),
    [
        ("resnet18", (3, 64, 48), True),
        ("resnet18", (1, 28, 28), True),
        ("squeezenet1_1", (3, 64, 64), True),
        ("squeezenet1_1", (3, 8, 8), False),
        ("shufflenet_v2_x1_0", (3, 32, 32), True),
        ("vgg16", (3, 32, 32), False),
        ("lenet5", (1, 28, 28), False),
        ("lenet5", (3, 32, 32), True),
    ],
)
def test_the_size_is_the_pictures_where_no_weight_depends_on_it(
    name: str, shape: tuple[int, ...], answer: bool
) -> None:
    assert takes(parse(NETWORKS[name].notation), shape) == answer


def test_a_network_of_the_catalog_fits_a_folder(tmp_path: Path) -> None:
    data = pictures(tmp_path / "pets", {"cat": 9, "dog": 9, "hen": 9})
    told: list[Event] = []
    done = train("lenet_adam", data, run=tmp_path / "run", epochs=1, on_event=told.append)
    model = Model.load(done.model)
    assert model.classes == ("cat", "dog", "hen")
    assert model.preprocessing.shape == (3, 28, 28)
    (started,) = (each for each in told if isinstance(each, Started))
    assert "lenet_adam is fitted to the data: INPUT 3x28x28, 3 classes" in started.notes
    assert Path(started.picture).is_file()
    resume(done.folder)


@pytest.mark.parametrize("name", ["digits", "mnist", "cifar10"])
def test_a_survey_says_what_loading_would(name: str) -> None:
    found = survey(name)
    if name == "digits":
        data = load(name)
        assert found == Survey(data.classes, data.shape[1:], data.shape[0])
    assert len(found.classes) == 10


def test_a_folder_that_does_not_fit_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pictures(tmp_path / "pets", {"cat": 4, "dog": 4})
    known = survey(data)
    assert (known.classes, known.size, known.has_validation) == (("cat", "dog"), (12, 10), False)

    def loading(*given: Any, **how: Any) -> Any:
        raise AssertionError("pictures were loaded")

    monkeypatch.setattr(fit, "load", loading)
    with pytest.raises(DataError, match="End the network with FC 2"):
        train("INPUT 3x12x10 -> FC 10", data, run=tmp_path / "run")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(
        TEXT, digits(), run=tmp_path_factory.mktemp("runs") / "net-digits-1", **SETTINGS
    ).folder


@pytest.mark.parametrize("form", ["file", "folder", "model"])
def test_a_network_with_weights_starts_from_them_and_says_so(
    done: Path, form: str, tmp_path: Path
) -> None:
    best = done / "best.safetensors"
    subject = {"file": str(best), "folder": str(done), "model": Model.load(best)}[form]
    told: list[Event] = []
    run = tmp_path / "run"
    settings = {"learning_rate": 1e-30, "epochs": 1}
    train(subject, digits(), run=run, on_event=told.append, **settings)
    (started,) = (each for each in told if isinstance(each, Started))
    assert started.start == ("the model" if form == "model" else str(best.resolve()))
    assert started.recipe.batch_size == SETTINGS["batch_size"], "its own recipe"
    before, after = load_file(best), load_file(run / "last.safetensors")
    assert all((before[key] == after[key]).all() for key in before if "running" not in key)
    assert Model.load(run / "last.safetensors").preprocessing == Model.load(best).preprocessing


@pytest.mark.parametrize("form", ["folder", "model"])
def test_a_run_from_weights_that_is_killed_at_once_resumes_to_the_same(
    done: Path, form: str, tmp_path: Path
) -> None:
    subject = str(done) if form == "folder" else Model.load(done / "best.safetensors")
    train(subject, digits(), run=tmp_path / "whole")

    class Killed(BaseException): ...

    def die(event: Event) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(subject, digits(), run=tmp_path / "killed", on_event=die)
    assert not (tmp_path / "killed" / "resume.safetensors").exists()
    resume(tmp_path / "killed", data=digits())
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"initializer": "he"}, "initializer is he"),
        ({"bias_initializer": "constant(1)"}, "bias_initializer"),
        ({"start": "kernels.safetensors"}, "start is"),
        ({"normalize": False}, "normalize is no"),
    ],
)
def test_settings_of_first_weights_do_nothing_beside_weights(
    done: Path, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(IdleSettingError, match=said):
        train(str(done), digits(), run=tmp_path / "run", **settings)


def test_weights_of_other_classes_or_pictures_are_refused(done: Path, tmp_path: Path) -> None:
    ten = pictures(tmp_path / "ten", {f"kind{k}": 3 for k in range(10)}, (8, 8))
    with pytest.raises(DataError, match=r"know the classes 0, 1, 2.*kind0"):
        train(str(done), ten, run=tmp_path / "run")
    two = pictures(tmp_path / "two", {"cat": 4, "dog": 4})
    with pytest.raises(DataError, match=r"10 scores, but .*two has 2 classes"):
        train(str(done), two, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_classes_in_another_order_are_matched_by_name(done: Path, tmp_path: Path) -> None:
    turned = digits().with_classes(tuple("9876543210"))
    train(str(done), turned, run=tmp_path / "run", epochs=1, learning_rate=1e-30)
    model = Model.load(tmp_path / "run" / "best.safetensors")
    assert model.classes == digits().classes
    before = evaluate(Model.load(done / "best.safetensors"), digits())
    assert evaluate(model, turned).pictures == before.pictures


def test_a_run_without_weights_says_how_it_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "my run"
    with pytest.raises(NumbersError):
        train("INPUT 1x8x8 -> FC 10", digits(), run=run, learning_rate=1e38)
    with pytest.raises(RunError, match=r"striate train --resume '.*my run'"):
        train(str(run), digits())


def test_unfinished_rows_are_counted_from_the_start(done: Path, tmp_path: Path) -> None:
    rows: list[Event] = []
    train(str(done), digits(), run=tmp_path / "run", epochs=2, on_event=rows.append)
    assert [each.epoch for each in rows if isinstance(each, EpochRow)] == [1, 2]


def test_judging_takes_every_picture(tmp_path: Path) -> None:
    data = pictures(tmp_path / "all", {"cat": 8, "dog": 8})
    done = train("INPUT 3x12x10 -> FC 2", data, run=tmp_path / "run", epochs=1)
    model = Model.load(done.model)
    other = pictures(tmp_path / "other", {"cat": 7, "dog": 9})
    only = pictures(tmp_path / "only" / "test", {"dog": 5}).parent
    for folder, count in ((other, 16), (only, 5)):
        judged = load(folder, size=(12, 10), channels=3, judging=True)
        assert evaluate(model, judged).pictures == count
        with pytest.raises(DataError, match="It has: test, all"):
            judged.split("train")
    with pytest.raises(StriateError):
        load(only)
