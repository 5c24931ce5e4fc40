"""The digits as stylized 7x12 bitmaps: the codes that RBF units compare with.

Similar shapes have similar codes, so a confused network is wrong by a near code, which a
language model behind it can mend; and ±1 keeps units of a scaled tanh out of saturation.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from striate.ops.arrays import Array

WIDTH, HEIGHT = 7, 12
SIZE = WIDTH * HEIGHT

DIGITS = (
    """
..###..
.#...#.
##...##
##...##
##...##
##...##
##...##
##...##
##...##
.#...#.
..###..
.......
""",
    """
...##..
..###..
.####..
...##..
...##..
...##..
...##..
...##..
...##..
...##..
.######
.......
""",
    """
.#####.
##...##
##...##
.....##
....##.
...##..
..##...
.##....
##.....
##.....
#######
.......
""",
    """
.#####.
##...##
.....##
.....##
.....##
..####.
.....##
.....##
.....##
##...##
.#####.
.......
""",
    """
.....#.
....##.
...###.
..#.##.
.#..##.
##..##.
##..##.
#######
....##.
....##.
....##.
.......
""",
    """
#######
##.....
##.....
##.....
######.
.....##
.....##
.....##
.....##
##...##
.#####.
.......
""",
    """
..####.
.##....
##.....
##.....
######.
###..##
##...##
##...##
##...##
##...##
.#####.
.......
""",
    """
#######
.....##
.....##
....##.
....##.
...##..
...##..
..##...
..##...
.##....
.##....
.......
""",
    """
.#####.
##...##
##...##
##...##
.##.##.
..###..
.##.##.
##...##
##...##
##...##
.#####.
.......
""",
    """
.#####.
##...##
##...##
##...##
##..###
.######
.....##
.....##
.....##
....##.
.####..
.......
""",
)
"""0 to 9, drawn anew for this house: # is +1, . is -1."""


@cache
def codes() -> Array:
    """One row of 84 numbers, +1 or -1, a digit.

    >>> codes().shape, sorted(set(codes().ravel().tolist()))
    ((10, 84), [-1.0, 1.0])
    """
    rows = [[1.0 if cell == "#" else -1.0 for cell in "".join(d.split())] for d in DIGITS]
    table = np.array(rows)
    table.flags.writeable = False
    return table
