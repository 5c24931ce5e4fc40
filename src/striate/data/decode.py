"""Any picture file, of any size and color, as an array of bytes: Pillow and NumPy only.

Training and prediction both come through `picture`, so that a network sees the same numbers
in both. Everything a file can do wrong ends in a DataError that names the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from striate.data.formats import FORMATS, File, head_of, kind_of, opened, tiff_layout
from striate.data.levels import eight_bits, frames_left_out, on_white, size_of
from striate.data.names import printable
from striate.display import shape_text
from striate.errors import DataError

PixelArray: TypeAlias = NDArray[np.uint8]
PictureSource: TypeAlias = "File | Image.Image | NDArray[np.generic]"

FITS = ("resize", "crop")
_TOO_LARGE = "Reduce the picture first; so large a claim can also be an attack."
LONGEST_SIDE = 100_000  # pixels
MOST_PIXELS = 80_000_000  # a little under the size at which Pillow warns of a decompression bomb


@dataclass(frozen=True)
class ReadPicture:
    """A decoded picture.

    Args:
        pixels: uint8, channels x height x width.
        more: whether the file holds further pages or frames, which are left out.
    """

    pixels: PixelArray
    more: bool = False


def picture(
    source: PictureSource,
    *,
    channels: int,
    size: tuple[int, int] | None = None,
    fit: str = "resize",
    name: str = "",
) -> PixelArray:
    """A picture as uint8 of shape (channels, height, width).

    EXIF orientation is applied, palettes are looked up, transparency is laid over white, other
    bit depths are scaled to 8 bits by the white that the file states, CMYK becomes RGB, and
    reducing averages (no aliasing). Of several pages or frames the first is taken. Colors are
    inverted only where the file says that its zero is white.

    Args:
        source: a path, the bytes of a file, a Pillow image, or a uint8 array H x W, C x H x W or
            H x W x C.
        channels: 1 for gray (ITU-R 601 luma), 3 for color.
        size: (height, width) in pixels; None keeps the picture's own.
        fit: "resize" stretches to `size`; "crop" keeps proportions and cuts the longer side.
        name: what to call the picture in an error.

    Raises:
        DataError: the picture cannot be read, or its file does not say which of its numbers is
            white (signed, 32-bit and floating-point samples); with the reason.

    >>> picture(np.array([[0, 255], [255, 0]], dtype=np.uint8), channels=3).shape
    (3, 2, 2)
    """
    return read(source, channels=channels, size=size, fit=fit, name=name).pixels


def read(
    source: PictureSource,
    *,
    channels: int,
    size: tuple[int, int] | None = None,
    fit: str = "resize",
    name: str = "",
) -> ReadPicture:
    """As `picture`, and whether more pages or frames were left out."""
    if isinstance(source, np.ndarray) and (planes := _as_it_is(source, channels, size)) is not None:
        return ReadPicture(planes)
    with _named(source, name), _opened(source) as image:
        file = source if isinstance(source, str | Path | bytes) else None
        if size is not None and image is not source:  # a caller's own image is left as it is
            _draft(image, size)
        more = file is not None and frames_left_out(image)
        plain = _of_mode(on_white(eight_bits(image, file)), "L" if channels == 1 else "RGB")
        if size is not None:
            plain = _fitted(plain, size, fit)
        array = np.asarray(plain, dtype=np.uint8)
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return ReadPicture(np.ascontiguousarray(planes), more)


def measure(source: PictureSource, *, name: str = "") -> tuple[int, int]:
    """(height, width) in pixels of the picture upright, from the head of the file.

    Raises:
        DataError: the head of the file cannot be read.
    """
    with _named(source, name), _opened(source) as image:
        width, height = size_of(image)
    return (height, width)


def resized(before: tuple[int, int], after: tuple[int, int]) -> str:
    """What to say of pictures that are brought to another (height, width).

    >>> resized((28, 28), (8, 8))
    '28x28 pixels are resized to the 8x8 that the network takes'
    """
    own, wanted = (shape_text(size) for size in (before, after))
    return f"{own} pixels are resized to the {wanted} that the network takes"


@contextmanager
def _named(source: PictureSource, name: str) -> Iterator[None]:
    if not name:
        name = printable(str(source)) if isinstance(source, str | Path) else "the picture"
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error.what}", where=error.where, remedy=error.remedy) from None
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{name}: {_unidentified(source)}", remedy=f"Read are {', '.join(FORMATS)}."
        ) from None
    except Exception as error:
        # A damaged file makes decoders raise almost anything: OSError, SyntaxError, struct.error,
        # IndexError, MemoryError, zlib.error. Whatever it is, it is the file that is damaged.
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{name}: cannot be read ({error.strerror})") from None
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"{name}: damaged or truncated ({reason})") from None


@contextmanager
def _opened(source: PictureSource) -> Iterator[Image.Image]:
    if isinstance(source, Image.Image):
        _check_pixels(source)
        yield source
    elif isinstance(source, np.ndarray):
        yield from_array(source)
    else:
        with opened(source) as image:
            _check_pixels(image)
            yield image


def _unidentified(source: PictureSource) -> str:
    if isinstance(source, str | Path | bytes) and (kind := kind_of(head_of(source))):
        what = f"damaged or truncated, or a kind of {kind} that is not read"
        return f"{what} ({tiff_layout(source)})" if kind == "TIFF" else what
    return "not a picture that can be read"


def file_length(source: str | Path | bytes | PixelArray) -> int:
    """Bytes of a file, of a path or in memory; 0 for one that is gone."""
    if isinstance(source, np.ndarray):
        return source.nbytes
    if isinstance(source, bytes):
        return len(source)
    path = Path(source)
    return path.stat().st_size if path.exists() else 0


def _check_pixels(image: Image.Image) -> None:
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        raise DataError(
            f"{image.width} x {image.height} = {pixels:,} pixels, more than {MOST_PIXELS:,}",
            remedy=_TOO_LARGE,
        )
    # Pillow takes minutes over rows of many megabytes.
    if max(image.size) > LONGEST_SIDE:
        raise DataError(
            f"{image.width} x {image.height} pixels, a side of more than {LONGEST_SIDE:,}",
            remedy=_TOO_LARGE,
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
            f"an array of shape {shape_text(array.shape)} is not a picture",
            remedy="Shapes read are H x W, C x H x W and H x W x C with 1, 3 or 4 channels.",
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _as_it_is(array: NDArray[np.generic], channels: int, size: object) -> PixelArray | None:
    """A copy of C x H x W that only needs more planes, without Pillow, which takes four times."""
    is_plain = array.dtype == np.uint8 and array.ndim == 3 and array.shape[0] in (1, channels)
    if not is_plain or not array.size or size not in (None, array.shape[1:]):
        return None
    return np.array(np.broadcast_to(array, (channels, *array.shape[1:])), dtype=np.uint8)


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    # A large JPEG is decoded at 1/2, 1/4 or 1/8 scale by its own transform, several times faster.
    # At least twice the wanted size stays, for the antialiasing to work on.
    longest = 2 * max(size)
    image.draft(None, (longest, longest))


def _of_mode(image: Image.Image, mode: str) -> Image.Image:
    # Palettes and CMYK go to gray through RGB: one luma formula for every file.
    if image.mode not in ("L", "RGB", mode):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image if image.mode == mode else image.convert(mode)


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    height, width = size
    if fit == "crop":
        return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR)
