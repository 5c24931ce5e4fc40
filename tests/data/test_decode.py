"""Any picture file becomes the same bytes however it was saved; damaged ones are refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.making import color, encoded, gray
from striate.data import decode
from striate.data.decode import measure, picture
from striate.errors import DataError


def saved(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_a_lossless_gray_file_gives_its_pixels(kind: str) -> None:
    assert np.array_equal(picture(encoded(gray(1), kind), channels=1)[0], gray(1))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_color_file_gives_its_pixels(kind: str) -> None:
    expected = color(2).transpose(2, 0, 1)
    assert np.array_equal(picture(encoded(color(2), kind), channels=3), expected)


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray(color(3) // 200 * 200).quantize(16)
    expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(picture(saved(image), channels=3), expected)


def test_transparency_is_laid_over_white() -> None:
    rgba = np.zeros((2, 3, 4), dtype=np.uint8)
    rgba[0, :, 3] = 255  # the upper row is opaque black, the lower one transparent
    out = picture(saved(Image.fromarray(rgba)), channels=1)[0]
    assert np.array_equal(out, [[0, 0, 0], [255, 255, 255]])
    palette = Image.fromarray(gray(4) // 128).convert("P")
    assert picture(saved(palette, transparency=0), channels=3).shape == (3, 11, 7)


def test_sixteen_bits_are_scaled_to_eight() -> None:
    wide = np.array([[0, 257, 65535], [128, 129, 32896]], dtype=np.uint16)
    out = picture(saved(Image.fromarray(wide)), channels=1)[0]
    assert np.array_equal(out, [[0, 1, 255], [0, 1, 128]])
    tiff = picture(saved(Image.fromarray(wide), "TIFF"), channels=1)[0]
    assert np.array_equal(tiff, out)


def test_cmyk_and_one_bit_are_read() -> None:
    ink = Image.fromarray(np.zeros((4, 5, 4), dtype=np.uint8), "CMYK")  # no ink: white paper
    assert picture(saved(ink, "TIFF"), channels=3).min() == 255
    dots = Image.fromarray((gray(5) > 127).astype(np.uint8) * 255).convert("1")
    assert np.array_equal(picture(saved(dots), channels=1)[0], np.asarray(dots) * np.uint8(255))


def test_floating_point_pixels_are_refused() -> None:
    image = Image.fromarray(np.ones((3, 4), dtype=np.float32))
    with pytest.raises(DataError, match="whose black and white nobody states"):
        picture(saved(image, "TIFF"), channels=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_applied(orientation: int) -> None:
    upright = gray(6, 9, 6)
    turns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.ascontiguousarray(turns[orientation]), exif=exif)
    assert np.array_equal(picture(data, channels=1)[0], upright)
    assert measure(data) == (9, 6)


def test_gray_saved_as_color_equals_gray() -> None:
    triple = np.repeat(gray(7)[:, :, None], 3, axis=2)
    for size in (None, (5, 4), (30, 13)):
        one = picture(encoded(gray(7)), channels=1, size=size)
        assert np.array_equal(picture(encoded(triple), channels=1, size=size), one)
        assert np.array_equal(picture(encoded(triple), channels=3, size=size)[1], one[0])


def test_reducing_averages_instead_of_picking() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    small = picture(stripes, channels=1, size=(8, 8))
    assert np.abs(small.astype(int) - 127.5).max() < 8  # picking would give 0 or 255


def test_crop_keeps_the_middle() -> None:
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 255
    assert picture(wide, channels=1, size=(10, 10), fit="crop").min() == 255


def test_a_large_photograph_is_reduced_about_the_same_with_and_without_draft() -> None:
    smooth = np.add.outer(np.arange(600), np.arange(800)) * (255 / 1400)
    data = encoded(smooth.astype(np.uint8), "JPEG", quality=95)
    small = picture(data, channels=1, size=(20, 30))
    whole = picture(picture(data, channels=1), channels=1, size=(20, 30))
    assert np.abs(small.astype(int) - whole).max() <= 2


def test_an_image_of_the_caller_is_left_as_it_is() -> None:
    with Image.open(io.BytesIO(encoded(color(1, 400, 300), "JPEG"))) as image:
        assert picture(image, channels=1, size=(9, 8)).shape == (1, 9, 8)
        assert image.size == (300, 400)
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (gray(1), (3, 11, 7)),
        (gray(1)[None], (3, 11, 7)),
        (gray(1)[:, :, None], (3, 11, 7)),
        (color(1), (3, 11, 7)),
        (color(1).transpose(2, 0, 1), (3, 11, 7)),
        (np.zeros((5, 6, 4), dtype=np.uint8), (3, 5, 6)),
    ],
)
def test_arrays_of_every_layout_are_taken(array: np.ndarray, shape: tuple[int, ...]) -> None:
    assert picture(array, channels=3).shape == shape


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((3, 4)), "an array of float64 is not a picture"),
        (np.zeros(7, dtype=np.uint8), "an array of shape 7 is not"),
        (np.zeros((5, 6, 7), dtype=np.uint8), "an array of shape 5x6x7 is not"),
        (np.zeros((0, 6), dtype=np.uint8), "an array of shape 0x6 is not"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        picture(array, channels=1)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be gigantic."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PNG, JPEG = encoded(color(8, 40, 30)), encoded(color(8, 40, 30), "JPEG")
DAMAGED = {
    "empty": (b"", "the file is empty"),
    "text": (b"hello, I am a picture", "not a picture that can be read"),
    "half a PNG": (PNG[: len(PNG) // 2], "damaged or truncated"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "damaged or truncated"),
    "a head alone": (PNG[:20], "damaged or truncated|not a picture"),
    "PNG with a bad checksum": (PNG[:100] + b"\0\0\0" + PNG[103:], "damaged or truncated"),
    "80 gigapixels": (bomb(400_000, 200_000), "damaged or truncated .*exceeds limit"),
    "81 megapixels": (bomb(9_000, 9_001), "9000 x 9001 = 81,009,000 pixels"),
    "a row of a million": (bomb(1_000_000, 3), "a side of more than 100,000"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, case: str) -> None:
    data, says = DAMAGED[case]
    path = tmp_path / "holiday.png"
    path.write_bytes(data)
    for source in (path, str(path), data):
        with pytest.raises(DataError, match=says):
            picture(source, channels=3, size=(8, 8))
    with pytest.raises(DataError, match=r"holiday\.png"):
        picture(path, channels=1)


def test_random_damage_is_a_data_error_or_a_picture() -> None:
    random = np.random.default_rng(9)
    kinds = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM")
    refused = 0
    for round_number in range(350):
        kind = kinds[round_number % len(kinds)]
        data = bytearray(encoded(color(round_number, 20, 14), kind))
        for place in random.integers(0, len(data), 1 + round_number % 9):
            data[place] = random.integers(0, 256)
        try:
            assert picture(bytes(data), channels=3, size=(6, 5)).shape == (3, 6, 5)
        except DataError:
            refused += 1
    assert refused > 30


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        picture(tmp_path / "none.png", channels=1)
    with pytest.raises(DataError, match=r"a folder, not a picture|damaged"):
        picture(tmp_path, channels=1)


def test_no_format_runs_other_programs() -> None:
    assert not {"EPS", "WMF", "PDF", "MPEG"} & set(decode.FORMATS)
