"""Bugs of `planted_bugs` in pictures of one's own: (what, file, right text, wrong text)."""

from __future__ import annotations

DATA_BUGS = (
    (
        "own data: pictures are turned on their side",
        "data/paired.py",
        "row.transpose(2, 0, 1) if axis == -1 else row",
        "row.transpose(2, 1, 0) if axis == -1 else row",
    ),
    (
        "own data: shares of white are cut down to bytes",
        "data/paired.py",
        "np.rint(planes.astype(np.float64) * scale)",
        "np.floor(planes.astype(np.float64) * scale)",
    ),
    (
        "own data: a table's pictures stand in the order of its lines",
        "data/listed.py",
        "sorted(named, key=lambda path: PurePath(path).parts)",
        "list(named)",
    ),
    (
        "own data: a .npz file is believed what size it states",
        "data/npz.py",
        "if prod(shape) * dtype.itemsize != len(data):",
        "if False:",
    ),
    (
        "own data: a leak is looked for in the split before alone",
        "data/leaks.py",
        "for other in found if",
        "for other in list(found)[-1:-1] if",
    ),
    (
        "own data: arrays are held out by their place",
        "data/paired.py",
        "f\"{split or 'x'}[{number}]\", image, key)",
        "f\"{split or 'x'}[{number}]\", image)",
    ),
)
