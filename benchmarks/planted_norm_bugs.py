"""Bugs of `planted_bugs` in normalization: (what, file, right text, wrong text)."""

from __future__ import annotations

NORM = "ops/normalization/{}.py".format
SHARED, AXES, L2 = NORM("standardized"), NORM("over_axes"), NORM("l2_norm")

NORM_BUGS = (
    (
        "normalization: gradient without the mean",
        SHARED,
        "slope = slope - g.mean(axis=2, keepdims=True)",
        "slope = slope * 1.0",
    ),
    (
        "normalization: the mean taken away where only the size counts",
        SHARED,
        "centered = x - x.mean() if self.centers else x",
        "centered = x - x.mean()",
    ),
    (
        "normalization: a weight summed over the axes that it differs along",
        SHARED,
        "if k not in kept)",
        "if k not in kept[:1])",
    ),
    (
        "normalization: an axis short",
        AXES,
        "np.moveaxis(positions, over, range(-len(over), 0))",
        "np.moveaxis(positions, over, range(len(over)))",
    ),
    (
        "normalization: sees one place where it sees the axis",
        "ops/axes.py",
        "dict.fromkeys(over)",
        "{}",
    ),
    (
        "instance normalization: channels meet",
        NORM("instance_norm"),
        "rows(x, _spatial(x))",
        "rows(x, tuple(range(x.rank)))",
    ),
    (
        "L2 normalization: gradient without the length's own",
        L2,
        "np.where(is_long, along, 0)",
        "np.where(is_long, 0, 0)",
    ),
    (
        "L2 normalization: a short vector's length moves",
        L2,
        "np.where(is_long, along, 0)",
        "along",
    ),
    (
        "L2 normalization: along the next axis",
        L2,
        "return call.specs[0].axis(self.axis) + 1",
        "return call.specs[0].axis(self.axis) or 1",
    ),
    (
        "trait: the root mean square claims to take shifts away",
        NORM("rms_norm"),
        "centers: ClassVar[bool] = False",
        "centers: ClassVar[bool] = False\n    normalizes: ClassVar[bool] = True",
    ),
)
