"""What there is before training: classes, sizes, colors, equal pictures, what cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.catalog import load, named
from striate.data.dataset import AnySplit, DataSet, Share, parts
from striate.data.decode import measure
from striate.data.leaks import Twins, digests, twins
from striate.data.pictures import FEW, Size
from striate.data.sources import Source, tree_of
from striate.data.tree import Entry
from striate.display import Block, Displayed, Line
from striate.errors import DataError


@dataclass(frozen=True, repr=False)
class Inspection(Displayed):
    """A data set looked over.

    Args:
        data: as a run would load it, splits included.
        sizes: how many pictures have each (height, width) in their files.
        gray, color: pictures without color, and with.
        twins: equal pictures, in the size that the data set has.
    """

    data: DataSet
    sizes: Counter[Size]
    gray: int
    color: int
    twins: Twins

    @property
    def headline(self) -> str:
        """Pictures, classes and splits."""
        total = sum(map(len, self.data.splits.values()))
        return f"{self.data.name}: {total:,} pictures in {len(self.data.classes)} classes"

    @property
    def thin(self) -> dict[str, int]:
        """Classes with fewer than 10 pictures to learn from."""
        counts = _counts(self.data, self.data.train)
        return {name: count for name, count in counts.items() if count < FEW}

    def display(self) -> Iterator[Block]:
        """The table of classes by split, and a line for each thing to know."""
        _, table, *said = self.data.display()
        yield Line(self.headline, "strong")
        yield table
        yield Line(f"sizes: {self._sizes()}")
        yield Line(f"colors: {self.gray:,} gray, {self.color:,} in color")
        alike = sum(self.twins.repeated.values())
        yield Line(f"equal pictures within a split: {alike:,}; between splits: {self._leaked():,}")
        yield from said

    def to_json(self) -> dict[str, Any]:
        """All of it, for `--json`."""
        splits = self.data.splits
        return {
            "schema_version": 1,
            "name": self.data.name,
            "pictures": {name: len(split) for name, split in splits.items()},
            "classes": {
                label: {name: _counts(self.data, split)[label] for name, split in splits.items()}
                for label in self.data.classes
            },
            "small_classes": self.thin,
            "sizes": [
                {"height": height, "width": width, "pictures": count}
                for (height, width), count in self.sizes.most_common()
            ],
            "colors": {"gray": self.gray, "color": self.color},
            "repeated": dict(self.twins.repeated),
            "leaks": [
                {
                    "split": leak.split,
                    "other": leak.other,
                    "pictures": leak.pictures,
                    "examples": [list(pair) for pair in leak.examples],
                }
                for leak in self.twins.leaks
            ],
            "conflicts": [
                [dict(zip(("picture", "label"), each, strict=True)) for each in (one, other)]
                for one, other in ((each.first, each.second) for each in self.twins.conflicts)
            ],
            "problems": list(self.data.problems),
            "notes": list(self.data.notes),
        }

    def _leaked(self) -> int:
        return sum(leak.pictures for leak in self.twins.leaks)

    def _sizes(self) -> str:
        if len(self.sizes) == 1:
            ((height, width),) = self.sizes
            return f"all {height}x{width}"
        heights, widths = zip(*self.sizes, strict=True)
        most = ", ".join(f"{h}x{w} ({count:,})" for (h, w), count in self.sizes.most_common(3))
        return (
            f"{len(self.sizes):,} different, {min(heights)} to {max(heights)} pixels high and "
            f"{min(widths)} to {max(widths)} wide; most often {most}"
        )


def inspect(
    source: DataSet | Source,
    *,
    data_dir: Path | str | None = None,
    validation: Share = None,
    seed: int = 0,
) -> Inspection:
    """Look pictures over before anything learns from them.

    Args:
        source, data_dir, validation, seed: as `load` takes them; or a data set.

    Raises:
        StriateError: as `load` raises it.

    >>> found = inspect("digits")
    >>> found.sizes, found.color, found.twins.leaks
    (Counter({(8, 8): 1797}), 0, ())
    """
    settings: dict[str, Any] = {"data_dir": data_dir, "validation": validation, "seed": seed}
    if isinstance(source, DataSet) or named(source):
        data = source if isinstance(source, DataSet) else load(source, **settings)
        total = sum(map(len, data.splits.values()))
        return _looked_over(data, Counter({data.shape[1:]: total}))
    tree = tree_of(source)
    # In color, so that a gray data set with a picture in color is told from one without.
    data = load(tree, channels=3, **settings)
    return _looked_over(data, _sizes(tree.entries))


def _looked_over(data: DataSet, sizes: Counter[Size]) -> Inspection:
    keys: dict[int, list[bytes]] = {}
    gray = 0
    for split in data.splits.values():
        keys[id(split)] = []
        for part in parts(split):  # one time through: pictures may be decoded from their files
            keys[id(split)] += digests(part)
            gray += int((part == part[:, :1]).all(axis=(1, 2, 3)).sum())
    total = sum(map(len, data.splits.values()))
    same = twins(data.splits, data.classes, lambda split: keys[id(split)])
    return Inspection(data, sizes, gray, total - gray, same)


def _sizes(entries: Sequence[Entry]) -> Counter[Size]:
    """The sizes in the heads of files; those that cannot be read have none."""
    found: Counter[Size] = Counter()
    for entry in entries:
        try:
            found[measure(entry.source)] += 1
        except DataError:
            continue  # a problem of the data set names it
    return found


def _counts(data: DataSet, split: AnySplit) -> dict[str, int]:
    counts = np.bincount(split.labels, minlength=len(data.classes)).tolist()
    return dict(zip(data.classes, counts, strict=True))
