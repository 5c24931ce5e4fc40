"""The `onnx` package, which is there only where somebody reads ONNX files."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from striate.errors import OnnxError


def onnx(part: str = "") -> Any:
    """The package, or a part of it.

    Raises:
        OnnxError: it is not installed.
    """
    try:
        return import_module(f"onnx.{part}" if part else "onnx")
    except ImportError:
        raise OnnxError(
            "reading an ONNX file needs the package onnx",
            remedy='It is not installed: pip install "striate[onnx]".',
        ) from None
