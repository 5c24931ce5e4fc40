"""A table of picture files and the pixels they state: format, depth, polarity, transparency."""

from __future__ import annotations

import numpy as np

from data import files
from data.making import color, gray

HEIGHT, WIDTH = 5, 9


def samples(bits: int, channels: int = 1) -> np.ndarray:
    """Random numbers of so many bits, black and white among them."""
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    drawn = np.random.default_rng(bits + channels).integers(0, 2**bits, shape)
    drawn[0, 0], drawn[0, 1] = 0, 2**bits - 1
    return drawn


def scaled(values: np.ndarray, bits: int) -> np.ndarray:
    """To 0..255, rounded."""
    return np.floor(values * (255 / (2**bits - 1)) + 0.5)


def on_white(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Values of 0..255 under an alpha of 0..1."""
    return values * alpha + 255 * (1 - alpha)


def luma(values: np.ndarray) -> np.ndarray:
    """ITU-R 601."""
    return values @ np.array([0.299, 0.587, 0.114])


def expected_both(values: np.ndarray) -> dict[int, np.ndarray]:
    """What a gray and a color network are to see."""
    if values.ndim == 2:
        return {1: values[None], 3: np.stack([values] * 3)}
    return {1: luma(values)[None], 3: values.transpose(2, 0, 1)}


Cell = tuple[bytes, np.ndarray]
PALETTE = color(11, 16, 1)[:, 0]


def png_cells() -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for bits in (1, 2, 4, 8, 16):
        levels = samples(bits)
        right = scaled(levels, bits)
        cells[f"png gray {bits}"] = files.png(levels, bits, 0), right
        clear = int(levels[2, 2])
        cells[f"png gray {bits} tRNS"] = (
            files.png(levels, bits, 0, clear=clear.to_bytes(2, "big")),
            on_white(right, levels != clear),
        )
    for bits in (8, 16):
        three, four, two = samples(bits, 3), samples(bits, 4), samples(bits, 2)
        cells[f"png rgb {bits}"] = files.png(three, bits, 2), scaled(three, bits)
        key = three[1, 4]
        solid = ~(three == key).all(axis=2)[:, :, None]
        clear = b"".join(int(each).to_bytes(2, "big") for each in key)
        cells[f"png rgb {bits} tRNS"] = (
            files.png(three, bits, 2, clear=clear),
            on_white(scaled(three, bits), solid),
        )
        share = four[:, :, 3:] / (2**bits - 1)
        right = on_white(scaled(four[:, :, :3], bits), share)
        cells[f"png rgba {bits}"] = files.png(four, bits, 6), right
        share = two[:, :, 1] / (2**bits - 1)
        right = on_white(scaled(two[:, :, 0], bits), share)
        cells[f"png gray alpha {bits}"] = files.png(two, bits, 4), right
    for bits in (1, 2, 4):
        index = samples(bits)
        table = PALETTE[: 2**bits]
        cells[f"png palette {bits}"] = (
            files.png(index, bits, 3, palette=table.tobytes()),
            table[index].astype(float),
        )
        alpha = np.linspace(0, 255, 2**bits).astype(np.uint8)
        cells[f"png palette {bits} tRNS"] = (
            files.png(index, bits, 3, palette=table.tobytes(), clear=alpha.tobytes()),
            on_white(table[index].astype(float), alpha[index][:, :, None] / 255),
        )
    return cells


def tiff_cells() -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for bits in (1, 2, 4, 8, 12, 16):
        for order in "<>" if bits == 16 else "<":
            for deflate in (False, True) if bits != 12 else (False,):
                how = f"{bits}{'le' if order == '<' else 'be'}{' deflate' if deflate else ''}"
                levels = samples(bits)
                cells[f"tiff black is zero {how}"] = (
                    files.tiff(levels, bits, 1, order=order, deflate=deflate),
                    scaled(levels, bits),
                )
                if bits != 12 and order == "<":
                    cells[f"tiff white is zero {how}"] = (
                        files.tiff(levels, bits, 0, order=order, deflate=deflate),
                        255 - scaled(levels, bits),
                    )
    for bits in (8, 16):
        three, four = samples(bits, 3), samples(bits, 4)
        for planar in (False, True):
            for deflate in (False, True):
                for order in "<>":
                    how = f"{bits}{order}{' planar' * planar}{' deflate' * deflate}"
                    data = files.tiff(three, bits, 2, order=order, planar=planar, deflate=deflate)
                    cells[f"tiff rgb {how}"] = data, scaled(three, bits)
        share = four[:, :, 3:] / (2**bits - 1)
        cells[f"tiff rgba {bits}"] = (
            files.tiff(four, bits, 2, extra=(2,)),
            on_white(scaled(four[:, :, :3], bits), share),
        )
        soft = four.copy()
        soft[:, :, :3] = np.minimum(four[:, :, :3], four[:, :, 3:])
        cells[f"tiff rgba premultiplied {bits}"] = (
            files.tiff(soft, bits, 2, extra=(1,)),
            scaled(soft[:, :, :3], bits) + 255 * (1 - share),
        )
        key = four[:, :, 3:] / (2**bits - 1)
        cells[f"tiff cmyk {bits}"] = (
            files.tiff(four, bits, 5),
            255 * (1 - four[:, :, :3] / (2**bits - 1)) * (1 - key),
        )
    two = samples(8, 2)
    cells["tiff gray alpha"] = (
        files.tiff(two, 8, 1, extra=(2,)),
        on_white(two[:, :, 0].astype(float), two[:, :, 1] / 255),
    )
    two[:, :, 0] = np.minimum(two[:, :, 0], two[:, :, 1])
    cells["tiff gray alpha premultiplied"] = (
        files.tiff(two, 8, 1, extra=(1,)),
        two[:, :, 0] + 255.0 - two[:, :, 1],
    )
    index = samples(4)
    table = [int(each) * 257 for k in range(3) for each in PALETTE[:, k]]
    cells["tiff palette 4"] = files.tiff(index, 4, 3, palette=table), PALETTE[index].astype(float)
    return cells


def other_cells() -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    one, three, four = gray(1).astype(int), color(2).astype(int), samples(8, 4)
    for white in (1, 3, 100, 255, 256, 1000, 4095, 65535):
        for text in (False, True):
            for kind, values in (("pgm", one), ("ppm", three)):
                levels = values * white // 255
                right = np.floor(levels * (255 / white) + 0.5)
                data = files.pnm(levels, white, text=text)
                cells[f"{kind} {white}{' text' * text}"] = data, right
    dots = samples(1)
    cells["pbm"] = files.pbm(dots), 255.0 * (1 - dots)
    for bits in (1, 4, 8):
        index = samples(min(bits, 4))
        cells[f"bmp {bits}"] = files.bmp(index, bits, PALETTE[: 2**bits]), PALETTE[index] * 1.0
    for ink in (0, 1):  # the palette decides which of two is white
        table = np.array([[255] * 3, [0] * 3])[[ink, 1 - ink]]
        cells[f"bmp 1 bit, {ink} white"] = files.bmp(dots, 1, table), table[dots][:, :, 0] * 1.0
    cells["bmp 24"] = files.bmp(three, 24), three * 1.0
    cells["bmp 32"] = files.bmp(four, 32), four[:, :, :3] * 1.0
    share = four[:, :, 3:] / 255
    for flags in (0, 0x10, 0x20, 0x30):
        cells[f"tga gray {flags:#x}"] = files.tga(gray(1), flags=flags), one * 1.0
        cells[f"tga rgb {flags:#x}"] = files.tga(color(2), flags=flags), three * 1.0
    whole = four.astype(np.uint8)
    cells["tga rgba"] = files.tga(whole, alpha_bits=8), on_white(four[:, :, :3], share)
    cells["tga 32 without alpha"] = files.tga(whole), four[:, :, :3] * 1.0
    cells["psd bitmap"] = files.psd(dots, 0, 1), 255.0 * (1 - dots)
    cells["psd gray"] = files.psd(gray(1), 1), one * 1.0
    cells["psd rgb"] = files.psd(color(2), 3), three * 1.0
    cells["psd rgba"] = files.psd(whole, 3), on_white(four[:, :, :3], share)
    cells["psd cmyk"] = files.psd(whole, 4), four[:, :, :3] * (four[:, :, 3:] / 255)
    cells["ico"] = files.ico(files.png(four, 8, 6)), on_white(four[:, :, :3], share)
    return cells


CELLS = {**png_cells(), **tiff_cells(), **other_cells()}
