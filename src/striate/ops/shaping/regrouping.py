"""How the axes of a RESHAPE follow from its size and its input: their lengths, and what they hold.

In a size, -1 is the axis that takes what is left, and 0 at either end is an axis that stays.
"""

from __future__ import annotations

from math import prod
from typing import TypeAlias

from striate.display import shape_text
from striate.errors import ShapeError
from striate.graph import Index, Spec

Group: TypeAlias = tuple[list[int], list[int]]
"""Neighboring axes of the input, and those of the output that hold the same numbers."""


def ends(size: Index) -> tuple[int, int]:
    """Where the axes begin and end that do not stay."""
    start = next((k for k, n in enumerate(size) if n), len(size))
    return start, max((k + 1 for k, n in enumerate(size) if n), default=start)


def lengths(size: Index, x: Spec) -> Index:
    """The length of each axis of the output.

    Raises:
        ShapeError: it would hold more or fewer numbers than `x`.
    """
    start, stop = ends(size)
    end = stop - len(size) + x.rank
    if start > end:
        raise ShapeError(
            f"{{self}} keeps {len(size) - stop + start} axes of {x}, which has {x.rank}",
            remedy="Write fewer 0.",
        )
    old, new = x.shape[start:end], size[start:stop]
    rest = prod(old) // abs(prod(new))
    new = tuple(rest if n < 0 else n for n in new)
    if prod(old) != prod(new):
        raise ShapeError(
            f"{{self}} makes {shape_text(size)} of {x}: {prod(new):,} numbers of {prod(old):,}",
            remedy="Give sizes whose product is that of the input's.",
        )
    return (*x.shape[:start], *new, *x.shape[end:])


def groups(size: Index, x: Spec) -> list[Group]:
    """The axes by the numbers they hold, in groups as short as they can be."""
    new, (start, stop) = lengths(size, x), ends(size)
    end = stop - len(new) + x.rank
    inner = _groups(x.shape[start:end], new[start:stop])
    return [
        *(([k], [k]) for k in range(start)),
        *(([start + k for k in a], [start + k for k in b]) for a, b in inner),
        *(([k], [k - end + stop]) for k in range(end, x.rank)),
    ]


def _groups(old: Index, new: Index) -> list[Group]:
    """The same where no axis stays."""
    found, at, to = list[Group](), 0, 0
    while at < len(old) or to < len(new):
        left, right, a, b = list[int](), list[int](), 1, 1
        # The side that holds fewer numbers takes its next axis, until both hold as many.
        while not (left or right) or a != b:
            if (a <= b and at < len(old)) or to == len(new):
                left.append(at)
                a, at = a * old[at], at + 1
            else:
                right.append(to)
                b, to = b * new[to], to + 1
        found.append((left, right))
    return found
