"""Small files for the tests: pictures, folders of them, IDX files, archives."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def gray(seed: int, height: int = 11, width: int = 7) -> np.ndarray:
    """A random gray picture H x W."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def color(seed: int, height: int = 11, width: int = 7) -> np.ndarray:
    """A random color picture H x W x 3."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", **settings: object) -> bytes:
    """The bytes of a picture file."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **settings)
    return stream.getvalue()


def folder(root: Path, files: dict[str, bytes | np.ndarray]) -> Path:
    """Write files by their path under `root`; arrays as PNG."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(content) if isinstance(content, np.ndarray) else content)
    return root


def plain_classes(counts: dict[str, int], **size: int) -> dict[str, np.ndarray]:
    """`<class>/<number>.png` for so many random gray pictures a class."""
    return {
        f"{name}/{i:03d}.png": gray(1000 * place + i, **size)
        for place, (name, count) in enumerate(counts.items())
        for i in range(count)
    }


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of uint8."""
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def idx_folder(root: Path, train: int = 130, test: int = 40, packed: bool = True) -> Path:
    """The four files of a small MNIST."""
    random = np.random.default_rng(5)
    root.mkdir(parents=True, exist_ok=True)
    for stem, count in (("train", train), ("t10k", test)):
        parts = {
            f"{stem}-images-idx3-ubyte": random.integers(0, 256, (count, 28, 28), dtype=np.uint8),
            f"{stem}-labels-idx1-ubyte": (np.arange(count) % 10).astype(np.uint8),
        }
        for name, array in parts.items():
            data = idx_bytes(array)
            path = root / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return root


def tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A gzipped tar of the members as they are given."""
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def member(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A regular file for `tar`."""
    return tarfile.TarInfo(name), data
