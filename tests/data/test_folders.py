"""Folders of pictures as people have them: layouts, sizes, colors, and what is broken in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from data.making import color, encoded, folder, gray, plain_classes
from striate.data import DataSet, Preprocessing, Split, Stream, load
from striate.errors import DataError, UnknownNameError

LAYOUT = "pictures/cat/1.png"


def labels_agree_with_folders(data: DataSet) -> None:
    """Every picture carries the class whose folder it came from, and its own pixels."""
    for split in (data.train, data.validation, data.test):
        if split is None:
            continue
        for row, path in enumerate(split.paths):
            assert Path(path).parent.name == data.classes[split.labels[row]]
            mean, std = (0.5,) * data.shape[0], (0.5,) * data.shape[0]
            seen = Preprocessing(*data.shape, mean, std).picture(path)
            assert np.array_equal(split.images[row], seen)


def test_an_unsplit_folder_is_split_in_proportion(tmp_path: Path) -> None:
    folder(tmp_path, plain_classes({"cat": 50, "ant": 100, "bee": 20}))
    data = load(str(tmp_path))
    assert data.classes == ("ant", "bee", "cat")
    assert data.shape == (1, 11, 7)
    assert (len(data.train), len(data.validation), len(data.test)) == (122, 14, 34)
    assert np.bincount(data.test.labels).tolist() == [20, 4, 10]
    labels_agree_with_folders(data)
    everything = [*data.train.paths, *data.validation.paths, *data.test.paths]
    assert len(set(everything)) == 170
    assert "34 of 170 pictures are held out" in data.notes[0]


def test_the_test_pictures_do_not_depend_on_the_seed(tmp_path: Path) -> None:
    folder(tmp_path, plain_classes({"a": 40, "b": 40}))
    one, two, again = load(tmp_path, seed=1), load(tmp_path, seed=2), load(tmp_path, seed=1)
    assert one.test.paths == two.test.paths
    assert one.validation.paths != two.validation.paths
    assert one.validation.paths == again.validation.paths
    assert one.sha256 == again.sha256 != two.sha256


def test_a_split_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    files = plain_classes({"train/x": 9, "train/y": 7, "valid/x": 3, "test/y": 2, "test/x": 1})
    data = load(folder(tmp_path, files))
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 3, 2 + 1)
    assert data.classes == ("x", "y")
    labels_agree_with_folders(data)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    data = load(folder(tmp_path, plain_classes({"bus": 10, "train": 10, "car": 10})))
    assert data.classes == ("bus", "car", "train")


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_class_that_training_lacks_is_an_error(tmp_path: Path, name: str) -> None:
    files = plain_classes({"train/x": 5, "train/y": 5, f"{name}/zebra": 2})
    with pytest.raises(DataError, match="no training picture of class zebra"):
        load(folder(tmp_path, files))


def test_bookkeeping_is_passed_over_and_the_rest_is_named(tmp_path: Path) -> None:
    files = plain_classes({"a": 8, "b": 8, ".hidden": 3, ".ipynb_checkpoints": 2, "__MACOSX": 2})
    files |= {"a/.DS_Store": b"x", "a/notes.txt": b"x", "b/live.heic": b"x", "loose.png": gray(1)}
    folder(tmp_path, files)
    (tmp_path / "zebra").mkdir()
    data = load(tmp_path)
    assert data.classes == ("a", "b")
    assert data.problems == (
        "2 files are not pictures: .heic 1, .txt 1",
        "1 pictures in the root belong to no class: left out",
        "class zebra has no pictures: left out",
    )


def test_damaged_files_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    files = plain_classes({"a": 10, "b": 10})
    whole = encoded(color(1))
    files |= {"a/zero.png": b"", "b/half.png": whole[: len(whole) // 2], "b/text.jpg": b"hi"}
    files |= {"c/only.png": b"\x89PNG broken"}
    data = load(folder(tmp_path, files), size=(11, 7))
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.validation) + len(data.test) == 20
    problems = "\n".join(data.problems)
    assert "a/zero.png: the file is empty (0 bytes)" in problems
    assert "b/half.png: damaged or truncated" in problems
    assert "b/text.jpg: not a picture that can be read" in problems
    assert "c/only.png" in problems
    assert "class c has no readable picture: left out" in problems
    labels_agree_with_folders(data)


def test_one_color_picture_among_gray_ones_makes_the_set_color(tmp_path: Path) -> None:
    files = plain_classes({"train/a": 4, "train/b": 4, "test/a": 1})
    assert load(folder(tmp_path, files)).shape[0] == 1
    folder(tmp_path, {"test/a/color.png": color(1)})
    data = load(tmp_path)
    assert data.shape[0] == 1  # what is only tested does not change the network
    labels_agree_with_folders(data)  # and goes to gray by its luma
    folder(tmp_path, {"train/a/color.png": color(1)})
    data = load(tmp_path)
    assert data.shape == (3, 11, 7)
    labels_agree_with_folders(data)
    assert load(tmp_path, channels=1).shape == (1, 11, 7)


def test_sizes_that_differ_are_resized_and_said(tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": gray(i, 90 + i, 130) for i in range(6) for name in "ab"}
    folder(tmp_path, files)
    data = load(tmp_path, validation=0)
    assert data.shape == (1, 45, 64)
    assert "pictures of 90x130 to 95x130 pixels are resized to 45x64" in data.notes
    assert load(tmp_path, size=(10, 12)).shape == (1, 10, 12)
    labels_agree_with_folders(data)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no pictures in class folders"),
        ({"a/readme.txt": b"x"}, "no pictures in class folders"),
        ({"1.png": gray(1), "2.png": gray(2)}, "no pictures in class folders"),
        ({"a/1.png": gray(1)}, "has only class a; a classifier needs two"),
        ({"a/1.png": b"", "b/1.png": b"x"}, "no class with readable pictures"),
        ({"test/a/1.png": gray(1), "val/b/1.png": gray(2)}, "no pictures to learn from: train"),
    ],
)
def test_a_folder_that_cannot_be_used_shows_the_layout(tmp_path: Path, files, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        load(folder(tmp_path, files))
    assert LAYOUT in str(caught.value)


def test_a_file_or_nothing_instead_of_a_folder_shows_the_layout(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1,2")
    with pytest.raises(DataError, match=r"x\.txt is a file, not a folder") as caught:
        load(tmp_path / "x.txt")
    assert LAYOUT in str(caught.value)
    with pytest.raises(DataError, match="there is no folder"):
        load(tmp_path / "none" / "such")


def test_a_misspelled_name_is_guessed() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean mnist"):
        load("mnits")


@pytest.mark.parametrize("name", ["", "  ", "x" * 5000, "\0"])
def test_a_name_that_can_be_no_file_is_told(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no data set or folder is called"):
        load(name)


def test_a_link_to_a_parent_does_not_go_on_for_ever(tmp_path: Path) -> None:
    folder(tmp_path, plain_classes({"a": 5, "b": 5}))
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    data = load(tmp_path, validation=0)
    assert len(data.train) + len(data.test) == 10


def test_odd_names_are_taken(tmp_path: Path) -> None:
    files = plain_classes({"mañana 猫": 5, "b [1]": 5})
    files |= {"b [1]/deep/er/x.PNG": gray(3)}
    data = load(folder(tmp_path, files), validation=0)
    assert data.classes == ("b [1]", "mañana 猫")
    assert len(data.train) + len(data.test) == 11


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    folder(tmp_path, plain_classes({"a": 9, "b": 8}))
    load(tmp_path, progress=lambda *each: calls.append(each))
    assert calls == [(17, 17, "measuring"), (17, 17, "decoding")]


def test_what_is_too_large_for_memory_is_streamed_with_the_same_answer(tmp_path: Path) -> None:
    files: dict = plain_classes({"a": 21, "b": 16}, height=9, width=8)
    folder(tmp_path, {**files, "a/broken.png": b"", "b/color.png": color(4, 9, 8)})
    held, streamed = load(tmp_path), load(tmp_path, in_memory=1000)
    assert isinstance(held.train, Split)
    assert isinstance(streamed.train, Stream)
    assert (held.classes, held.shape, held.problems) == (
        streamed.classes,
        streamed.shape,
        streamed.problems,
    )
    assert (held.mean, held.std) == (streamed.mean, streamed.std)
    for one, two in zip(
        (held.train, held.validation, held.test),
        (streamed.train, streamed.validation, streamed.test),
        strict=True,
    ):
        assert one.paths == two.paths
        assert np.array_equal(one.labels, two.labels)
        assert two.images.shape == one.images.shape
        assert np.array_equal(two.images[:], one.images)
        assert np.array_equal(two.images[-1], one.images[-1])
    assert streamed.sha256 == load(tmp_path, in_memory=1000).sha256


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"validation": 1.0}, r"validation=1\.0 of 16 training pictures"),
        ({"validation": 16}, "a count from 0 to 15"),
        ({"validation": -1}, "validation=-1"),
        ({"validation": True}, "validation=True"),
        ({"channels": 2}, r"1 \(gray\) or 3 \(color\) channels, not 2"),
        ({"validation": float("nan")}, "validation=nan"),
        ({"validation": "0.1"}, "validation='0.1'"),
        ({"size": (0, 4)}, r"a size is \(height, width\)"),
        ({"size": 28}, r"a size is \(height, width\) of 1 or more pixels, not 28"),
        ({"size": (28.0, 28.0)}, r"a size is \(height, width\)"),
        ({"seed": -3}, "a seed is a whole number of 0 or more, not -3"),
    ],
)
def test_settings_that_cannot_be_are_told(tmp_path: Path, settings: dict, says: str) -> None:
    folder(tmp_path, plain_classes({"a": 10, "b": 10}))
    with pytest.raises(DataError, match=says):
        load(tmp_path, **settings)


def test_classes_are_matched_by_name_not_by_order(tmp_path: Path) -> None:
    data = load(folder(tmp_path, plain_classes({"b": 5, "c": 10})), validation=0)
    moved = data.with_classes(("c", "a", "b"))
    for old, new in ((data.train, moved.train), (data.test, moved.test)):
        names = [data.classes[label] for label in old.labels]
        assert names == [moved.classes[label] for label in new.labels]
    with pytest.raises(DataError, match="1 class that the model does not know: c"):
        data.with_classes(("a", "b"))


@pytest.mark.parametrize("in_memory", [1 << 30, 100])
def test_splits_are_had_by_name_and_all_together(tmp_path: Path, in_memory: int) -> None:
    folder(tmp_path, plain_classes({"b": 15, "c": 10}))
    data = load(tmp_path, in_memory=in_memory)
    assert data.split("test") is data.test
    everything = data.split("all")
    assert sorted(everything.paths) == sorted(map(str, tmp_path.rglob("*.png")))
    for row in (0, 21, 24):
        assert Path(everything.paths[row]).parent.name == data.classes[everything.labels[row]]
        expected = Preprocessing(*data.shape, (0.5,), (0.5,)).picture(everything.paths[row])
        assert np.array_equal(everything.images[row], expected)
    with pytest.raises(DataError, match="has no 'dev' pictures") as caught:
        data.split("dev")
    assert "train, validation, test, all" in str(caught.value)


def test_few_pictures_and_none_in_a_split_are_said(tmp_path: Path) -> None:
    files = plain_classes({"train/a": 30, "train/b": 3, "test/a": 4, "val/a": 2, "val/b": 1})
    notes = load(folder(tmp_path, files)).notes
    assert "few pictures to learn from (under 10): b 3" in notes
    assert "no test pictures of b: nothing judges them there" in notes
    assert not [note for note in notes if "no validation" in note]


def test_a_name_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    files = plain_classes({f"train/{one}": 12, "train/tea": 12, f"test/{two}": 4, "test/tea": 4})
    data = load(folder(tmp_path, files), validation=0)
    assert data.classes == (one, "tea")
    assert np.bincount(data.test.labels).tolist() == [4, 4]
    assert f"folders called {one} in 2 Unicode forms are one class" in data.notes
    assert data.with_classes(("tea", two)).train.labels.tolist() == [1] * 12 + [0] * 12


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"caf\xe9", r"caf\xe9"), (b"a\x1b[31m", r"a\x1b[31m"), (b"two\nlines", r"two\x0alines")],
)
def test_a_class_that_cannot_be_written_is_refused_and_shown(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    folder(tmp_path, plain_classes({"tea": 12}))
    place = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(place)
    Path(os.fsdecode(place), "1.png").write_bytes(encoded(gray(1)))
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert f"the class folder '{shown}' cannot be written as text" in str(caught.value)
    assert "Rename it" in str(caught.value)
    with pytest.raises(DataError, match="the name of the data folder"):
        load(os.fsdecode(place))


@pytest.mark.parametrize("in_memory", [1 << 30, 100])
def test_pictures_with_odd_names_are_used_and_named_with_escapes(
    tmp_path: Path, in_memory: int
) -> None:
    folder(tmp_path, plain_classes({"a": 12, "b": 12}))
    for name, content in ((b"\xe9.png", encoded(gray(1))), (b"\x1b\xff.png", b"torn")):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), b"a", name))).write_bytes(content)
    data = load(tmp_path, in_memory=in_memory, validation=0)
    assert len(data.train) + len(data.test) == 25
    assert data.problems == (r"a/\x1b\xff.png: not a picture that can be read",)
    assert data.split("all").images[:].shape == (25, 1, 11, 7)


def test_a_pipe_and_a_link_to_nothing_are_named(tmp_path: Path) -> None:
    folder(tmp_path, plain_classes({"a": 12, "b": 12}))
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    problems = "\n".join(load(tmp_path).problems)
    assert "a/pipe.png: this is a pipe, socket or device" in problems
    assert "b/gone.png: there is no such file" in problems


def test_a_folder_of_heic_alone_says_why(tmp_path: Path) -> None:
    folder(tmp_path, {"a/1.heic": b"x", "b/2.HEIC": b"x"})
    with pytest.raises(DataError, match=r"HEIC pictures \(2\) are not read: save them as JPEG"):
        load(tmp_path)
