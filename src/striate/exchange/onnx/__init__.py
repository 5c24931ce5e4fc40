"""ONNX files: read as networks of ours, by a table from ONNX's operators to ours."""

from __future__ import annotations

from striate.exchange.onnx.reading import read_onnx as read_onnx
