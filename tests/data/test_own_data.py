"""Pictures of one's own in every form that is read: the same pictures are the same data set."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset

import striate
from data.making import color, folder, gray, plain_classes
from striate.data import load
from striate.errors import DataError, StriateError

NAMES = ("ant", "bee", "cat")
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def drawn(channels: int = 1, counts: tuple[int, int] = (20, 4)) -> Arrays:
    """A few pictures of each class in each split, as arrays in the order of a folder's files."""
    found = {}
    for split, count in zip(("train", "test"), counts, strict=True):
        seeds = [
            1000 * place + k + 500 * (split == "test") for place in range(3) for k in range(count)
        ]
        draw = gray if channels == 1 else color
        x = np.stack([draw(seed, 9, 7) // 2 + 40 * (seed // 1000) for seed in seeds])
        found[split] = x.astype(np.uint8), np.repeat(np.array(NAMES), count)
    return found


class OwnSet(Dataset):
    """A Dataset as people write them."""

    classes = NAMES

    def __init__(self, x: np.ndarray, y: np.ndarray, make: Callable[[np.ndarray], Any]) -> None:
        self.x, self.y, self.make = x, y, make

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, k: int) -> tuple[Any, int]:
        return self.make(self.x[k]), NAMES.index(self.y[k])


def as_folder(arrays: Arrays, root: Path) -> Path:
    files = {
        f"{split}/{label}/{k:03d}.png": x
        for split, (pictures, labels) in arrays.items()
        for k, (x, label) in enumerate(zip(pictures, labels, strict=True))
    }
    return folder(root / "pictures", files)


def as_csv(arrays: Arrays, root: Path) -> Path:
    top = as_folder(arrays, root)
    rows = [(p.relative_to(root), p.parent.name, p.parents[1].name) for p in top.rglob("*.png")]
    order = np.random.default_rng(3).permutation(len(rows))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split"), *(rows[k] for k in order)])
    return root / "labels.csv"


def as_npz(arrays: Arrays, root: Path) -> Path:
    table = {
        f"{part}_{s}": a for s, pair in arrays.items() for part, a in zip("xy", pair, strict=True)
    }
    np.savez_compressed(root / "own.npz", **table)
    return root / "own.npz"


def tensor(x: np.ndarray) -> torch.Tensor:
    planes = x[None] if x.ndim == 2 else x.transpose(2, 0, 1)
    return torch.from_numpy(planes.copy()).float() / 255


FORMS: dict[str, Callable[[Arrays, Path], Any]] = {
    "csv": as_csv,
    "npz": as_npz,
    "arrays": lambda arrays, root: arrays,
    "two pairs": lambda arrays, root: (arrays["train"], arrays["test"]),
    "floats": lambda arrays, root: {s: (x / 255, y.tolist()) for s, (x, y) in arrays.items()},
    "half floats": lambda arrays, root: {
        s: ((x / 255).astype(np.float16), y) for s, (x, y) in arrays.items()
    },
    "a list": lambda arrays, root: {s: ([*x], y) for s, (x, y) in arrays.items()},
    "Dataset": lambda arrays, root: {s: OwnSet(*pair, tensor) for s, pair in arrays.items()},
    "DataLoader": lambda arrays, root: tuple(
        DataLoader(OwnSet(*pair, Image.fromarray), batch_size=4, shuffle=True)
        for pair in arrays.values()
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_pictures_end_with_the_same_weights(
    form: str, channels: int, tmp_path: Path
) -> None:
    """Whatever they come as: bit for bit, with classes and preprocessing in the model."""
    arrays = drawn(channels)
    network = f"INPUT {channels}x9x7 -> CONV 4 3x3 -> RELU -> FC 3"
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 8, "flip": True, "quiet": True}
    sources = (as_folder(arrays, tmp_path), FORMS[form](arrays, tmp_path))
    results = [
        striate.train(network, source, run=tmp_path / f"run{k}", **settings)
        for k, source in enumerate(sources)
    ]
    first, second = (striate.Model.load(each.folder) for each in results)
    assert first.classes == second.classes == NAMES
    assert first.preprocessing == second.preprocessing
    for node, weights in first.weights.items():
        for name, weight in weights.items():
            assert np.array_equal(weight, second.weights[node][name])
    assert results[0].test_accuracy == results[1].test_accuracy
    x, _ = arrays["test"]
    one = second.predict(x[0])[0]
    assert second.predict(Image.fromarray(x[0]))[0] == one
    assert second.predict(tensor(x[0]))[0] == one
    assert second.predict(x[0] / 255)[0] == one


def test_numbers_are_classes_in_the_order_of_their_values(tmp_path: Path) -> None:
    x = np.stack([gray(k) for k in range(44)])
    y = np.repeat(np.arange(11), 4)
    assert load((x, y)).classes == tuple(map(str, range(11)))
    files = {f"{label}/{k}.png": x[k] for k, label in enumerate(y)}
    assert load(folder(tmp_path, files)).classes == tuple(map(str, range(11)))


def test_what_is_held_out_does_not_depend_on_the_order() -> None:
    """It is chosen by the contents, so that equal pictures stay together."""
    x, y = np.stack([gray(k) for k in range(60)]), np.arange(60) % 3
    order = np.random.default_rng(1).permutation(60)
    one, other = load((x, y)).test, load((x[order], y[order])).test
    assert {each.tobytes() for each in one.images} == {each.tobytes() for each in other.images}
    assert len(one) == 12


def test_names_for_numbered_classes(tmp_path: Path) -> None:
    x = np.stack([gray(k) for k in range(30)])
    data = load({"train": (x, np.arange(30) % 3), "classes": ["x", "y", "z"]})
    assert data.classes == ("x", "y", "z")
    with pytest.raises(DataError, match="label 3 of picture 3 names none of the 3 classes"):
        load({"train": (x, np.arange(30)), "classes": ["x", "y", "z"]})


def test_pictures_of_several_sizes_are_resized_as_files_are(tmp_path: Path) -> None:
    x = [gray(k, 8 + k % 3, 9) for k in range(20)]
    y = ["a", "b"] * 10
    data = load((x, y))
    assert data.shape == (1, 9, 9)
    assert "8x9 to 10x9 pixels are resized to 9x9" in data.notes[0]


X, Y = np.zeros((6, 5, 4), dtype=np.uint8), np.arange(6) % 2
REFUSED: dict[str, tuple[Any, str]] = {
    "counts": ((X, Y[:5]), "6 pictures but 5 labels"),
    "none": ((X[:0], Y[:0]), "there are no pictures"),
    "flat": ((np.zeros((6, 784)), Y), r"shape 6 x 784\n.*x.reshape\(-1, 28, 28\)"),
    "one class": ((X, Y * 0), "only class 0; a classifier needs two"),
    "NaN": ((np.where(np.arange(6) == 2, np.nan, X.T).T, Y), "picture 2 holds 20 numbers .* NaN"),
    "negative": ((X - 1.5, Y), "the numbers go from -1.5 to -1.5"),
    "large": ((X + np.uint16(256), Y), "from 256 to 256, not 0 to 1 or 0 to 255"),
    "complex": ((X * 1j, Y), "picture 0 is an array of complex128"),
    "both axes": ((np.zeros((6, 3, 8, 3)), Y), "either the first axis or the last"),
    "no axis": ((np.zeros((6, 8, 8, 4)), Y), r"no axis holds 1 .*\n.*x\[..., :3\]"),
    "one-hot": ((X, np.eye(6)), r"labels are 6 x 6.*\n.*argmax"),
    "fractions": ((X, Y + 0.5), "the label of picture 0 is 0.5"),
    "no label": ((X, [*"ababa", ""]), "the label of picture 5 is ''"),
    "three": ((X, Y, X), "3 things where"),
    "split": ({"trian": (X, Y)}, "no split is called 'trian'"),
    "twice": ({"val": (X, Y), "valid": (X, Y)}, "pictures are given twice"),
    "no pair": ({"train": X}, "this is no pair"),
    "gradient": ((torch.zeros(6, 5, 4, requires_grad=True), Y), r"x.detach\(\).cpu\(\)"),
    "number": (7, "data of the type int is not read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_that_cannot_be_learned_from(name: str) -> None:
    given, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        load(given)


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        yield X[0], 0


def test_data_sets_that_cannot_be_read() -> None:
    broken = OwnSet(X, np.repeat("ant", 6), lambda x: 1 // 0)
    with pytest.raises(DataError, match=r"item 0 of OwnSet cannot be read \(ZeroDivisionError"):
        load(broken)
    with pytest.raises(DataError, match="Stream is a stream, whose items have no numbers"):
        load(DataLoader(Stream()))
    with pytest.raises(DataError, match="item 0 of TensorDataset is a tuple, not a pair"):
        load(torch.utils.data.TensorDataset(torch.zeros(3, 1, 4, 4)))


def test_a_run_on_arrays_goes_on_with_arrays_alone(tmp_path: Path) -> None:
    arrays = drawn()
    done = striate.train("INPUT 1x9x7 -> FC 3", arrays, run=tmp_path / "run", epochs=1, quiet=True)
    again = striate.resume(done.folder, data=arrays, quiet=True)
    assert again.test_accuracy == done.test_accuracy
    with pytest.raises(StriateError, match=r"handed over in Python.*\n.*data=\(x, y\)"):
        striate.resume(done.folder, quiet=True)
    x, y = arrays["train"]
    with pytest.raises(StriateError, match="are no longer those"):
        striate.resume(done.folder, data={"train": (x[1:], y[1:])}, quiet=True)


def npz_of(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_npz_files_that_nobody_vouches_for(tmp_path: Path) -> None:
    lie = npy(X).replace(b"(6, 5, 4)", b"(6, 9**9)")[:-1]
    huge = npy(X).replace(b"(6, 5, 4), }  ", b"(6, 500000), }")
    objects = npy(np.array([{}, []], dtype=object))
    files = {
        "objects": (
            npz_of(x=npy(X), y=objects),
            "holds objects of Python.*\n.*Nothing is unpickled",
        ),
        "huge": (npz_of(x=huge, y=npy(Y)), "states 6 x 500000 of uint8, but holds 120 bytes"),
        "lie": (npz_of(x=lie, y=npy(Y)), "is damaged or not a file of numpy.savez"),
        "bomb": (npz_of(x=b"\0" * (40 << 20)), "unpacks to 41,943,040 bytes"),
        "half": (npz_of(x=npy(X)), "holds x: no pairs of arrays"),
        "names": (npz_of(arr_0=npy(X), arr_1=npy(Y)), "holds arr_0, arr_1: no pairs"),
        "text": (b"hello", "is damaged or not a file of numpy.savez"),
        "cut": (npz_of(x=npy(X), y=npy(Y))[:-40], "is damaged"),
    }
    for name, (content, message) in files.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load(path)
    with pytest.raises(DataError, match=r"gone.npz is missing"):
        load(tmp_path / "gone.npz")


def test_a_table_without_a_head_and_what_is_wrong_with_its_lines(tmp_path: Path) -> None:
    folder(tmp_path, plain_classes({"p": 12, "q": 12}))
    plain = [f"{c}/{k:03d}.png,{c}" for c in "pq" for k in range(12)]
    table = tmp_path / "labels.csv"

    def loaded(*lines: str, head: str = "") -> Any:
        table.write_text("\n".join(filter(None, (head, *lines))))
        return load(table)

    by_folder, listed = load(tmp_path), loaded(*plain)
    assert listed.sha256 == by_folder.sha256
    assert np.array_equal(listed.test.images, by_folder.test.images)
    found = loaded(*plain, plain[3], "p/none.png,p")
    assert found.problems[0] == "1 lines list a picture again: left out"
    assert "p/none.png: there is no such file" in found.problems[1]
    semicolons = [line.replace(",", ";") + ";7" for line in plain]
    assert loaded(*semicolons, head="file;class;weight").notes[0].endswith("over: weight")
    for line, message in {
        "p/000.png,q": "p/000.png is 'p' in line 2 and 'q' in line 26",
        "p/000.png,": "line 26: 'p/000.png, ' lacks a path or a label",
        ",q": "lacks a path or a label",
        '"p/000.png,q': "line 26: unexpected end of data",
    }.items():
        with pytest.raises(DataError, match=message):
            loaded(*plain, line, head="path,label")
    with pytest.raises(DataError, match="no split is called 'tarin'"):
        loaded("p/000.png,p,tarin", head="path,label,split")
    with pytest.raises(DataError, match=r"lists no pictures\n  Expected are paths"):
        loaded("", head="path,label")
    with pytest.raises(DataError, match=r"labels.csv, line 1: 'a, b, c, d'"):
        loaded("a,b,c,d")
