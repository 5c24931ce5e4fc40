"""Arrays in files: safetensors, written at once or not at all, read without running code."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ModelFileError
from striate.ops.arrays import Array

METADATA = "striate"
"""The one entry of a file's metadata, as JSON: several would be written in any order."""


def read_arrays(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and metadata of a safetensors file; no metadata when they are not ours.

    Raises:
        ModelFileError: it is missing, cut off, or something else.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_dir() or not path.exists():
        kind = "a folder" if path.is_dir() else "missing"
        raise ModelFileError(f"{path} is {kind}", remedy="Name a .safetensors file.")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA, "{}"))
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ModelFileError(
            f"{path} is not a safetensors file, or damaged", remedy=str(error)
        ) from None
    return arrays, metadata if isinstance(metadata, dict) else {}


def write_arrays(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> None:
    """Write a safetensors file atomically.

    Raises:
        ModelFileError: it cannot be written; what was there is still there.
    """
    from safetensors.numpy import save

    whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    described = json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    write_file(path, save(whole, metadata={METADATA: described}))


def write_file(path: Path, content: bytes) -> None:
    """Replace a file at once: a temporary file beside it, flushed to the disk, then renamed.

    Raises:
        ModelFileError: it cannot be written; what was there is still there.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ModelFileError(
            f"{path} cannot be written: {error.strerror or error}",
            remedy="What was there before is untouched.",
        ) from None


def flat(weights: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """conv1.weight -> array, from node -> weight name -> array."""
    return {f"{node}.{name}": each for node, own in weights.items() for name, each in own.items()}
