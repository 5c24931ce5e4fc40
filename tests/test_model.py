"""Model files: what comes back, what is refused, and what a failed write leaves behind."""

from __future__ import annotations

import copy
import errno
import json
import mmap
import os
import pickle
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from striate.data.preprocess import Preprocessing
from striate.engine import lower
from striate.errors import DataError, ModelFileError, NumbersError
from striate.exchange import arrays
from striate.exchange.arrays import METADATA, read_arrays, write_arrays
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse
from striate.prediction import probabilities
from striate.reference import run

TEXT = "INPUT 3x7x9 -> C1: CONV 4 3x2 -> BN -> RELU -> { MAXPOOL 2 | AVGPOOL 2 } CONCAT -> FC 5"
CLASSES = ("ant", "bee", "çedilla", "dog/cat", "eel")
PREPROCESSING = Preprocessing(3, 7, 9, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), fit="crop")


@pytest.fixture
def model() -> Model:
    graph = parse(TEXT)
    about = {"recipe": {"epochs": 3}, "data": {"sha256": "ab"}, "note": "naïve"}
    return Model(graph, initialize(graph, seed=5), CLASSES, PREPROCESSING, about)


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


def test_everything_comes_back(model: Model, saved: Path) -> None:
    back = Model.load(saved)
    assert back.graph == model.graph
    assert back.classes == CLASSES
    assert back.preprocessing == PREPROCESSING
    assert back.about == model.about
    for node, own in model.weights.items():
        for name, array in own.items():
            np.testing.assert_array_equal(back.weights[node][name], array)
    assert os.listdir(saved.parent) == [saved.name]


def test_modules_are_in_evaluation_mode_and_equal_the_reference(model: Model) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 7, 9))
    module = model.module()
    assert not module.training
    with torch.inference_mode():
        scores = module(torch.from_numpy(x).float()).numpy()
    frozen = model.frozen(fused=False)
    assert [name for name in frozen.state_dict() if name.startswith("bn")] == []
    np.testing.assert_allclose(frozen(torch.from_numpy(x).float()), scores, atol=2e-5)
    trace = run(model.graph, model.weights, x)
    np.testing.assert_allclose(scores, trace.values[model.graph.scores.name], atol=2e-5)


def test_prediction_takes_any_picture(model: Model, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    color = rng.integers(0, 256, (40, 31, 3), dtype=np.uint8)
    file = tmp_path / "odd name.png"
    Image.fromarray(color).save(file)
    gray = rng.integers(0, 256, (5, 6), dtype=np.uint8)
    found = model.predict([file, str(file), file.read_bytes(), color, gray], batch_size=2)
    assert len(found) == 5
    for each in found:
        names, shares = zip(*each.ranking, strict=True)
        assert sorted(names) == sorted(CLASSES)
        assert sum(shares) == pytest.approx(1, abs=1e-6)
        assert list(shares) == sorted(shares, reverse=True)
        assert (each.label, each.probability) == each.ranking[0]
    by_source = [dict(each.ranking) for each in found]
    for other in by_source[1:4]:
        assert other == pytest.approx(by_source[0], abs=1e-6)
    assert by_source[4] != pytest.approx(by_source[0], abs=1e-4)


def test_a_path_is_one_picture(model: Model, tmp_path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "one.png")
    path = tmp_path / "one.png"
    wanted = model.predict([path])
    for given in (path, str(path), path.read_bytes()):
        assert model.predict(given) == wanted
    with pytest.raises(DataError, match=r"nope\.png"):
        model.predict("nope.png")


def test_prediction_is_the_network_on_the_normalized_picture(model: Model) -> None:
    x = np.random.default_rng(3).integers(0, 256, (3, 7, 9), dtype=np.uint8)
    [found] = model.predict([x])
    values = run(model.graph, model.weights, PREPROCESSING.normalize_array(x)[None]).values
    scores = values[model.graph.scores.name][0]
    e = np.exp(scores - scores.max())
    wanted = dict(zip(CLASSES, e / e.sum(), strict=True))
    assert dict(found.ranking) == pytest.approx(wanted, abs=1e-5)


def test_a_bad_picture_is_named(model: Model, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n rest")
    with pytest.raises(DataError, match=r"torn\.png"):
        model.predict([tmp_path / "torn.png"])


def test_probabilities_follow_the_end_of_the_network() -> None:
    rows = np.array([[0.2, 0.5, 0.3]])
    ends_in_softmax = parse("INPUT 1x2x2 -> FC 3 -> SOFTMAX")
    np.testing.assert_array_equal(probabilities(ends_in_softmax, rows), rows)
    scores = np.array([[1000.0, 1000.0 + np.log(3), -1000.0]])
    plain = probabilities(parse("INPUT 1x2x2 -> FC 3"), scores)
    np.testing.assert_allclose(plain, [[0.25, 0.75, 0]], atol=1e-12)


def _header(path: Path) -> tuple[dict[str, object], bytes]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def _with_metadata(path: Path, text: str | None = None, **changes: object) -> None:
    """Change entries of the description, or replace its whole text."""
    header, body = _header(path)
    metadata = header["__metadata__"]
    assert isinstance(metadata, dict)
    described = json.loads(metadata[METADATA])
    for key, value in changes.items():
        described.pop(key) if value is None else described.update({key: value})
    metadata[METADATA] = json.dumps(described) if text is None else text
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + body)


def _with_tensors(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors, (_, metadata) = load_file(path), read_arrays(path)
    change(tensors)
    write_arrays(path, tensors, metadata)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.mkdir, (os.environ["STRIATE_TEST_BOMB"],))


MISTAKES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("INPUT 1x2x2 -> FC 3"),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "cut in the weights": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "a longer file": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "header as long as the memory": lambda path: path.write_bytes(
        struct.pack("<Q", 2**60) + path.read_bytes()[8:]
    ),
    "pickle": lambda path: path.write_bytes(pickle.dumps(_Bomb())),
    "foreign safetensors": lambda path: save_file({"w": np.zeros(2, np.float32)}, path),
    "foreign metadata": lambda path: save_file(
        {"w": np.zeros(2, np.float32)}, path, metadata={"format": "pt"}
    ),
    "no notation": lambda path: _with_metadata(path, notation=None),
    "no classes": lambda path: _with_metadata(path, classes=None),
    "no preprocessing": lambda path: _with_metadata(path, preprocessing=None),
    "notation of nonsense": lambda path: _with_metadata(path, notation="INPUT -> -> ["),
    "notation of code": lambda path: _with_metadata(path, notation="__import__('os').getcwd()"),
    "notation nested deep": lambda path: _with_metadata(
        path, notation="INPUT 1x2x2 -> " + "[" * 5000 + "RELU" + "]" * 5000
    ),
    "notation repeated forever": lambda path: _with_metadata(
        path, notation="INPUT 1x2x2 -> [[[RELU]*99999]*99999]*99999 -> FC 5"
    ),
    "a network too large for any memory": lambda path: _with_metadata(
        path, notation="INPUT 3x7x9 -> FC 999999999 -> FC 999999999 -> FC 5"
    ),
    "classes no list": lambda path: _with_metadata(path, classes=7),
    "no JSON": lambda path: _with_metadata(path, text="["),
    "JSON nested deep": lambda path: _with_metadata(path, text="[" * 100_000),
    "JSON without names": lambda path: _with_metadata(path, text="[3]"),
    "too few classes": lambda path: _with_metadata(path, classes=["ant"]),
    "preprocessing no table": lambda path: _with_metadata(path, preprocessing=[]),
    "another size": lambda path: _with_metadata(
        path,
        preprocessing=PREPROCESSING.to_dict() | {"height": 8},
    ),
    "about no table": lambda path: _with_metadata(path, about=3),
    "data no table": lambda path: _with_metadata(path, about={"data": [1]}),
    "data source no name": lambda path: _with_metadata(path, about={"data": {"source": "a\0"}}),
    "recipe no table": lambda path: _with_metadata(path, about={"recipe": "fast"}),
    "a seed no number": lambda path: _with_metadata(path, about={"recipe": {"seed": "x"}}),
    "a seed of 1,000 digits": lambda path: _with_metadata(
        path, about={"recipe": {"seed": 10**1001}}
    ),
    "a share no number": lambda path: _with_metadata(path, about={"recipe": {"validation": []}}),
    "a class no text": lambda path: _with_metadata(path, classes=["a", "b", "c", "d", 5]),
    "a class that UTF-8 cannot hold": lambda path: _with_metadata(
        path, classes=["a", "b", "c", "d", "\ud800"]
    ),
    "notation no text": lambda path: _with_metadata(path, notation=["INPUT 5"]),
    "format no text": lambda path: _with_metadata(path, format=["striate-model-1"]),
    **{
        f"{field} {name}": partial(
            lambda path, field, value: _with_metadata(
                path, preprocessing=PREPROCESSING.to_dict() | {field: value}
            ),
            field=field,
            value=value,
        )
        for field, name, value in (
            ("mean", "of 400 digits", [10**400, 0, 0]),
            ("mean", "a text", "012"),
            ("mean", "a table", {"a": 1, "b": 2, "c": 3}),
            ("std", "NaN", [float("nan"), 1, 1]),
            ("std", "nested", [[1], [1], [1]]),
            ("height", "of 400 digits", 10**400),
            ("width", "a fraction", 9.0),
            ("channels", "yes", True),
            ("fit", "a list", ["crop"]),
        )
    },
    "weights of whole numbers": lambda path: _with_tensors(
        path, lambda t: t.update({"C1.bias": np.zeros(4, np.int64)})
    ),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "a tensor less": lambda path: _with_tensors(path, lambda t: t.pop("C1.bias")),
    "a tensor more": lambda path: _with_tensors(
        path, lambda t: t.update(extra=np.zeros(2, np.float32))
    ),
    "another shape": lambda path: _with_tensors(
        path, lambda t: t.update({"C1.bias": np.zeros(5, np.float32)})
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_is_not_ours_is_refused(
    mistake: str, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "exploded"
    monkeypatch.setenv("STRIATE_TEST_BOMB", str(bomb))
    MISTAKES[mistake](saved)
    with pytest.raises(ModelFileError) as refused:
        Model.load(saved)
    assert str(saved) in str(refused.value)
    assert not bomb.exists()


def test_a_full_disk_leaves_the_old_file(
    model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="No space left on device"):
        model.save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_a_missing_folder_is_named(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "model.safetensors")


def test_the_loaded_network_is_ordinary(saved: Path) -> None:
    back = Model.load(saved)
    keys = set(back.module().state_dict())
    assert {"C1.weight", "C1.bias", "bn1.running_var", "fc1.weight"} <= keys
    assert keys == set(lower(back.graph).state_dict())


def test_a_run_folder_is_loaded_by_its_best_model(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "best.safetensors")
    assert Model.load(tmp_path).graph == model.graph
    with pytest.raises(ModelFileError, match=r"best\.safetensors is missing"):
        Model.load(tmp_path.parent)


def test_models_are_pickled_and_copied(model: Model, saved: Path) -> None:
    x = np.random.default_rng(1).integers(0, 256, (3, 7, 9), dtype=np.uint8)
    wanted = model.predict([x])
    for one in (model, Model.load(saved)):
        for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301
            assert (other.graph, other.classes) == (model.graph, CLASSES)
            assert other.predict([x]) == wanted
    copied = copy.deepcopy(model)
    copied.weights["C1"]["bias"][:] = 9
    assert model.predict([x]) == wanted


def test_a_large_model_is_mapped_and_predicts_the_same(
    model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(1).integers(0, 256, (3, 7, 9), dtype=np.uint8)
    monkeypatch.setattr(arrays, "MAPPED", 0)
    mapped = Model.load(saved)
    assert mapped.predict([x]) == model.predict([x])
    base = mapped.weights["C1"]["weight"]
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, memoryview)
    assert isinstance(base.obj, mmap.mmap), "a view of the file's pages, not a copy"
    before = saved.read_bytes()
    mapped.module().get_parameter("C1.bias").data.fill_(3)
    mapped.weights["C1"]["bias"][:] = 9
    assert saved.read_bytes() == before


def test_weights_in_other_floats_become_float32(model: Model, saved: Path) -> None:
    _with_tensors(saved, lambda t: t.update({k: v.astype(np.float16) for k, v in t.items()}))
    assert {a.dtype for own in Model.load(saved).weights.values() for a in own.values()} == {
        np.dtype(np.float32)
    }


def test_scores_that_are_no_numbers_are_no_prediction(model: Model) -> None:
    model.weights["fc1"]["bias"][0] = np.nan
    with pytest.raises(NumbersError, match="no number"):
        model.predict([np.zeros((3, 7, 9), np.uint8)])


def test_a_source_that_is_no_utf8_travels_along(model: Model, tmp_path: Path) -> None:
    source = os.fsdecode(b"/pictures/\xff")
    path = tmp_path / os.fsdecode(b"model\xfe.safetensors")
    Model(model.graph, model.weights, CLASSES, PREPROCESSING, {"data": {"source": source}}).save(
        path
    )
    assert Model.load(path).about["data"]["source"] == source
