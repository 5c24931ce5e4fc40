"""A captured graph against its module, on pictures that it was not made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as trees

from striate.errors import CaptureError
from striate.pytorch.capture.captured import Captured
from striate.pytorch.capture.layout import LARGE, Layout
from striate.pytorch.capture.recorder import Recording

BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-4}
"""The largest relative difference that is rounding, by the type that a module computes in."""
COARSE = 2e-2
"""The same for types of fewer digits."""


def checked(
    captured: Captured,
    pictures: Sequence[Tensor],
    answer: Any,
    layout: Layout,
    count: int,
    recording: Recording,
) -> None:
    """Run the graph on pictures that the module has answered.

    Raises:
        CaptureError: the answers differ by more than rounding.
    """
    wanted = next(x for x in trees.tree_leaves(answer) if isinstance(x, Tensor))
    with torch.inference_mode():
        found = captured.answers([each.clone() for each in pictures])
        bound = BOUNDS.get(wanted.dtype, COARSE)
        value = _value(wanted, layout, count, found)
    if value is None:
        shapes = " and ".join("x".join(map(str, x.shape)) for x in (wanted, found))
        raise _differs(f"for {count} pictures they answer with {shapes}", recording)
    distance = _distance(value.to(found.dtype), found)
    if not distance <= bound:
        what = f"for {count} pictures they differ by {distance:.2g} of the largest number"
        raise _differs(what, recording)


def apart(alone: Any, together: Any, layout: Layout, rank: int) -> None:
    """Whether a picture is answered alike alone and in a batch.

    Raises:
        CaptureError: the module mixes the pictures of a batch.
    """
    one, all_of_them = (
        next(x for x in trees.tree_leaves(each) if isinstance(x, Tensor))
        for each in (alone, together)
    )
    first = layout.value(all_of_them, LARGE)[:1]
    bound = BOUNDS.get(one.dtype, COARSE)
    if one.numel() == first.numel():
        found = layout.value(one, 1) if one.ndim == rank else one.reshape(first.shape)
        if _distance(found, first) <= bound:
            return
    raise CaptureError(
        "the module answers a picture in another way when others are beside it",
        remedy="A graph answers each picture by itself: no mean over the batch, no statistics "
        "of it. Capture the part that does not mix them.",
    )


def _value(wanted: Tensor, layout: Layout, count: int, found: Tensor) -> Tensor | None:
    if wanted.numel() != found.numel():
        return None
    if wanted.ndim <= layout.batch or wanted.shape[layout.batch] % count:
        return wanted.reshape(found.shape) if count == 1 else None
    value = layout.value(wanted, count)
    return value if value.shape == found.shape else value.reshape(found.shape)


def _distance(wanted: Tensor, found: Tensor) -> float:
    """The largest difference, in parts of the largest number; equal where both are no numbers."""
    both = wanted.isnan() & found.isnan() | (wanted == found)
    if both.all():
        return 0.0
    scale = wanted[wanted.isfinite()].abs().amax() if wanted.isfinite().any() else 1.0
    return float((wanted - found)[~both].abs().amax() / scale)


def _differs(what: str, recording: Recording) -> CaptureError:
    reads = "\n".join(f"reads a number: {each}" for each in dict.fromkeys(recording.reads))
    return CaptureError(
        f"the captured graph is not the module: {what}",
        where=reads,
        remedy="It may decide by numbers, mix the pictures of a batch, or draw noise. "
        "Capture the parts that do not.",
    )
