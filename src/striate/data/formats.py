"""What kind of file it is, asked of its first bytes; and who reads it.

The name of a file is not trusted, and Pillow is given one format at a time: a damaged ICO file is
a damaged ICO file, not a strange TGA file.
"""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from striate.errors import DataError

File: TypeAlias = "str | Path | bytes"

# A fixed list, because Pillow would otherwise hand EPS to Ghostscript and WMF to the system.
# Importing a plugin registers it; Pillow itself would import all of its forty.
_READERS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    BmpImagePlugin.BmpImageFile,
    GifImagePlugin.GifImageFile,
    TiffImagePlugin.TiffImageFile,
    WebPImagePlugin.WebPImageFile,
    PpmImagePlugin.PpmImageFile,
    IcoImagePlugin.IcoImageFile,
    PsdImagePlugin.PsdImageFile,
    Jpeg2KImagePlugin.Jpeg2KImageFile,
    TgaImagePlugin.TgaImageFile,
)


def _avif() -> tuple[str, ...]:
    try:
        plugin = import_module("PIL.AvifImagePlugin")  # Pillow has it from 11.3 on
    except ImportError:
        return ()
    return ("AVIF",) if plugin.SUPPORTED else ()


FORMATS = (*(str(reader.format) for reader in _READERS), *_avif())
_ENDINGS = """
png jpg jpeg jpe jfif mpo bmp dib gif tif tiff webp ppm pgm pbm pnm ico psd jp2 j2k jpx jpc tga avif
"""
SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())

HEAD = 4096  # bytes that tell the kind of a file

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (0, b"II\x2a\0", "TIFF"),
    (0, b"MM\0\x2a", "TIFF"),
    (0, b"II\x2b\0", "TIFF"),
    (0, b"MM\0\x2b", "TIFF"),
    (8, b"WEBP", "WEBP"),
    *((0, b"P" + kind, "PPM") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")),
    (0, b"8BPS", "PSD"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    (0, b"\0\0\1\0", "ICO"),
    # Known and not read: named as what they are.
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"qoif", "a QOI picture"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"icns", "a macOS icon"),
    (0, b"v/1\1", "an OpenEXR picture"),
    (0, b"#?R", "a Radiance HDR picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (128, b"DICM", "a DICOM picture"),
)
_TIFF_TAGS = {258: "bits", 339: "sample format", 262: "photometric", 338: "extra samples"}
_TEXTS = ((b"<svg", "an SVG drawing"), (b"<html", "a web page"), (b"<!doctype html", "a web page"))
_BRANDS = (
    ((b"avif", b"avis"), "AVIF"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
)


def kind_of(head: bytes) -> str:
    """The format by Pillow's name, the name of a kind that is not read, or "" where unknown.

    >>> kind_of(b"GIF89a"), kind_of(b"hello")
    ('GIF', '')
    """
    if head[4:8] == b"ftyp":
        listed = {head[8:12], *(head[k : k + 4] for k in range(16, _box_end(head), 4))}
        return next((name for brands, name in _BRANDS if listed & set(brands)), "a film")
    for place, magic, name in _MAGIC:
        if head[place : place + len(magic)] == magic:
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<"):
        return next((name for mark, name in _TEXTS if mark in text), "an XML text")
    return ""


def _box_end(head: bytes) -> int:
    return min(int.from_bytes(head[:4], "big"), len(head), 256)


def head_of(source: File, length: int = HEAD) -> bytes:
    """The first bytes of a file, of a path or in memory.

    Raises:
        DataError: what is there is a folder, a pipe or a device; or the file is empty.
        OSError: it cannot be opened.
    """
    if isinstance(source, bytes):
        head = source[:length]
    else:
        _check_regular(os.stat(source).st_mode)
        with open(source, "rb") as file:
            head = file.read(length)
    if not head:
        raise DataError("the file is empty (0 bytes)")
    return head


def _check_regular(mode: int) -> None:
    # Opening a pipe waits for a writer that may never come; a device may never end.
    if stat.S_ISDIR(mode):
        raise DataError("this is a folder, not a picture")
    if not stat.S_ISREG(mode):
        raise DataError("this is a pipe, socket or device, not a file")


def opened(source: File) -> AbstractContextManager[Image.Image]:
    """The picture in a file, opened by the reader of its kind; nothing is decoded yet.

    Raises:
        DataError: a kind that is not read, by name.
        OSError, PIL.UnidentifiedImageError: a file that cannot be opened or is damaged.
    """
    kind = kind_of(head_of(source)) or "TGA"  # a TGA file has no signature at all
    if kind not in FORMATS:
        what = "AVIF, which needs Pillow 11.3 or newer" if kind == "AVIF" else kind
        raise DataError(
            f"not a picture that can be read, but {what}",
            remedy=f"Save it as PNG or JPEG. Read are {', '.join(FORMATS)}.",
        )
    stream = BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(stream, formats=(kind,))


def tiff_layout(source: File) -> str:
    """What a TIFF states of its samples, for people: "16 bits a sample, photometric 0"."""
    data = head_of(source, 1 << 20)
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        stated = {name: tags.get(tag) for tag, name in _TIFF_TAGS.items()}
    except Exception:  # it is damaged, whatever the way
        return "its tags cannot be read"
    return ", ".join(f"{name} {value}" for name, value in stated.items() if value is not None)
