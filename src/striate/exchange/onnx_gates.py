"""In which order ONNX keeps the gates of recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping

GATES: Mapping[str, tuple[str, ...]] = {
    "RNN": ("hidden",),
    "GRU": ("update", "reset", "candidate"),
    "LSTM": ("input_gate", "output_gate", "forget_gate", "candidate"),
}
"""The rows of the weights."""

PEEPHOLES = ("weight_ci", "weight_co", "weight_cf")
"""The weights through which gates see the cell."""
