"""Every format, depth, polarity, transparency and orientation gives the pixels its file states.

The files are written byte by byte and the right values are computed here: Pillow's conversions,
which are what is tested, are in neither.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from data import files
from data.cells import CELLS, expected_both, samples, scaled
from data.making import encoded, gray
from striate.data import load
from striate.data.decode import measure, picture, read
from striate.data.formats import kind_of
from striate.errors import DataError

AVIF = ["AVIF"] if features.check("avif") else []


@pytest.mark.parametrize("cell", CELLS)
def test_a_file_gives_the_pixels_it_states(tmp_path: Path, cell: str) -> None:
    data, values = CELLS[cell]
    path = tmp_path / "no_suffix_is_needed"
    path.write_bytes(data)
    for channels, right in expected_both(values).items():
        seen = picture(data, channels=channels)
        assert np.abs(seen - right).max() <= 1.5, cell
        assert np.array_equal(picture(path, channels=channels), seen)
        exact = (right == 0) | (right == 255)
        assert channels == 1 or np.array_equal(seen[exact], right[exact])
    assert measure(path) == values.shape[:2]


@pytest.mark.parametrize("cell", [each for each in CELLS if not each.startswith("tga")])
def test_an_opened_image_gives_the_same_and_stays_as_it_is(cell: str) -> None:
    data, values = CELLS[cell]
    right = expected_both(values)[3]
    with Image.open(io.BytesIO(data)) as image:
        mode, info = image.mode, dict(image.info)
        seen = picture(image, channels=3)
        assert (image.mode, set(image.info)) == (mode, set(info))
    worst = 3 if "16" in cell else 1.5  # without its file, the upper 8 of 16 bits are known
    assert np.abs(seen - right).max() <= worst


def lossy(kind: str, **settings: object) -> Callable[[np.ndarray], bytes]:
    return lambda array: encoded(array, kind, **settings)


SMOOTH = np.add.outer(np.arange(48), 2 * np.arange(64)).astype(np.uint8)
TINTED = np.dstack([SMOOTH, 255 - SMOOTH, SMOOTH // 2])
COMPRESSED = {
    "jpeg": lossy("JPEG", quality=98, subsampling=0),
    "jpeg progressive": lossy("JPEG", quality=98, subsampling=0, progressive=True),
    "webp": lossy("WEBP", lossless=True),
    "jpeg2000": lossy("JPEG2000"),
    "gif": lossy("GIF"),
    **({"avif": lossy("AVIF", quality=100, subsampling="4:4:4")} if AVIF else {}),
}


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("values", [SMOOTH, TINTED], ids=["gray", "color"])
def test_a_compressed_file_gives_its_pixels_nearly(kind: str, values: np.ndarray) -> None:
    if kind == "gif" and values.ndim == 3:
        values = values // 64 * 64  # few enough colors for a palette
    data = COMPRESSED[kind](values)
    for channels, right in expected_both(values.astype(float)).items():
        assert np.abs(picture(data, channels=channels) - right).max() <= 6


@pytest.mark.parametrize(
    "kind",
    ["PNG", "WEBP", "GIF", "JPEG2000", "TIFF", *(["AVIF"] if features.check("avif") else [])],
)
def test_transparency_is_white_in_every_format_that_has_it(kind: str) -> None:
    rgba = np.zeros((16, 16, 4), dtype=np.uint8)
    rgba[:8, :, 3] = 255  # opaque black above, transparent black below
    settings = {"lossless": True} if kind == "WEBP" else {}
    seen = picture(encoded(rgba, kind, **settings), channels=3)
    assert seen[:, :7].max() < 8
    assert seen[:, 9:].min() > 247


def test_cmyk_jpeg_is_ink_on_white_paper() -> None:
    ink = np.zeros((16, 16, 4), dtype=np.uint8)
    ink[:8, :, 3] = 255  # black above
    image = Image.frombytes("CMYK", (16, 16), ink.tobytes())
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    seen = picture(stream.getvalue(), channels=3)
    assert seen[:, :7].max() < 8
    assert seen[:, 9:].min() > 247


@pytest.mark.parametrize("bits", [4, 7, 12])
def test_jpeg2000_of_other_depths_has_its_own_white(bits: int) -> None:
    # A lossless file keeps differences to the middle: its header, changed, moves them along.
    middle = 2 ** (bits - 1)
    base = 128 if bits <= 8 else 32768
    levels = np.linspace(0, 2**bits - 1, 96).round().astype(np.int64).reshape(8, 12)
    array = (levels - middle + base).astype(np.uint8 if bits <= 8 else np.uint16)
    data = bytearray(encoded(array, "JPEG2000", no_jp2=True))
    data[42] = bits - 1
    seen = picture(bytes(data), channels=1)[0]
    assert np.abs(seen - scaled(levels, bits)).max() <= 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (files.tiff(samples(8), 8, sample_format=2), "signed 8-bit"),
        (files.tiff(samples(16), 16, sample_format=2), "signed 16-bit"),
        (files.tiff(samples(16) // 2, 16, sample_format=2), "signed 16-bit"),
        (files.tiff(samples(8), 32), "32-bit whole-number"),
        (files.tiff(samples(8), 32, sample_format=2), "signed 32-bit"),
        (files.tiff(samples(8), 32, 0, sample_format=3), "32-bit floating-point"),
        (b"Pf\n2 1\n-1.0\n" + np.ones(2, "<f4").tobytes(), "32-bit floating-point"),
        (files.tga(samples(8, 2).astype(np.uint8)), "16-bit TGA"),
    ],
)
def test_numbers_whose_white_nobody_states_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        picture(data, channels=1)
    assert "whose black and white nobody states" in str(caught.value)


def test_a_layout_that_pillow_does_not_know_is_told() -> None:
    data = files.tiff(samples(16), 16, 0, order=">")
    with pytest.raises(
        DataError, match=r"kind of TIFF that is not read \(bits \(16,\), .*metric 0"
    ):
        picture(data, channels=1)


def test_rows_that_no_strip_holds_are_not_black() -> None:
    data = bytearray(files.tiff(samples(16), 16))
    place = data.index((257).to_bytes(2, "little") + b"\4\0\1\0\0\0") + 8
    data[place : place + 4] = (80_000).to_bytes(4, "little")
    with pytest.raises(DataError, match="strips hold 45 of 720,000 pixels"):
        picture(bytes(data), channels=1)


def test_whole_numbers_of_the_caller_are_refused_too() -> None:
    with pytest.raises(DataError, match="32-bit whole-number"):
        picture(Image.fromarray(np.arange(12, dtype=np.int32).reshape(3, 4)), channels=1)
    wide = picture(Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)), channels=1)
    assert wide.tolist() == [[[0, 255]]]


UPRIGHT = np.kron(gray(6, 3, 2), np.ones((16, 16), dtype=np.uint8))
TURNS = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: np.rot90(UPRIGHT, 2).T,
    8: np.rot90(UPRIGHT, -1),
}


def _exif(kind: str, **settings: object) -> Callable[[np.ndarray, int], bytes]:
    def write(array: np.ndarray, orientation: int) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return encoded(array, kind, exif=exif, **settings)

    return write


ORIENTED: dict[str, Callable[[np.ndarray, int], bytes]] = {
    "png": lambda array, turn: files.png(array, 8, 0, orientation=turn),
    "png 16": lambda array, turn: files.png(array * 257, 16, 0, orientation=turn),
    "png 16 rgb": lambda a, turn: files.png(np.dstack([a * 257] * 3), 16, 2, orientation=turn),
    "tiff": lambda array, turn: files.tiff(array, 8, orientation=turn),
    "tiff 16": lambda array, turn: files.tiff(array * 257, 16, orientation=turn),
    "tiff 16 deflate": lambda a, turn: files.tiff(a * 257, 16, orientation=turn, deflate=True),
    "tiff 16 rgb": lambda a, turn: files.tiff(np.dstack([a * 257] * 3), 16, 2, orientation=turn),
    "jpeg": _exif("JPEG", quality=98),
    "webp": _exif("WEBP", lossless=True),
    **({"avif": _exif("AVIF", quality=100)} if AVIF else {}),
}


@pytest.mark.parametrize("kind", ORIENTED)
@pytest.mark.parametrize("turn", TURNS)
def test_the_orientation_is_applied_in_every_format(kind: str, turn: int) -> None:
    wide = np.ascontiguousarray(TURNS[turn]).astype(np.int64)
    stored = wide if kind.startswith(("png", "tiff")) else wide.astype(np.uint8)
    data = ORIENTED[kind](stored, turn)
    assert np.abs(picture(data, channels=1)[0].astype(int) - UPRIGHT).max() <= 8
    assert measure(data) == UPRIGHT.shape


@pytest.mark.parametrize("kind", ORIENTED)
def test_a_folder_is_measured_after_the_turn(tmp_path: Path, kind: str) -> None:
    stored = np.zeros((20, 60), dtype=np.int64 if kind.startswith(("png", "tiff")) else np.uint8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            suffix = kind.split()[0]
            (tmp_path / name / f"{number}.{suffix}").write_bytes(ORIENTED[kind](stored, 6))
    assert load(tmp_path, validation=0).shape == (1, 60, 20)


def test_a_damaged_orientation_leaves_the_pixels() -> None:
    data = encoded(gray(1), exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")
    assert np.array_equal(picture(data, channels=1)[0], gray(1))
    assert measure(data) == gray(1).shape


def several(kind: str) -> bytes:
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((6, 7, 3), k, dtype=np.uint8)) for k in (0, 255))
    first.save(stream, kind, save_all=True, append_images=[second])
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        files.tiff([np.zeros((6, 7), int), np.full((6, 7), 255)], 8),
        *(several(kind) for kind in ("GIF", "WEBP", "PNG", "TIFF")),
        *map(several, AVIF),
    ],
)
def test_the_first_of_several_pages_is_taken_and_the_rest_is_said(data: bytes) -> None:
    reading = read(data, channels=1)
    assert reading.more
    assert reading.pixels.max() <= 2
    assert not read(files.tiff(samples(8), 8), channels=1).more


def test_a_folder_says_where_pages_were_left_out(tmp_path: Path) -> None:
    pages = files.tiff([np.zeros((6, 7), int), np.full((6, 7), 255)], 8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(12):
            (tmp_path / name / f"{number}.png").write_bytes(encoded(gray(number, 6, 7)))
    (tmp_path / "a" / "scan.tif").write_bytes(pages)
    notes = load(tmp_path).notes
    assert "1 file holds several pages or frames; the first is used: a/scan.tif" in notes
    assert notes == load(tmp_path, in_memory=10).notes


FTYP = b"\0\0\0\x18ftyp%b\0\0\0\0mif1%b" + bytes(64)
NAMED = {
    "a HEIC picture": FTYP % (b"heic", b"heic"),
    "a film": b"\0\0\0\x14ftypisom\0\0\0\0mp42",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a web page": b"\n<!DOCTYPE html><html></html>",
    "a PDF document": b"%PDF-1.7\n",
    "a ZIP archive": b"PK\3\4" + bytes(40),
    "a JPEG XL picture": b"\xff\x0a" + bytes(40),
    "a DICOM picture": bytes(128) + b"DICM",
}


@pytest.mark.parametrize("kind", NAMED)
def test_what_is_not_read_is_named_as_what_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(NAMED[kind])
    with pytest.raises(
        DataError, match=rf"holiday\.jpg: not a picture that can be read, but {kind}"
    ):
        picture(path, channels=3)
    assert kind_of(FTYP % (b"mif1", b"avif")) == "AVIF"


def test_pipes_devices_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    for path in (tmp_path / "x.png", Path("/dev/zero")):
        with pytest.raises(DataError, match="a pipe, socket or device, not a file"):
            picture(path, channels=1)
    (tmp_path / "y.png").mkdir()
    with pytest.raises(DataError, match="a folder, not a picture"):
        picture(tmp_path / "y.png", channels=1)


SMALL = {name: CELLS[name][0] for name in CELLS if name in (
    "png gray 16 tRNS", "png palette 4 tRNS", "png rgb 16", "tiff rgb 16< planar deflate",
    "tiff white is zero 16be", "ppm 1000", "pgm 255", "pbm", "bmp 4", "tga rgba", "psd cmyk", "ico",
)}  # fmt: skip
SMALL |= {kind: COMPRESSED[kind](SMOOTH[:12, :9]) for kind in COMPRESSED}


@pytest.mark.parametrize("cell", SMALL)
def test_a_file_cut_off_anywhere_is_refused_or_read(cell: str) -> None:
    data = SMALL[cell]
    refused = 0
    for length in range(len(data)):
        try:
            picture(data[:length], channels=1, size=(4, 4))
        except DataError:
            refused += 1
    assert refused > 0.6 * len(data)
