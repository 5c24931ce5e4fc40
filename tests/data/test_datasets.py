"""Splits in proportion, exact statistics, the bundled digits, and the real sets where they are."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data import NAMES, Split, load
from striate.data.dataset import carve, stratified, summary_of
from striate.errors import IdleSettingError

DATA = os.environ.get("STRIATE_DATA")
real = pytest.mark.skipif(DATA is None, reason="STRIATE_DATA names no folder")


def uneven() -> Split:
    labels = np.repeat(np.arange(4), [1, 2, 30, 67]).astype(np.int64)
    images = np.random.default_rng(0).integers(0, 256, (100, 3, 5, 4), dtype=np.uint8)
    return Split(images, labels, tuple(f"{i}.png" for i in range(100)))


@pytest.mark.parametrize("share", [0.1, 10, 0.33, 1])
def test_carving_keeps_proportions_and_order(share: float) -> None:
    split = uneven()
    rest, taken = carve(split, share, seed=4)
    wanted = share if isinstance(share, int) else round(100 * share)
    assert len(taken) == wanted
    assert len(rest) == 100 - wanted
    assert set(rest.paths) | set(taken.paths) == set(split.paths)
    assert not set(rest.paths) & set(taken.paths)
    numbers = [int(path.removesuffix(".png")) for path in rest.paths]
    assert numbers == sorted(numbers)
    assert np.array_equal(rest.images, split.images[numbers])
    for label, count in Counter(split.labels.tolist()).items():
        got = int((taken.labels == label).sum())
        assert abs(got - count * wanted / 100) <= 1
        assert got < count


def test_carving_nothing_is_nothing() -> None:
    split = uneven()
    assert carve(split, 0, seed=1) == (split, None)
    assert carve(split, None, seed=1) == (split, None)


def test_a_class_keeps_its_last_picture() -> None:
    labels = np.repeat(np.arange(5), [1, 1, 1, 1, 6]).astype(np.int64)
    mask = stratified(labels, 8, np.arange(10))
    assert set(labels[~mask]) == {0, 1, 2, 3, 4}


def test_statistics_are_those_of_the_pixels() -> None:
    split = uneven()
    summary = summary_of(split, ("a", "b", "c", "d"))
    scaled = split.images.astype(np.float64) / 255
    np.testing.assert_allclose(summary.mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(summary.std, scaled.std(axis=(0, 2, 3)), rtol=1e-12)


def test_the_fingerprint_sees_pictures_labels_and_classes() -> None:
    split, classes = uneven(), ("a", "b", "c", "d")
    prints = {summary_of(split, classes).sha256, summary_of(split, ("b", "a", "c", "d")).sha256}
    images = split.images.copy()
    images[99, 2, 4, 3] ^= 1
    prints.add(summary_of(Split(images, split.labels), classes).sha256)
    labels = split.labels.copy()
    labels[0] = 1
    prints.add(summary_of(Split(split.images, labels), classes).sha256)
    assert len(prints) == 4
    assert summary_of(split, classes).sha256 in prints


def test_a_channel_that_never_changes_is_divided_by_one() -> None:
    flat = Split(np.full((4, 1, 3, 3), 51, dtype=np.uint8), np.zeros(4, dtype=np.int64))
    summary = summary_of(flat, ("a", "b"))
    assert summary.mean == (0.2,)
    assert summary.std == (1.0,)


def test_the_bundled_digits() -> None:
    data = load("digits")
    assert (len(data.train), len(data.validation), len(data.test)) == (1293, 144, 360)
    assert data.shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert data.train.images.max() == 255
    assert np.bincount(data.test.labels).min() >= 34
    again = load("digits", seed=9)
    assert np.array_equal(data.test.images, again.test.images)
    assert data.sha256 != again.sha256
    assert len(load("digits", validation=0).train) == 1437


def test_arrays_are_resized_as_pictures_are() -> None:
    small, large = load("digits"), load("digits", size=(28, 24), channels=3)
    assert large.shape == (3, 28, 24)
    from striate.data import Preprocessing

    fit = Preprocessing(3, 28, 24, (0.5,) * 3, (0.5,) * 3)
    assert np.array_equal(large.test.images[7], fit.picture(small.test.images[7]))


def test_the_catalog_names_what_it_has() -> None:
    assert list(NAMES) == ["digits", "mnist", "fashion_mnist", "cifar10"]


@real
def test_real_mnist() -> None:
    data = load("mnist", validation=0)
    assert data.train.images.shape == (60_000, 1, 28, 28)
    assert data.test.images.shape == (10_000, 1, 28, 28)
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.mean == pytest.approx((0.1306604762738429,), abs=1e-12)
    assert data.std == pytest.approx((0.30810780385646264,), abs=1e-12)
    assert len(load("mnist").validation) == 5_000


@real
def test_the_first_2000_real_cifar_pictures_as_a_folder(tmp_path: Path) -> None:
    archive = Path(DATA) / "cifar10" / "cifar10-jpeg.tar.gz"
    if not archive.exists():
        pytest.skip("no CIFAR-10 in STRIATE_DATA")
    with tarfile.open(archive) as source:
        wanted = [each for each in source.getmembers() if "/train/" in each.name and each.isreg()]
        # Spread over the classes, which the archive keeps one after the other.
        for each in wanted[::25]:
            path = tmp_path / Path(each.name).relative_to("cifar10/train")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(source.extractfile(each).read())
    data = load(tmp_path)
    assert data.shape == (3, 32, 32)
    assert len(data.classes) == 10
    assert (len(data.train), len(data.validation), len(data.test)) == (1440, 160, 400)
    assert data.problems == ()
    assert 0.4 < data.mean[2] < data.mean[1] < data.mean[0] < 0.55


@pytest.mark.parametrize("pictures", ["digits", "folder"])
def test_a_place_for_pictures_that_do_not_lie_there_is_refused(
    pictures: str, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / "folder" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "folder" / name / "1.png")
    given = str(tmp_path / "folder") if pictures == "folder" else pictures
    load(given, validation=0)
    with pytest.raises(IdleSettingError, match="which does nothing where the pictures are"):
        load(given, data_dir=tmp_path, validation=0)
