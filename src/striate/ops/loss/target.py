"""What a loss compares with: class numbers, or one wanted value a score."""

from __future__ import annotations

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import Call, Spec
from striate.ops.arrays import Array


def class_scores(x: Spec) -> Spec:
    """The spec of a loss over the scores `x`: one number.

    Raises:
        ShapeError: the scores are not flat.
    """
    if x.rank != 1:
        raise ShapeError(
            f"{{self}} compares one score a class, but its input is {x}",
            remedy="End the network with FC (or global pooling and FLATTEN) before the loss.",
        )
    return Spec(())


def one_hot(call: Call) -> Array:
    """The target, as one row of wanted values a picture: 1 for the class, else 0.

    Raises:
        SettingError: there is no target, or a class number is out of range.
    """
    if call.target is not None and call.target.shape == call.x.shape:
        return call.target.astype(call.x.dtype, copy=False)
    return np.eye(call.x.shape[1], dtype=call.x.dtype)[class_numbers(call)]


def class_numbers(call: Call) -> Array:
    """The target, as one class number a picture.

    Raises:
        SettingError: there is no target, or it is no class number, or one out of range.
    """
    if call.target is None:
        raise SettingError("a loss needs a target", remedy="Pass the right class (--target).")
    classes, target = call.x.shape[1], call.target
    whole = target.shape == call.x.shape[:1] and (target == np.floor(target)).all()
    if not whole or (target < 0).any() or (target >= classes).any():
        raise SettingError(
            f"the target {target.tolist()} names no class",
            remedy=f"Classes are numbered 0 to {classes - 1}, one a picture.",
        )
    return target.astype(np.int64)


def score_names(count: int) -> str:
    """Places for the names of all scores in a factor's label, the middle ones left out.

    >>> score_names(3), score_names(1000)
    ('{0}, {1}, {2}', '{0} … {999}')
    """
    if count > 3:
        return f"{{0}} … {{{count - 1}}}"
    return ", ".join(f"{{{place}}}" for place in range(count))
