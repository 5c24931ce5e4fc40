"""Doors of arrays and tables of pictures, and the folder in which doors keep their files."""

from __future__ import annotations

import io
import struct
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from damage import Random, bytes_damaged


def folder() -> Path:
    """Where this process keeps its damaged files."""
    return Path(_folder().name)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="doors-")


def idx(rng: Random) -> object:
    """An IDX file, gzipped or not."""
    import gzip

    from striate.data.idx import read_idx

    whole = bytes((0, 0, 8, 3)) + struct.pack(">3I", 4, 5, 6) + bytes(range(120))
    path = folder() / "images-idx3"
    path.write_bytes(bytes_damaged(rng, gzip.compress(whole) if rng.random() < 0.5 else whole))
    return read_idx(path, 3)


def npz(rng: Random) -> object:
    """A .npz file of pictures and labels, packed or not."""
    from striate.data import load

    x = np.arange(12 * 20, dtype=np.uint8).reshape(12, 5, 4)
    stream = io.BytesIO()
    (np.savez if rng.random() < 0.5 else np.savez_compressed)(stream, x=x, y=np.arange(12) % 2)
    path = folder() / "own.npz"
    path.write_bytes(bytes_damaged(rng, stream.getvalue()))
    return load(path)


def table(rng: Random) -> object:
    """A .csv table of paths and labels."""
    from striate.data.listed import scan_table

    lines = ["path,label,split", *(f'"p/{k}.png",{"ab"[k % 2]},train' for k in range(9))]
    path = folder() / "labels.csv"
    path.write_bytes(bytes_damaged(rng, "\r\n".join(lines).encode()))
    return scan_table(path)


def weights(rng: Random) -> object:
    """A weights file of others: a pickle of PyTorch, old or new form."""
    import torch

    from striate.exchange.fitting import fit_weights
    from striate.notation import parse

    stream = io.BytesIO()
    state = {"a.weight": torch.ones(2, 1, 3, 3), "a.bias": torch.ones(2).half(), "step": 3}
    torch.save({"state_dict": state}, stream, _use_new_zipfile_serialization=rng.random() < 0.5)
    path = folder() / "state.pt"
    path.write_bytes(bytes_damaged(rng, stream.getvalue()))
    return fit_weights(parse("INPUT 1x8x8 -> CONV 2 3x3 -> RELU"), path)
