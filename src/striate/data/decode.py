"""Any picture file, of any size and color, as an array of bytes: Pillow and NumPy only.

Training and prediction both come through `picture`, so that a network sees the same numbers
in both. Everything a file can do wrong ends in a DataError that names the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from striate.errors import DataError

Bytes: TypeAlias = NDArray[np.uint8]
Source: TypeAlias = "str | Path | bytes | Image.Image | NDArray[np.generic]"

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
)
FORMATS = tuple(reader.format for reader in _READERS)
SUFFIXES = frozenset(
    f".{kind}"
    for kind in "png jpg jpeg jpe jfif bmp dib gif tif tiff webp ppm pgm pbm pnm".split()  # noqa: SIM905
)
FITS = ("resize", "crop")
MOST_PIXELS = 80_000_000  # a little under the size at which Pillow warns of a decompression bomb
_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def picture(
    source: Source,
    *,
    channels: int,
    size: tuple[int, int] | None = None,
    fit: str = "resize",
    name: str = "",
) -> Bytes:
    """A picture as uint8 of shape (channels, height, width).

    EXIF orientation is applied, palettes are looked up, transparency is laid over white, 16-bit
    values are scaled to 8 bits, CMYK becomes RGB, and reducing averages (no aliasing). Colors
    are never inverted.

    Args:
        source: a path, the bytes of a file, a Pillow image, or a uint8 array H x W, C x H x W or
            H x W x C.
        channels: 1 for gray (ITU-R 601 luma), 3 for color.
        size: (height, width) in pixels; None keeps the picture's own.
        fit: "resize" stretches to `size`; "crop" keeps proportions and cuts the longer side.
        name: what to call the picture in an error.

    Raises:
        DataError: the picture cannot be read, with the reason.

    >>> picture(np.array([[0, 255], [255, 0]], dtype=np.uint8), channels=3).shape
    (3, 2, 2)
    """
    with _named(source, name), _opened(source) as image:
        if size is not None and image is not source:  # a caller's own image is left as it is
            _draft(image, size)
        upright = _eight_bit(_upright(image), "L" if channels == 1 else "RGB")
        if size is not None:
            upright = _fitted(upright, size, fit)
        array = np.asarray(upright, dtype=np.uint8)
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(planes)


def measure(source: Source, *, name: str = "") -> tuple[int, int]:
    """(height, width) in pixels after EXIF orientation, from the head of the file.

    Raises:
        DataError: the head of the file cannot be read.
    """
    with _named(source, name), _opened(source) as image:
        width, height = image.size
        sideways = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (width, height) if sideways else (height, width)


@contextmanager
def _named(source: Source, name: str) -> Iterator[None]:
    if not name:
        name = str(source) if isinstance(source, str | Path) else "the picture"
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error.what}", where=error.where, remedy=error.remedy) from None
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"{name}: this is a folder, not a picture") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{name}: not a picture that can be read", remedy=f"Read are {', '.join(FORMATS)}."
        ) from None
    except Exception as error:
        # A damaged file makes decoders raise almost anything: OSError, SyntaxError, struct.error,
        # IndexError, MemoryError, zlib.error. Whatever it is, it is the file that is damaged.
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{name}: cannot be read ({error.strerror})") from None
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"{name}: damaged or truncated ({reason})") from None


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    if isinstance(source, Image.Image):
        _check_pixels(source)
        yield source
    elif isinstance(source, np.ndarray):
        yield from_array(source)
    else:
        if file_length(source) == 0 and (isinstance(source, bytes) or Path(source).exists()):
            raise DataError("the file is empty (0 bytes)")
        stream = BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(stream, formats=FORMATS) as image:
            _check_pixels(image)
            yield image


def file_length(source: str | Path | bytes) -> int:
    """Bytes of a file, of a path or in memory; 0 for one that is gone."""
    if isinstance(source, bytes):
        return len(source)
    path = Path(source)
    return path.stat().st_size if path.exists() else 0


def _check_pixels(image: Image.Image) -> None:
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        raise DataError(
            f"{image.width} x {image.height} = {pixels:,} pixels, more than {MOST_PIXELS:,}",
            remedy="Reduce the picture first; so large a claim can also be an attack.",
        )


def from_array(array: NDArray[np.generic]) -> Image.Image:
    """A uint8 array H x W, C x H x W or H x W x C (C = 1, 3 or 4) as a Pillow image."""
    if array.dtype != np.uint8:
        raise DataError(
            f"an array of {array.dtype} is not a picture",
            remedy="Give uint8 values from 0 to 255: (255 * x).round().astype(numpy.uint8).",
        )
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    legal = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not legal or array.size == 0:
        raise DataError(
            f"an array of shape {'x'.join(map(str, array.shape))} is not a picture",
            remedy="Shapes read are H x W, C x H x W and H x W x C with 1, 3 or 4 channels.",
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    # A large JPEG is decoded at 1/2, 1/4 or 1/8 scale by its own transform, several times faster.
    # At least twice the wanted size stays, for the antialiasing to work on.
    longest = 2 * max(size)
    image.draft(None, (longest, longest))


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    return ImageOps.exif_transpose(image)


def _eight_bit(image: Image.Image, mode: str) -> Image.Image:
    if image.mode in _WIDE_MODES:
        image = _from_sixteen_bit(image)
    elif image.mode == "F":
        raise DataError(
            "32-bit floating-point pixels, whose black and white nobody states",
            remedy="Save the picture with 8 or 16 bits a pixel.",
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    # Palettes and CMYK go to gray through RGB: one luma formula for every file.
    if image.mode not in ("L", "RGB", mode):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image if image.mode == mode else image.convert(mode)


def _from_sixteen_bit(image: Image.Image) -> Image.Image:
    wide = np.asarray(image).astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise DataError(
            f"pixels from {wide.min()} to {wide.max()}, beyond 16 bits",
            remedy="Save the picture with 8 or 16 bits a pixel.",
        )
    return Image.fromarray(((wide + 128) // 257).astype(np.uint8))


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    height, width = size
    if fit == "crop":
        return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR)
