"""Pictures and labels: where they come from, and how they reach a network.

`load` answers with a `DataSet`, `inspect` with what to know of one; `Batches` walks through it;
`Augment` distorts a batch; `Preprocessing` turns any picture into the input of a network. Loading a
picture loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.data.catalog import NAMES, load
from striate.data.dataset import DataSet, Split
from striate.data.distort import Augment, suited_fill
from striate.data.inspection import Inspection, inspect
from striate.data.preprocess import Preprocessing
from striate.data.stream import Stream
from striate.data.survey import Survey, survey

if TYPE_CHECKING:
    from striate.data.batches import Batches

__all__ = [
    "NAMES",
    "Augment",
    "Batches",
    "DataSet",
    "Inspection",
    "Preprocessing",
    "Split",
    "Stream",
    "Survey",
    "inspect",
    "load",
    "suited_fill",
    "survey",
]


def __getattr__(name: str) -> Any:
    # Batches needs torch, which takes a second to load; nothing else here does.
    if name == "Batches":
        from striate.data.batches import Batches

        return Batches
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
