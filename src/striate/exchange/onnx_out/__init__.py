"""ONNX files: networks of ours written by a table from our operators to ONNX's."""

from __future__ import annotations

from striate.exchange.onnx_out.writing import onnx_bytes as onnx_bytes
from striate.exchange.onnx_out.writing import onnx_model as onnx_model
