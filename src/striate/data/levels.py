"""Any opened picture with 8 bits a channel, by what its own file says of its numbers.

Pillow keeps the numbers of a file and forgets what they mean: a 12-bit white is 4095 of its
65535, a TIFF whose zero is white stays a negative where it is wide, a transparent gray is named in
the file's own bits. So each format is asked before its pixels are loaded. What a file does not
say, the black and white of 32-bit or signed numbers, is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.formats import File, head_of, opened
from striate.errors import DataError

Wide: TypeAlias = NDArray[np.uint16]

MOST_DEEP = 40_000_000  # pixels of several channels of 16 bits, which take twice the memory
_BAND = 64  # rows
_REMEDY = "Save the picture with 8 or 16 bits a pixel, unsigned."
_WIDE_GRAY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_BITS = MappingProxyType({"1": 1, "L;2": 2, "L;4": 4, "L": 8, "I;16B": 16})  # of gray PNG
_HALVES = ("RGB;16", "RGBX;16", "RGBA;16", "CMYK;16")
_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
SIDEWAYS = (5, 6, 7, 8)


def eight_bits(image: Image.Image, source: File | None) -> Image.Image:
    """The picture upright, in a mode of 8 bits a channel, transparency still in it.

    Args:
        source: the file behind `image`, for what Pillow's reader drops; None where there is none.

    Raises:
        DataError: numbers whose black and white the file does not state.
    """
    result = _FORMATS.get(image.format or "", _plain)(image, source)
    turn = _UPRIGHT.get(orientation(image))
    return result if turn is None else result.transpose(turn)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, or one that cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block says nothing of the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def frames_left_out(image: Image.Image) -> bool:
    """Whether the file holds more pages or frames than the first (layers and sizes are none)."""
    if image.format in ("PSD", "ICO"):
        return False
    if image.format == "TIFF":
        return bool(_tags(image).next)
    return bool(getattr(image, "is_animated", False))


def on_white(image: Image.Image) -> Image.Image:
    """The picture laid over white, without transparency.

    Raises:
        DataError: numbers whose black and white nobody states.
    """
    if image.mode in ("I", "F"):
        kind = "32-bit floating-point" if image.mode == "F" else "32-bit whole-number"
        raise _unstated(kind)
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def _unstated(kind: str) -> DataError:
    return DataError(f"{kind} pixels, whose black and white nobody states", remedy=_REMEDY)


def _plain(image: Image.Image, source: File | None) -> Image.Image:
    image.load()
    if image.mode in _WIDE_GRAY and image.mode != "I":
        return _scaled(_wide(image), 65535)
    return image


def _scaled(wide: Wide, white: int, alpha: Wide | None = None) -> Image.Image:
    """Whole numbers 0..white, H x W or H x W x C, as an image; alpha of 0..white beside it."""
    planes = np.atleast_3d(wide)
    height, width, channels = planes.shape
    out = np.empty((height, width, channels + (alpha is not None)), dtype=np.uint8)
    for row in range(0, height, _BAND):  # in bands: a large picture would need gigabytes
        band = slice(row, row + _BAND)
        out[band, :, :channels] = _rounded(planes[band], white)
        if alpha is not None:
            out[band, :, channels] = _rounded(alpha[band], white)
    return Image.fromarray(out[:, :, 0] if out.shape[2] == 1 else out)


def _rounded(wide: Wide, white: int) -> NDArray[np.uint32]:
    return (wide.astype(np.uint32) * 510 + white) // (2 * white)


def _wide(image: Image.Image) -> Wide:
    """The numbers of a loaded picture of up to 16 bits."""
    values = np.asarray(image)
    return values.astype(np.uint16, copy=False)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; "" once they are loaded."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    return str(arguments if isinstance(arguments, str) else arguments[0] if arguments else "")


def _png(image: Image.Image, source: File | None) -> Image.Image:
    raw = _raw_mode(image)
    if raw == "LA;16B" and source is not None:
        # Pillow reads the upper bytes alone. Read as four bytes, nothing is lost.
        _retile(image, "RGBA")
        image.load()
        return _scaled(np.asarray(image).view(">u2"), 65535)
    if raw.startswith(_HALVES):
        wide, white = _both_halves(image, source), 65535
    else:
        image.load()
        has_key = "transparency" in image.info and image.mode in ("1", "L", "RGB")
        if image.mode not in _WIDE_GRAY and not has_key:
            return image
        wide, white = _stated(image, raw)
    clear = image.info.get("transparency")
    if clear is None:
        return _scaled(wide, white)
    if source is None and raw.startswith(_HALVES):  # the upper halves alone are known
        clear = [each // 256 * 257 for each in clear]
    solid = ~_equal(wide, clear, white)
    return _scaled(wide, white, solid * np.uint16(white))


def _stated(image: Image.Image, raw: str) -> tuple[Wide, int]:
    """The numbers of a PNG of one gray or of three colors, and which of them is white."""
    values = _wide(image.convert("L") if image.mode == "1" else image)
    bits = _BITS.get(raw, 16 if image.mode in _WIDE_GRAY else 8)
    if bits in (2, 4):  # Pillow has spread them over 0..255, but not what is transparent
        return values // (255 // (2**bits - 1)), 2**bits - 1
    return values, 65535 if bits == 16 else 255


def _equal(wide: Wide, clear: Any, white: int) -> NDArray[np.bool_]:
    wanted = np.asarray(clear, dtype=np.int64) & white  # only the low bits of an entry count
    same = wide == wanted
    return same if same.ndim == 2 else same.all(axis=2)


def _retile(image: Image.Image, raw: str) -> None:
    """Have the pixels read as another raw mode than the reader chose."""
    reader: Any = image
    make = getattr(type(reader.tile[0]), "_make", tuple)  # a plain tuple before Pillow 11
    reader.tile = [
        make((*tile[:3], raw if isinstance(tile[3], str) else (raw, *tile[3][1:])))
        for tile in reader.tile
    ]


def _both_halves(image: Image.Image, source: File | None) -> Wide:
    """The 16 bits of several channels, of which Pillow gives the upper 8 alone.

    Read again in the other order of bytes, it gives the lower ones.
    """
    if image.width * image.height > MOST_DEEP:
        raise DataError(
            f"{image.width} x {image.height} pixels of 16 bits, more than {MOST_DEEP:,}",
            remedy="Reduce the picture first, or save it with 8 bits.",
        )
    kind, _, order = _raw_mode(image).partition(";16")
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    image.load()
    upper = _wide(image)
    if source is None:
        return upper * 257
    with opened(source) as again:
        _contiguous(again)
        _retile(again, f"{kind};16{'B' if order == 'L' else 'L'}")
        again.load()
        lower = np.asarray(again)
        upper <<= 8
        upper |= lower
    return upper


def _tags(image: Image.Image) -> Any:
    tags: Any = image
    return tags.tag_v2


def _tiff(image: Image.Image, source: File | None) -> Image.Image:
    tags = _tags(image)
    bits, formats = _listed(tags.get(258, 1)), _listed(tags.get(339, 1))
    if 3 in formats:
        raise _unstated(f"{max(bits)}-bit floating-point")
    if 2 in formats:
        raise _unstated(f"signed {max(bits)}-bit")
    if max(bits) > 16:
        raise _unstated(f"{max(bits)}-bit whole-number")
    _check_strips(image)
    _contiguous(image)
    raw = _raw_mode(image)
    if raw.startswith("RGBa;16") and source is not None:
        _retile(image, raw.replace("a", "A"))
        wide = _both_halves(image, source)
        clear = 65535 - wide[:, :, 3:]
        return _scaled(np.minimum(wide[:, :, :3], 65535 - clear) + clear, 65535)
    if raw.startswith(_HALVES):
        eight = _scaled(_both_halves(image, source), 65535)
        is_ink = image.mode == "CMYK"
        return Image.frombytes("CMYK", eight.size, eight.tobytes()) if is_ink else eight
    image.load()
    if image.mode not in _WIDE_GRAY:
        return image
    white = 2 ** max(bits) - 1
    wide = _wide(image)
    return _scaled(white - wide if tags.get(262) == 0 else wide, white)


def _check_strips(image: Image.Image) -> None:
    # What no strip covers, Pillow leaves black without a word.
    reader: Any = image
    boxes = [tile[1] for tile in reader.tile]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    width, height = _stored_size(image)
    if boxes and covered < width * height:
        raise DataError(
            f"damaged or truncated (its strips hold {covered:,} of {width * height:,} pixels)"
        )


def _listed(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _contiguous(image: Image.Image) -> None:
    # Planes one after the other, of 16 bits: Pillow's own reader takes a byte for a number.
    if image.format == "TIFF" and _tags(image).get(284) == 2 and ";16" in _tiff_kind(image):
        reader: Any = image
        if reader.tile and reader.tile[0][0] == "raw":
            tile = (
                "libtiff",
                (0, 0, *_stored_size(image)),
                0,
                (f"{_tiff_kind(image)}N", False, _tags(image).offset),
            )
            reader.use_load_libtiff = True
            reader.tile = [getattr(type(reader.tile[0]), "_make", tuple)(tile)]


def _tiff_kind(image: Image.Image) -> str:
    bits = _listed(_tags(image).get(258, 1))
    return f"{image.mode};16" if max(bits) == 16 and len(bits) > 1 else image.mode


def _stored_size(image: Image.Image) -> tuple[int, int]:
    tags = _tags(image)
    return int(tags[256]), int(tags[257])


def size_of(image: Image.Image) -> tuple[int, int]:
    """(width, height) of the picture upright, before anything is decoded."""
    if image.format == "TIFF":
        # Versions of Pillow differ in whether an opened TIFF has its size upright already.
        width, height = _stored_size(image)
        turned = _tags(image).get(0x0112) in SIDEWAYS
    else:
        width, height = image.size
        turned = orientation(image) in SIDEWAYS
    return (height, width) if turned else (width, height)


def _ppm(image: Image.Image, source: File | None) -> Image.Image:
    tiles: Any = image
    if tiles.tile and tiles.tile[0][0] == "ppm" and source is not None:
        return _netpbm(image, source)
    image.load()
    if image.mode == "I":  # scaled by Pillow to 16 bits, whatever its own white is
        return _scaled(_wide(image), 65535)
    return image


def _netpbm(image: Image.Image, source: File) -> Image.Image:
    # Pillow decodes a white other than 255 in Python, number by number.
    tiles: Any = image
    _, _, offset, (_, white) = tiles.tile[0]
    channels = 1 if image.mode in ("L", "I") else len(image.getbands())
    element = np.dtype(">u2" if white > 255 else "u1")
    count = image.width * image.height * channels
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    if len(data) - offset < count * element.itemsize:
        raise DataError(f"damaged or truncated ({len(data):,} bytes)")
    wide = np.frombuffer(data, element, count, offset).astype(np.uint16)
    return _scaled(
        np.minimum(wide, np.uint16(white)).reshape(image.height, image.width, channels), white
    )


def _jpeg2000(image: Image.Image, source: File | None) -> Image.Image:
    bits, signed = _precision(source)
    if signed or bits > 16:
        raise _unstated(f"signed {bits}-bit" if signed else f"{bits}-bit whole-number")
    image.load()
    if image.mode in _WIDE_GRAY:  # moved by Pillow to the upper end of 16 bits
        wide = _wide(image) >> np.uint16(16 - bits if bits > 8 else 0)
        return _scaled(wide, 2**bits - 1 if bits > 8 else 65535)
    if bits < 8 and image.mode != "P":
        return _scaled(_wide(image) >> np.uint16(8 - bits), 2**bits - 1)
    return image


def _precision(source: File | None) -> tuple[int, bool]:
    """Bits a sample, and whether they are signed, from the codestream's SIZ segment."""
    head = b"" if source is None else head_of(source, 1 << 20)
    start = head.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(head) < start + 43:
        return 16, False
    stated = head[start + 42]
    return (stated & 0x7F) + 1, bool(stated & 0x80)


def _tga(image: Image.Image, source: File | None) -> Image.Image:
    head = b"" if source is None else head_of(source, 18)
    alpha_bits = head[17] & 0x0F if len(head) == 18 else 8
    if image.mode == "LA" and not alpha_bits:
        raise _unstated("16-bit TGA")
    image.load()
    # Where no bits are alpha, the fourth byte is padding and often zero.
    return image.convert("RGB") if image.mode == "RGBA" and not alpha_bits else image


def _psd(image: Image.Image, source: File | None) -> Image.Image:
    raw = _raw_mode(image)
    image.load()
    # In Photoshop's bitmaps a one is ink; Pillow takes it for light.
    return image.convert("L").point(lambda level: 255 - level) if raw == "1" else image


_FORMATS: MappingProxyType[str, Callable[[Image.Image, File | None], Image.Image]]
_FORMATS = MappingProxyType(
    {
        "PNG": _png,
        "TIFF": _tiff,
        "PPM": _ppm,
        "JPEG2000": _jpeg2000,
        "TGA": _tga,
        "PSD": _psd,
    }
)
