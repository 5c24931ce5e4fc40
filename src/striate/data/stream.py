"""Pictures that are too many for memory: decoded from their files when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.decode import PixelArray, picture
from striate.display import shape_text

Labels: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Pictures:
    """Files that look like a uint8 array N x C x H x W: indexing decodes."""

    paths: tuple[str, ...]
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (len(self.paths), self.channels, self.height, self.width)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8, as for pictures in memory."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, which: int | slice | NDArray[np.integer]) -> PixelArray:
        if isinstance(which, int | np.integer):
            return self._decode(int(which))
        chosen = np.arange(len(self))[which]
        out = np.empty((len(chosen), self.channels, self.height, self.width), dtype=np.uint8)
        for place, index in enumerate(chosen):
            out[place] = self._decode(int(index))
        return out

    def _decode(self, index: int) -> PixelArray:
        return picture(self.paths[index], channels=self.channels, size=(self.height, self.width))


@dataclass(frozen=True)
class Stream:
    """A split whose pictures stay in their files; used as a `Split` is."""

    images: Pictures
    labels: Labels
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = shape_text(self.images.shape[1:])
        return f"<{type(self).__name__}: {len(self):,} pictures of {shape}>"

    def take(self, indices: NDArray[np.integer]) -> Stream:
        """The split of the pictures at `indices`, in that order."""
        paths = tuple(self.paths[index] for index in indices)
        pictures = Pictures(paths, *self.images.shape[1:])
        return Stream(pictures, self.labels[indices], paths)

    def relabeled(self, labels: Labels) -> Stream:
        """The same pictures with other labels."""
        return Stream(self.images, labels, self.paths)
