"""Everything a run needs to go on exactly, in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn, optim

from striate.errors import ModelFileError, RunError
from striate.exchange import fields
from striate.exchange.arrays import read_arrays, write_arrays
from striate.training.average import Average
from striate.training.events import EpochRow
from striate.training.patience import PatienceState

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
    progress: PatienceState = field(default_factory=PatienceState)
    history: tuple[EpochRow, ...] = ()
    finished: bool = False
    data: str = ""
    first_loss: float = 0.0


def save_state(
    path: Path,
    module: nn.Module,
    optimizer: optim.Optimizer,
    position: Position,
    average: Average | None = None,
) -> None:
    """Write weights, their average, optimizer and position atomically.

    Raises:
        ModelFileError: the file cannot be written; the state before it is still there.
    """
    arrays = {f"weights.{key}": _array(value) for key, value in module.state_dict().items()}
    for number, own in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{number}.{key}": _array(value) for key, value in own.items()}
    if average is not None:
        arrays |= {f"average.{key}": _array(value) for key, value in average.state().items()}
    metadata = {"format": FORMAT, "position": asdict(position)}
    write_arrays(path, arrays, metadata)


def load_state(
    path: Path,
    module: nn.Module,
    optimizer: optim.Optimizer,
    average: Average | None = None,
) -> Position:
    """Put weights, their average and optimizer back, and return the position.

    Raises:
        RunError: the file is missing, damaged, or of another run.
    """
    try:
        arrays, metadata = read_arrays(path)
        if metadata.get("format") != FORMAT:
            raise RunError(f"{path} holds no state of a run")
        position = _position(metadata.get("position"))
        weights = {key: _tensor(arrays, f"weights.{key}") for key in module.state_dict()}
        module.load_state_dict(weights)
        _load_optimizer(optimizer, arrays)
        if average is not None:
            average.load({key: _tensor(arrays, f"average.{key}") for key in average.state()})
    except ModelFileError as error:
        raise RunError(error.what, remedy=error.remedy) from None
    except RunError as error:
        raise RunError(f"{path} is damaged, or of another run", remedy=str(error)) from None
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} is damaged, or of another run", remedy=str(error)) from None
    return position


_PROGRESS = fields.fields_of(
    PatienceState,
    best_accuracy=fields.NUMBER,
    best_loss=fields.ANY_NUMBER,
    lowest_error=fields.ANY_NUMBER,
)
_ROW = fields.fields_of(EpochRow, validation_loss=fields.or_none(fields.ANY_NUMBER))
_POSITION = fields.fields_of(Position, progress=fields.TABLE, history=fields.LIST)


def _position(data: object) -> Position:
    """The position, each field of its kind.

    Raises:
        RunError: a field is missing, unknown or of another kind.
    """
    found = fields.checked(data, _POSITION, "the position", RunError)
    progress = fields.checked(found["progress"], _PROGRESS, "the progress", RunError)
    rows = [fields.checked(each, _ROW, "an epoch's row", RunError) for each in found["history"]]
    position = Position(
        **found
        | {"progress": PatienceState(**progress), "history": tuple(EpochRow(**row) for row in rows)}
    )
    at_work = position.step and position.pictures and position.seconds > 0
    if position.finished and not (at_work and rows):
        raise RunError("a run that is finished has made no step")
    return position


def _load_optimizer(optimizer: optim.Optimizer, arrays: Mapping[str, np.ndarray]) -> None:
    whole = optimizer.state_dict()
    weights = [each for group in optimizer.param_groups for each in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key in arrays:
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = _tensor(arrays, key)
    for place, own in state.items():
        _check_state(optimizer, weights[place], own)
    optimizer.load_state_dict({**whole, "state": state})


def _check_state(
    optimizer: optim.Optimizer, weight: torch.Tensor, own: Mapping[str, torch.Tensor]
) -> None:
    """Refuse what the kernels of an optimizer would read beyond: they ask for no size.

    Raises:
        ValueError: an array is missing, unknown, or of another shape than its weight.
    """
    adam = isinstance(optimizer, optim.Adam | optim.AdamW)
    wanted = {"step", "exp_avg", "exp_avg_sq"} if adam else {"momentum_buffer"}
    if {*own} != wanted:
        raise ValueError(f"The optimizer keeps {sorted(wanted)}, not {sorted(own)}.")
    for name, tensor in own.items():
        fits = tensor.numel() == 1 if name == "step" else tensor.shape == weight.shape
        if not fits or tensor.dtype != torch.float32:
            raise ValueError(f"{name} of a weight {tuple(weight.shape)} is {tuple(tensor.shape)}.")


def _tensor(arrays: Mapping[str, np.ndarray], key: str) -> torch.Tensor:
    # A copy: what PyTorch allocates is aligned, so that vector code rounds as it did before.
    return torch.from_numpy(np.ascontiguousarray(arrays[key])).clone()


def _array(value: Any) -> np.ndarray:
    array: np.ndarray = torch.as_tensor(value).detach().cpu().contiguous().numpy()
    return array
