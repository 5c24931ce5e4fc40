"""Everything a run needs to go on exactly, in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn, optim

from striate.errors import ModelFileError, RunError
from striate.exchange.arrays import read_arrays, write_arrays
from striate.training.events import Row
from striate.training.patience import Progress

FORMAT = "striate-run-1"


@dataclass(frozen=True)
class Position:
    """Where a run is, between two steps.

    Args:
        epoch: whole epochs done.
        batch: batches done of the next one.
        step: optimizer steps done.
        loss_sum, correct, seen: sums over the batches of the unfinished epoch.
        seconds: of training so far.
        pictures: trained on so far.
        progress: the best look so far.
        history: one row an epoch.
        finished: whether nothing is left to do.
        data: fingerprint of the training pictures.
        first_loss: of the first step of all.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    pictures: int = 0
    progress: Progress = field(default_factory=Progress)
    history: tuple[Row, ...] = ()
    finished: bool = False
    data: str = ""
    first_loss: float = 0.0


def save_state(
    path: Path, module: nn.Module, optimizer: optim.Optimizer, position: Position
) -> None:
    """Write weights, optimizer and position atomically.

    Raises:
        RunError: the file cannot be written; the state before it is still there.
    """
    arrays = {f"weights.{key}": _array(value) for key, value in module.state_dict().items()}
    for number, own in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{number}.{key}": _array(value) for key, value in own.items()}
    metadata = {"format": FORMAT, "position": asdict(position)}
    try:
        write_arrays(path, arrays, metadata)
    except ModelFileError as error:
        raise RunError(error.what, remedy=error.remedy) from None


def load_state(path: Path, module: nn.Module, optimizer: optim.Optimizer) -> Position:
    """Put weights and optimizer back, and return the position.

    Raises:
        RunError: the file is missing, damaged, or of another run.
    """
    try:
        arrays, metadata = read_arrays(path)
        if metadata.get("format") != FORMAT:
            raise RunError(f"{path} holds no state of a run")
        position = _position(metadata["position"])
        weights = {key: _tensor(arrays, f"weights.{key}") for key in module.state_dict()}
        module.load_state_dict(weights)
        _load_optimizer(optimizer, arrays)
    except ModelFileError as error:
        raise RunError(error.what, remedy=error.remedy) from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} is damaged, or of another run", remedy=str(error)) from None
    return position


def _position(fields: Mapping[str, Any]) -> Position:
    return replace(
        Position(**fields),
        progress=Progress(**fields["progress"]),
        history=tuple(Row(**row) for row in fields["history"]),
    )


def _load_optimizer(optimizer: optim.Optimizer, arrays: Mapping[str, np.ndarray]) -> None:
    whole = optimizer.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key in arrays:
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = _tensor(arrays, key)
    optimizer.load_state_dict({**whole, "state": state})


def _tensor(arrays: Mapping[str, np.ndarray], key: str) -> torch.Tensor:
    # A copy: what PyTorch allocates is aligned, so that vector code rounds as it did before.
    return torch.from_numpy(np.ascontiguousarray(arrays[key])).clone()


def _array(value: Any) -> np.ndarray:
    array: np.ndarray = torch.as_tensor(value).detach().cpu().contiguous().numpy()
    return array
