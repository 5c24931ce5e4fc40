"""Array files: equal to what safetensors reads, mapped when large, refused when damaged."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from striate.errors import ModelFileError
from striate.exchange import arrays
from striate.exchange.arrays import METADATA, read_arrays, write_arrays

KINDS = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")


def test_every_kind_of_number_is_what_safetensors_reads(tmp_path: Path) -> None:
    path = tmp_path / "all.safetensors"
    rng = np.random.default_rng(0)
    made = {kind: rng.integers(0, 2, (3, 1, 5)).astype(kind) for kind in KINDS}
    made |= {"empty": np.zeros((0, 4), np.float32), "scalar": np.float32(3)[None].reshape(())}
    save_file(made, path)
    found, metadata = read_arrays(path)
    assert metadata == {}
    for key, array in load_file(path).items():
        assert (found[key].dtype, found[key].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[key], array)


@pytest.mark.parametrize("mapped", [0, 1 << 40])
def test_arrays_are_ours_to_write_and_the_file_stays(
    mapped: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MAPPED", mapped)
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"x": np.arange(6, dtype=np.float32)}, {"note": "naïve \udcff"})
    before = path.read_bytes()
    found, metadata = read_arrays(path)
    assert metadata == {"note": "naïve \udcff"}
    found["x"][:] = 7
    assert path.read_bytes() == before
    path.unlink()
    assert found["x"].tolist() == [7.0] * 6


GOOD = {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def _file(path: Path, header: object, body: bytes = bytes(8)) -> Path:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + body)
    return path


def _changed(**changes: object) -> dict[str, object]:
    return {"x": GOOD["x"] | changes}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([], "is not a table"),
        (b"[" * 100_000, "nests too deep"),
        (b'{"x": 1, "x": 1}', "'x' is given twice"),
        ({"x": 3}, "is 3, not a table of fields"),
        (_changed(dtype="F8_E5M2"), "dtype in the entry of 'x' is 'F8_E5M2'"),
        (_changed(dtype=["F32"]), "dtype in the entry"),
        (_changed(shape="2"), "shape in the entry"),
        (_changed(shape=[True, 2]), "shape in the entry"),
        (_changed(shape=[-2]), "shape in the entry"),
        (_changed(shape=[10**400]), "shape in the entry"),
        (_changed(shape=[1] * 33 + [2]), "shape in the entry"),
        (_changed(shape=[2**62, 2**62]), "claims bytes 0 to 8"),
        (_changed(data_offsets=[0]), "data_offsets in the entry"),
        (_changed(data_offsets=[8, 0]), "claims bytes"),
        (_changed(data_offsets=[4, 12]), "claims bytes 4 to 12 of 8"),
        (_changed(shape=[1], data_offsets=[4, 8]), "Bytes 0 to 4 belong to no array"),
        (_changed(shape=[1], data_offsets=[0, 4]), "4 bytes follow"),
        (GOOD | {"y": GOOD["x"]}, "belong to no array, or to two"),
        (_changed(more=1), "has a field 'more'"),
        (GOOD | {"__metadata__": {METADATA: 3}}, "striate in the metadata is 3"),
        (GOOD | {"__metadata__": {METADATA: "{"}}, "Expecting"),
        (GOOD | {"__metadata__": {METADATA: '{"a": NaN' + "1" * 5000}}, "Expecting|limit"),
    ],
)
def test_damaged_headers(header: object, message: str, tmp_path: Path) -> None:
    path = _file(tmp_path / "damaged.safetensors", header)
    with pytest.raises(ModelFileError, match=message) as refused:
        read_arrays(path)
    assert str(path) in refused.value.what


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 9, 0])
def test_a_header_longer_than_the_file(length: int, tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(struct.pack("<Q", length) + bytes(8))
    with pytest.raises(ModelFileError):
        read_arrays(path)
