"""The table: for each of ONNX's operators, how it is written in ours. A family is a file."""

from __future__ import annotations

from striate.exchange.onnx.rows import (
    activation,
    arithmetic,
    convolution,
    normalization,
    pooling,
    recurrent,
    reducing,
    shaping,
    slicing,
)
from striate.exchange.onnx.step import OnnxRows

ROWS: OnnxRows = {
    **activation.ROWS,
    **arithmetic.ROWS,
    **convolution.ROWS,
    **normalization.ROWS,
    **pooling.ROWS,
    **recurrent.ROWS,
    **reducing.ROWS,
    **shaping.ROWS,
    **slicing.ROWS,
}
