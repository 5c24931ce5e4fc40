"""The table: what each call of PyTorch is in operators, by the call's name.

A row takes the call and answers with the step that computes it, or with one for each value that it
returns. It raises `Unsuitable` for settings that no operator has; the call then stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from striate.pytorch.capture.rows import (
    activation,
    arithmetic,
    convolution,
    merging,
    moving,
    normalization,
    pooling,
    recurrent,
)
from striate.pytorch.capture.steps import Asked, DraftNode

CaptureRow: TypeAlias = Callable[[Asked], DraftNode | Sequence[DraftNode]]

TABLES: tuple[Mapping[str, CaptureRow], ...] = (
    activation.ROWS,
    arithmetic.ROWS,
    convolution.ROWS,
    merging.ROWS,
    moving.ROWS,
    normalization.ROWS,
    pooling.ROWS,
    recurrent.ROWS,
)

ROWS: Mapping[str, CaptureRow] = {name: row for table in TABLES for name, row in table.items()}
"""In-place calls stand here without their underscore."""

NOTHING = frozenset(
    {
        "dropout",
        "feature_dropout",
        "alpha_dropout",
        "feature_alpha_dropout",
        "detach",
        "alias",
        "contiguous",
        "clone",
        "lift_fresh",
        "lift_fresh_copy",
        "type_as",
        "to",
        "_to_copy",
        "positive",
        "rrelu_with_noise_functional",
    }
)
"""Calls that give back what they got, while a network predicts."""
