"""Batches: every picture once an epoch, the same ones again, from the middle too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data.making import folder, plain_classes
from striate.data import Augment, Batches, Split, load
from striate.errors import DataError, SettingError

AUGMENTS = {
    "none": None,
    "whole": Augment(shift=2, flip=True),
    "warped": Augment(shift=1.5, rotate=15, scale=0.1),
}


def numbered(n: int = 53) -> Split:
    """Pictures that carry their own number in every pixel."""
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 1, 6, 5))
    return Split(images.copy(), np.arange(n, dtype=np.int64) * 3)


def noisy(n: int = 53) -> Split:
    images = np.random.default_rng(1).integers(0, 256, (n, 3, 9, 8), dtype=np.uint8)
    return Split(images, np.arange(n, dtype=np.int64) % 7)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("least", "sizes"), [(3, [10] * 5 + [3]), (4, [10] * 4 + [13])])
def test_every_picture_comes_once_with_its_label(
    shuffle: bool, least: int, sizes: list[int]
) -> None:
    batches = Batches(numbered(), 10, shuffle=shuffle, seed=3, least=least)
    epoch = list(batches.epoch(0))
    assert len(epoch) == len(batches) == len(sizes)
    assert [len(y) for _, y in epoch] == sizes
    seen = torch.cat([x[:, 0, 0, 0] for x, _ in epoch])
    assert torch.equal(seen.long() * 3, torch.cat([y for _, y in epoch]))
    assert len(seen.unique()) == len(seen) == 53
    assert (seen.tolist() == sorted(seen.tolist())) != shuffle
    assert epoch[0][0].dtype == torch.uint8
    assert epoch[0][1].dtype == torch.int64


@pytest.mark.parametrize("augment", AUGMENTS)
def test_an_epoch_taken_up_in_the_middle_gives_the_same_batches(augment: str) -> None:
    def fresh() -> Batches:
        return Batches(noisy(), 8, shuffle=True, seed=11, augment=AUGMENTS[augment])

    whole = list(fresh().epoch(4))
    for start in (0, 3, 6, 7):
        rest = list(fresh().epoch(4, start))
        assert len(rest) == len(whole) - start
        for (x, y), (x2, y2) in zip(whole[start:], rest, strict=True):
            assert torch.equal(x, x2)
            assert torch.equal(y, y2)


def test_epochs_and_seeds_differ_in_order_and_distortion() -> None:
    def first(seed: int, epoch: int) -> torch.Tensor:
        same_order = Batches(noisy(), 53, shuffle=False, seed=seed, augment=AUGMENTS["warped"])
        return next(iter(same_order.epoch(epoch)))[0]

    batches = Batches(numbered(), 53, shuffle=True, seed=1)
    assert not np.array_equal(batches.order(0), batches.order(1))
    other = Batches(numbered(), 53, shuffle=True, seed=2)
    assert not np.array_equal(batches.order(0), other.order(0))
    assert not torch.equal(first(1, 0), first(1, 1))
    assert not torch.equal(first(1, 0), first(2, 0))


def test_batches_of_one_epoch_are_distorted_differently() -> None:
    one = np.random.default_rng(2).integers(0, 256, (1, 1, 9, 8), dtype=np.uint8)
    same = Split(np.repeat(one, 24, axis=0), np.zeros(24, dtype=np.int64))
    batches = Batches(same, 8, shuffle=False, seed=0, augment=AUGMENTS["warped"])
    first, second, third = (x for x, _ in batches.epoch(0))
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_the_pictures_themselves_are_never_changed() -> None:
    split = noisy()
    before = split.images.copy()
    for x, _ in Batches(split, 10, shuffle=False, seed=0, augment=AUGMENTS["whole"]).epoch(0):
        x.zero_()
    for x, y in Batches(split, 10, shuffle=False, seed=0).epoch(0):
        x.zero_()
        y.zero_()
    assert np.array_equal(split.images, before)
    assert split.labels.max() == 6


def test_read_only_pictures_are_taken() -> None:
    split = numbered()
    split.images.flags.writeable = False
    split.labels.flags.writeable = False
    assert len(list(Batches(split, 20, shuffle=True, seed=0).epoch(0))) == 3


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there is one core
@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_pictures_make_the_same_batches(tmp_path: Path, workers: int) -> None:
    folder(tmp_path, plain_classes({"a": 19, "b": 16}, height=9, width=8))
    held, streamed = load(tmp_path).train, load(tmp_path, in_memory=100).train
    settings = {"shuffle": True, "seed": 5, "augment": AUGMENTS["whole"]}
    one = list(Batches(held, 4, **settings).epoch(2, 1))
    two = list(Batches(streamed, 4, workers=workers, **settings).epoch(2, 1))
    assert len(one) == len(two) == len(Batches(held, 4, **settings)) - 1
    for (x, y), (x2, y2) in zip(one, two, strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_breaks_later_is_named(tmp_path: Path, workers: int) -> None:
    folder(tmp_path, plain_classes({"a": 6, "b": 6}))
    streamed = load(tmp_path, in_memory=100, validation=0).train
    Path(streamed.paths[3]).write_bytes(b"")
    batches = Batches(streamed, 4, shuffle=False, seed=0, workers=workers)
    with pytest.raises(DataError, match=Path(streamed.paths[3]).name) as caught:
        list(batches.epoch(0))
    assert "changed after the data set was loaded" in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("split", "settings", "says"),
    [
        (numbered(), {"batch_size": 0}, "a batch has 1 picture or more, not 0"),
        (numbered(0), {"batch_size": 4}, "there are no pictures"),
        (numbered(), {"batch_size": 4, "seed": -1}, "a seed is 0 or more, not -1"),
    ],
)
def test_settings_that_cannot_be_are_told(split: Split, settings: dict, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Batches(split, **{"shuffle": True, "seed": 0, **settings})
