"""Picture files written byte by byte, so that no library's conversion is in what tests expect."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np


def packed(samples: np.ndarray, bits: int, order: str = ">") -> bytes:
    """Rows of numbers of 1, 2, 4, 8, 12, 16 or 32 bits, each row from a whole byte on."""
    if bits in (8, 16, 32):
        return samples.astype(f"{order}u{bits // 8}").tobytes()
    flat = samples.reshape(len(samples), -1).astype(np.int64)
    spread = (flat[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(spread.reshape(len(flat), -1).astype(np.uint8), axis=1).tobytes()


def png(
    samples: np.ndarray,
    bits: int,
    color: int,
    *,
    palette: bytes = b"",
    clear: bytes = b"",
    orientation: int = 0,
) -> bytes:
    """A PNG; `color` is 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA; `clear` its tRNS."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + packed(row[None], bits) for row in samples)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))]
    parts += [chunk(b"PLTE", palette)] if palette else []
    parts += [chunk(b"tRNS", clear)] if clear else []
    parts += [chunk(b"eXIf", tiff_head(orientation))] if orientation else []
    parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_head(orientation: int) -> bytes:
    """An EXIF block that states an orientation alone."""
    return b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def tiff(
    samples: np.ndarray | Sequence[np.ndarray],
    bits: int,
    photometric: int = 1,
    *,
    sample_format: int = 1,
    order: str = "<",
    extra: Sequence[int] = (),
    orientation: int = 0,
    planar: bool = False,
    deflate: bool = False,
    palette: Sequence[int] = (),
) -> bytes:
    """A TIFF; `photometric` is 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK.

    Several arrays make several pages.
    """
    pages = [samples] if isinstance(samples, np.ndarray) else list(samples)
    out = bytearray((b"II\x2a\0" if order == "<" else b"MM\0\x2a") + bytes(4))
    link = 4
    for page in pages:
        height, width = page.shape[:2]
        channels = page.shape[2] if page.ndim == 3 else 1
        planes = [page[:, :, k] for k in range(channels)] if planar else [page]
        data = [packed(plane, bits, order) for plane in planes]
        data = [zlib.compress(each) for each in data] if deflate else data
        tags: dict[int, tuple[str, Sequence[int]]] = {
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [bits] * channels),
            259: ("H", [8 if deflate else 1]),
            262: ("H", [photometric]),
            273: ("I", [0] * len(data)),
            277: ("H", [channels]),
            278: ("I", [height]),
            279: ("I", [len(each) for each in data]),
            284: ("H", [2 if planar else 1]),
            339: ("H", [sample_format] * channels),
        }
        tags |= {274: ("H", [orientation])} if orientation else {}
        tags |= {338: ("H", list(extra))} if extra else {}
        tags |= {320: ("H", list(palette))} if palette else {}
        places = []
        for each in data:
            places.append(len(out))
            out += each + bytes(len(each) % 2)
        tags[273] = ("I", places)
        link = _directory(out, link, tags, order)
    return bytes(out)


def _directory(
    out: bytearray, link: int, tags: dict[int, tuple[str, Sequence[int]]], order: str
) -> int:
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(value) > 4:
            place, value = len(out), value + bytes(len(value) % 2)
            out += value
            value = struct.pack(f"{order}I", place)
        head = struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values))
        entries += head + value.ljust(4, b"\0")
    out[link : link + 4] = struct.pack(f"{order}I", len(out))
    out += struct.pack(f"{order}H", len(tags)) + entries
    out += bytes(4)
    return len(out) - 4


def pnm(samples: np.ndarray, white: int, *, text: bool = False) -> bytes:
    """A PGM or PPM whose white is `white`, binary or in plain text."""
    kind = (5 if samples.ndim == 2 else 6) - (3 if text else 0)
    head = f"P{kind}\n{samples.shape[1]} {samples.shape[0]}\n{white}\n".encode()
    if text:
        return head + b" ".join(str(value).encode() for value in samples.ravel().tolist())
    return head + packed(samples, 16 if white > 255 else 8)


def pbm(ink: np.ndarray) -> bytes:
    """A bitmap in which a one is black."""
    return f"P4\n{ink.shape[1]} {ink.shape[0]}\n".encode() + packed(ink, 1)


def bmp(samples: np.ndarray, bits: int, palette: np.ndarray | None = None) -> bytes:
    """A BMP of 1, 4 or 8 bits by its palette (N x 3, RGB), or of 24 or 32 bits (H x W x 3 or 4)."""
    height, width = samples.shape[:2]
    if palette is None:
        rows = samples[:, :, [2, 1, 0, *range(3, samples.shape[2])]].astype(np.uint8)
        lines = [row.tobytes() for row in rows]
        table = b""
    else:
        lines = [packed(row[None], bits) for row in samples]
        table = b"".join(bytes((b, g, r, 0)) for r, g, b in palette.tolist())
    body = b"".join(line + bytes(-len(line) % 4) for line in reversed(lines))
    start = 54 + len(table)
    colors = len(table) // 4
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(body), 1, 1, colors, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + table + body


def tga(samples: np.ndarray, *, alpha_bits: int = 0, flags: int = 0x20) -> bytes:
    """A TGA of gray or of color with or without a fourth byte; flags say where it begins."""
    channels = samples.shape[2] if samples.ndim == 3 else 1
    height, width = samples.shape[:2]
    kind = 3 if channels < 3 else 2
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, width, height, 8 * channels, 0)
    planes = samples if channels < 3 else samples[:, :, [2, 1, 0, *range(3, channels)]]
    rows = planes if flags & 0x20 else planes[::-1]
    columns = rows[:, ::-1] if flags & 0x10 else rows
    return head[:-1] + bytes((flags | alpha_bits,)) + np.ascontiguousarray(columns).tobytes()


def psd(samples: np.ndarray, mode: int, bits: int = 8) -> bytes:
    """A Photoshop file without layers; `mode` is 0 bitmap, 1 gray, 3 RGB, 4 CMYK (255 no ink)."""
    planes = samples[None] if samples.ndim == 2 else samples.transpose(2, 0, 1)
    height, width = samples.shape[:2]
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, len(planes), height, width, bits, mode)
    return head + bytes(12) + b"\0\0" + b"".join(packed(plane, bits) for plane in planes)


def ico(png_file: bytes) -> bytes:
    """An icon that holds one PNG."""
    width, height = png_file[19], png_file[23]
    entry = struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(png_file), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + png_file
