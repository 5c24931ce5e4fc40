"""Bugs of `planted_bugs` in ONNX files that are written: (what, file, right text, wrong text)."""

from __future__ import annotations

WRITTEN_BUGS = (
    (
        "onnx: gaps in the window of a convolution forgotten",
        "exchange/onnx_out/layers.py",
        '"dilations": [w.dilation for w in axes]',
        '"dilations": [1 for w in axes]',
    ),
    (
        "onnx: cells of padding counted in a mean that does not count them",
        "exchange/onnx_out/layers.py",
        "if settings and pool.include_padding:",
        "if settings:",
    ),
    (
        "onnx: a shared weight written once for each node",
        "exchange/onnx_out/place.py",
        "self.graph.keeper(self.node, name)",
        "self.node.name",
    ),
    (
        "onnx: pixels shifted before they are scaled",
        "exchange/onnx_out/writing.py",
        'at.put("Add", at.put("Mul", wide, factor), offset)',
        'at.put("Mul", at.put("Add", wide, offset), factor)',
    ),
    (
        "onnx: penalties taken for scores",
        "exchange/onnx_out/writing.py",
        "if graph.scores.operator.is_penalty:",
        "if False:",
    ),
    (
        "onnx: the first cell in its corner taken for the middle of it",
        "exchange/onnx_out/shaping.py",
        '("bilinear", False): (_HALF, {"mode": "linear"})',
        '("bilinear", False): ("align_corners", {"mode": "linear"})',
    ),
)
