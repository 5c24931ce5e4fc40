"""Weights between PyTorch modules and NumPy: node -> weight name -> array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.display import shape_text
from striate.errors import WeightsError, did_you_mean
from striate.ops.arrays import Weights
from striate.passes.attention import unpacked

_COUNTER = "num_batches_tracked"
"""PyTorch counts batches in a buffer of its own; no formula reads it."""


def weights_of(module: nn.Module) -> dict[str, dict[str, NDArray[Any]]]:
    """Copies of the weights and statistics of a module, by node and name, in row-major order.

    A weight that several layers share is that of the first.
    """
    return {
        name: {key: _array(value) for key, value in own.items()}
        for name, own in _tensors(module).items()
    }


def load_weights(module: nn.Module, weights: Weights) -> None:
    """Copy weights into a module, all of them or, when one does not fit, none.

    Raises:
        WeightsError: some are missing, unexpected or have another shape; names are told.
    """
    wanted = _flat(_tensors(module))
    given = unpacked(_flat(weights), wanted)
    _check_names(wanted, given)
    for key, array in given.items():
        if tuple(array.shape) != tuple(wanted[key].shape):
            raise WeightsError(
                f"{key} has the shape {shape_text(array.shape)}, but the network needs "
                f"{shape_text(wanted[key].shape)}",
                remedy="Were the weights made for another network?",
            )
    with torch.no_grad():
        for key, array in given.items():
            wanted[key].copy_(torch.from_numpy(np.require(array, requirements=["C", "W"])))


def _tensors(module: nn.Module) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    seen = set[int]()
    for name, tensor in _unwrapped(module).state_dict(keep_vars=True).items():
        node, _, key = name.rpartition(".")
        if key != _COUNTER and id(tensor) not in seen:
            found.setdefault(node, {})[key] = tensor
            seen.add(id(tensor))
    return found


def _unwrapped(module: nn.Module) -> nn.Module:
    """The network inside torch.compile's or distributed training's wrapper."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        return _unwrapped(module.module)
    inner = getattr(module, "_orig_mod", None)
    return _unwrapped(inner) if isinstance(inner, nn.Module) else module


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return np.array(array, order="C")


def _flat(weights: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"{node}.{key}" if node else key: value
        for node, own in weights.items()
        for key, value in own.items()
        if key != _COUNTER
    }


def _check_names(wanted: Mapping[str, object], given: Mapping[str, object]) -> None:
    missing = [key for key in wanted if key not in given]
    unexpected = [key for key in given if key not in wanted]
    if not missing and not unexpected:
        return
    parts = [
        f"{kind}: {', '.join(keys[:5])}{f' and {len(keys) - 5} more' if len(keys) > 5 else ''}"
        for kind, keys in (("missing", missing), ("unexpected", unexpected))
        if keys
    ]
    near = did_you_mean(unexpected[0], missing) if unexpected and missing else ""
    raise WeightsError(
        "the weights do not fit the network",
        where="\n".join(parts),
        remedy=near or "Were they made for another network?",
    )
