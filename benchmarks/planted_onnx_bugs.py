"""Bugs of `planted_bugs` in reading ONNX files: (what, file, right text, wrong text)."""

from __future__ import annotations

ONNX_BUGS = (
    (
        "onnx: a matrix that is not turned",
        "exchange/onnx/rows/convolution.py",
        "turned = matrix.array.T if by == 1",
        "turned = matrix.array if by == 1",
    ),
    (
        "onnx: the old softmax over one axis alone",
        "exchange/onnx/rows/activation.py",
        "if new or all(n == 1 for n in sizes[axis + 1 :]):",
        "if True:",
    ),
    (
        "onnx: padding counted in averages",
        "exchange/onnx/rows/pooling.py",
        'bool(step.get("count_include_pad", 0)),',
        'bool(step.get("count_include_pad", 1)),',
    ),
    (
        "onnx: any file of the machine as weights",
        "exchange/onnx/tensors.py",
        "if not 0 < len(location) < LONGEST_PLACE or not path.is_relative_to(own) or path == own:",
        "if not location:",
    ),
)
