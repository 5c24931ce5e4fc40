"""Bugs of `planted_bugs` in what works along an axis: (what, file, right text, wrong text)."""

from __future__ import annotations

REDUCTION = "ops/reducing/reduction.py"
EXPONENTIAL = "ops/activation/normalized_exponential.py"

AXIS_BUGS = (
    (
        "axis of shares: claimed to be the channels' wherever it is",
        "ops/activation/softmax.py",
        "inputs[0].axis(self.axis) == 0",
        "inputs[0].axis(self.axis) >= 0",
    ),
    (
        "axis of shares: every output sees its own position only",
        EXPONENTIAL,
        "{axis: None}",
        "{}",
    ),
    (
        "axis of shares: the batch not counted where scores are compared",
        EXPONENTIAL,
        "return call.specs[0].axis(self.axis) + 1",
        "return max(1, call.specs[0].axis(self.axis))",
    ),
    (
        "log softmax: gradient without the sum of the errors",
        "ops/activation/log_softmax.py",
        "np.exp(call.y) * error.sum(axis=axis, keepdims=True)",
        "np.exp(call.y) * error",
    ),
    (
        "log softmax: the largest score left out of the logarithm",
        "ops/activation/log_softmax.py",
        "-top - log(total)",
        "-log(total)",
    ),
    (
        "reduced axis: the gradient's axes not put back",
        REDUCTION,
        "back = sorted(range(len(order)), key=order.__getitem__)",
        "back = order",
    ),
    (
        "reduced axis: outputs run along the axes of the input, though some are gone",
        REDUCTION,
        "0 if self.keep else sum(axis < k for axis in axes)",
        "0",
    ),
    (
        "reduced axis: kept, yet left out where a number goes",
        REDUCTION,
        "        if self.keep:\n            return tuple(0 if",
        "        if not self.keep:\n            return tuple(0 if",
    ),
    (
        "mean: gradient not divided",
        "ops/reducing/mean.py",
        "np.full_like(rows, 1 / rows.shape[-1])",
        "np.ones_like(rows)",
    ),
    (
        "extreme number: all equals have the gradient",
        "ops/reducing/extreme.py",
        "np.put_along_axis(slopes, self.winners(rows)[..., None], 1, axis=-1)",
        "slopes[rows == self.reduced(rows)[..., None]] = 1",
    ),
    (
        "min: the largest",
        "ops/reducing/min.py",
        "rows.argmin(axis=-1)",
        "rows.argmax(axis=-1)",
    ),
)
