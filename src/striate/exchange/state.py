"""Named arrays from the weights files of others: .safetensors, and what `torch.save` writes.

A `.pt` or `.pth` file is a pickle, which can call any function when it is read. It is read by
PyTorch's own reader of weights alone, which knows tensors, numbers, texts, lists and tables, and
calls nothing; a file that asks for more is refused.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from striate.errors import WeightsError
from striate.exchange.arrays import read_arrays
from striate.exchange.fields import LARGEST
from striate.files import opened
from striate.graph.settings import shown
from striate.ops.arrays import Array

PICKLES = (".pt", ".pth")
"""How the files of `torch.save` end."""

_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Entries of a checkpoint that hold the weights of the network."""

_PREFIXES = ("module.", "_orig_mod.")
"""What `DistributedDataParallel` and `torch.compile` put before every name."""


@dataclass(frozen=True)
class State:
    """The arrays of a weights file.

    Args:
        arrays: name -> array: "layer1.0.conv1.weight".
        is_ordered: whether they stand in the order in which the network was written; a
            .safetensors file sorts them.
    """

    arrays: Mapping[str, Array]
    is_ordered: bool


def read_state(path: Path) -> State:
    """The arrays of a .safetensors, .pt or .pth file, wrappers and prefixes of names removed.

    Raises:
        ModelFileError, WeightsError: it is missing, damaged, or holds more than weights.
    """
    if path.suffix.lower() not in PICKLES:
        return State(_plain(read_arrays(path)[0]), is_ordered=False)
    with opened(path, WeightsError, most=LARGEST) as file:
        _check_stored(file, path)
        table = _unwrapped(_loaded(file, path))
    if not isinstance(table, Mapping):
        raise WeightsError(
            f"{path} holds {type(table).__name__}, no weights by name",
            remedy="Save them as torch.save(network.state_dict(), file).",
        )
    arrays = {str(name): _array(value, str(name), path) for name, value in _tensors(table)}
    if not arrays:
        raise WeightsError(
            f"{path} holds no weights by name",
            remedy="Save them as torch.save(network.state_dict(), file).",
        )
    return State(_plain(arrays), is_ordered=True)


def _check_stored(file: BinaryIO, path: Path) -> None:
    """Refuse an archive that holds a program, or would grow when it is read."""
    try:
        entries = zipfile.ZipFile(file).infolist() if zipfile.is_zipfile(file) else []
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as problem:
        raise _damaged(path, str(problem)) from None
    if any(each.filename.endswith("/constants.pkl") for each in entries):
        raise _unsafe(path, "a TorchScript program")
    if any(each.compress_type != zipfile.ZIP_STORED for each in entries):
        raise WeightsError(
            f"{path} is compressed, which torch.save never does", remedy="Unpack it first."
        )
    file.seek(0)


def _loaded(file: BinaryIO, path: Path) -> Any:
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as problem:  # the reader's own kinds of error differ by version and damage
        asked = re.search(r"GLOBAL ([\w.]+)", str(problem))
        if asked:
            raise _unsafe(path, f"the Python code {shown(asked[1])}") from None
        raise _damaged(path, str(problem).rpartition("WeightsUnpickler error: ")[2]) from None


def _unsafe(path: Path, what: str) -> WeightsError:
    return WeightsError(
        f"{path} holds more than weights: {what}",
        remedy="Nothing of it was run. Where you trust it, load it with PyTorch and save "
        "torch.save(network.state_dict(), file).",
    )


def _damaged(path: Path, reason: str) -> WeightsError:
    first = next(iter(reason.strip().splitlines()), "")
    is_advice = first.startswith("Weights only load failed")  # on reading it without protection
    return WeightsError(
        f"{path} is not a file of torch.save, or damaged",
        remedy="" if is_advice else first[:200],
    )


def _unwrapped(content: Any) -> Any:
    """The table of weights inside a checkpoint."""
    for _ in _WRAPPERS:
        inside = [content.get(name) for name in _WRAPPERS] if isinstance(content, Mapping) else []
        content = next((each for each in inside if isinstance(each, Mapping)), content)
    return content


def _tensors(table: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    import torch

    return [(name, value) for name, value in table.items() if isinstance(value, torch.Tensor)]


def _array(tensor: Any, name: str, path: Path) -> Array:
    import torch

    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized or tensor.is_complex():
        raise WeightsError(
            f"{shown(name)} in {path} is no plain tensor", remedy=f"It is {tensor.type()}."
        )
    tensor = tensor.detach()
    is_narrow = tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64)
    array: Array = (tensor.float() if is_narrow else tensor).numpy()
    return array


def _plain(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays without the prefixes that all names share."""
    found = dict(arrays)
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): array for name, array in found.items()}
    return found
