"""Bugs of `planted_bugs` in what merges and moves numbers: (what, file, right text, wrong text)."""

from __future__ import annotations

MERGING, SHAPING = "ops/merging/{}.py".format, "ops/shaping/{}.py".format
BROADCAST, SHARED = "ops/broadcast.py", SHAPING("rearrangement")

ARRANGING_BUGS = (
    (
        "broadcast: gradient of a spread number not summed",
        BROADCAST,
        "if k and n !=",
        "if False and n !=",
    ),
    (
        "broadcast: every place read where a number is spread",
        BROADCAST,
        "range(most) if n != most",
        "range(1) if n != most",
    ),
    (
        "broadcast: index of a spread axis not clipped",
        BROADCAST,
        "0 if n == 1 else i for i, n in zip(place, x.shape[1:]",
        "i for i, n in zip(place, x.shape[1:]",
    ),
    (
        "add: the first branch counted twice",
        MERGING("add"),
        "for branch in others:",
        "for branch in numbers:",
    ),
    (
        "subtract: sign of the second branch's gradient",
        MERGING("subtract"),
        "-1 if branch else 1)",
        "1)",
    ),
    (
        "multiply: a branch is its own factor in the gradient",
        MERGING("multiply"),
        "np.ones_like(numbers[0]), *_others(numbers, branch)",
        "np.ones_like(numbers[0]), *numbers",
    ),
    (
        "divide: gradient of the divisor without the square",
        MERGING("divide"),
        "-above / below**2",
        "-above / below",
    ),
    (
        "matrix product: the second factor not transposed in the gradient",
        MERGING("matmul"),
        "a.swapaxes(-1, -2) @ error",
        "a @ error",
    ),
    (
        "matrix product: rows and columns swapped in the uses",
        MERGING("matmul"),
        "((row, j), (column, j))",
        "((row, j), (row, j))",
    ),
    ("concat: another axis", MERGING("concat"), "axis=specs[0].axis(self.axis) + 1)", "axis=1)"),
    (
        "stack: on the last axis",
        MERGING("stack"),
        "np.stack(arrays, axis=1)",
        "np.stack(arrays, axis=-1)",
    ),
    (
        "rearrangement: a number that stands twice counted once",
        SHARED,
        "np.add.at(total, source[filled], rows.T)",
        "total[source[filled]] = rows.T",
    ),
    (
        "rearrangement: positions of the second input not behind the first's",
        SHARED,
        "np.arange(end - spec.size, end)",
        "np.arange(spec.size)",
    ),
    (
        "rearrangement: constants read as the last number",
        SHARED,
        "filled = source != NOWHERE",
        "filled = source > -9",
    ),
    (
        "permute: the inverse order",
        SHAPING("permute"),
        "*(k + 1 for k in self.order))",
        "*(self.order.index(k) + 1 for k in range(len(self.order))))",
    ),
    (
        "slice: off by one",
        SHAPING("slice"),
        "slice(self.start, self.stop, self.step),)",
        "slice(self.start + 1, self.stop, self.step),)",
    ),
    (
        "slice: field without the start",
        SHAPING("slice"),
        "stride=self.step, before=-begin",
        "stride=self.step",
    ),
    (
        "pad: before and after swapped",
        SHAPING("pad"),
        "(w.before, w.after) for w",
        "(w.after, w.before) for w",
    ),
    (
        "flip: the axis before",
        SHAPING("flip"),
        "np.flip(arrays[0], specs[0].axis(self.axis) + 1)",
        "np.flip(arrays[0], max(1, specs[0].axis(self.axis)))",
    ),
    ("roll: the other way", SHAPING("roll"), "self.shift, specs", "-self.shift, specs"),
    (
        "repeat: each number by itself",
        SHAPING("repeat"),
        "np.concatenate(arrays * self.times, axis=",
        "np.repeat(arrays[0], self.times, axis=",
    ),
    (
        "unfold: places before taps",
        SHAPING("unfold"),
        "*(3 + 2 * k for k in range(rank)), *(2 + 2 * k for k in range(rank))",
        "*(2 + 2 * k for k in range(rank)), *(3 + 2 * k for k in range(rank))",
    ),
    (
        "resize: borders in place of the middles of cells",
        SHAPING("resize"),
        "(k + HALF) * step - HALF",
        "k * step",
    ),
    (
        "resize: cells beyond the border left out",
        SHAPING("resize"),
        "inside = min(max(cell, 0), n - 1)",
        "inside = cell if 0 <= cell < n else 0",
    ),
    (
        "resize: share of a cell read twice counted once",
        SHAPING("resize"),
        "found.get(inside, Fraction(0)) + share",
        "share",
    ),
    (
        "resize: bends of the cubic at -1/2",
        SHAPING("resize"),
        "Fraction(-3, 4)",
        "Fraction(-1, 2)",
    ),
    (
        "resize: window of the field off by one",
        SHAPING("resize"),
        "gap, -first, last",
        "gap, 1 - first, last",
    ),
    (
        "reshape: kept axes at the end counted from the start",
        SHAPING("regrouping"),
        "*new, *x.shape[end:])",
        "*new, *x.shape[: x.rank - end])",
    ),
    (
        "reshape: the names of kept axes not shifted",
        SHAPING("regrouping"),
        "([k], [k - end + stop])",
        "([k], [k])",
    ),
    (
        "learned: gradient averaged over the pictures",
        SHAPING("kept_value"),
        "error.sum(axis=0)",
        "error.mean(axis=0)",
    ),
    (
        "scale: gradient of the weight without the input",
        "ops/normalization/scale.py",
        "-> tuple[Array, Array]:\n        return weight, x",
        "-> tuple[Array, Array]:\n        return weight, weight",
    ),
    (
        "flatten: column by column",
        SHAPING("flatten"),
        "x.reshape(len(x), -1)",
        "x.swapaxes(1, -1).reshape(len(x), -1)",
    ),
    (
        "gated linear unit: the gates in front of the numbers",
        "ops/activation/glu.py",
        "a, b = np.split",
        "b, a = np.split",
    ),
    (
        "prelu: a slope gathers one picture only",
        "ops/activation/prelu.py",
        ".sum(axis=0)",
        "[0]",
    ),
    (
        "logarithm: claims to rise where it is no number",
        "ops/activation/logarithm.py",
        'symbol: ClassVar[str] = "log"',
        'symbol: ClassVar[str] = "log"\n    rises: ClassVar[bool] = True',
    ),
    (
        "average pool: a divisor forgotten on the way back",
        "ops/pooling/average_pool.py",
        "shares = (error / self._cells(axes, call.x))",
        "shares = (error / prod(w.kernel for w in axes))",
    ),
    (
        "average pool: gaps of a window counted as cells",
        "ops/pooling/average_pool.py",
        "sum(first <= start + u * window.dilation < end for u in range(window.kernel))",
        "sum(first <= start + u < end for u in range(window.extent))",
    ),
    (
        "pool of another norm: the sign lost on the way back",
        "ops/pooling/l2_pool.py",
        "* np.sign(cells) * shares",
        "* shares",
    ),
    (
        "soft shrinking: what remains not moved",
        "ops/activation/soft_shrink.py",
        "return x - np.clip(x, x.dtype.type(-self.threshold), x.dtype.type(self.threshold))",
        "return np.where(np.abs(x) > self.threshold, x, 0 * x)",
    ),
    (
        "affine: the shift scaled too",
        "ops/activation/affine.py",
        "call.x * call.x.dtype.type(self.scale) + call.x.dtype.type(self.shift)",
        "(call.x + call.x.dtype.type(self.shift)) * call.x.dtype.type(self.scale)",
    ),
)
