"""The packages of the extra `onnx`, which are there only where somebody wants ONNX files."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from striate.errors import OnnxError


def package(name: str = "onnx") -> Any:
    """A package that the extra `onnx` installs, or a module of it.

    Raises:
        OnnxError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise OnnxError(
            f"ONNX files need the package {name.partition('.')[0]}, which is not installed",
            remedy='Install it: pip install "striate[onnx]".',
        ) from None
