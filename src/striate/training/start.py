"""First weights: drawn, and where a start file has some, taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import ModelFileError
from striate.exchange.arrays import flat, read_arrays, write_arrays
from striate.graph import Graph
from striate.initialize import initialize
from striate.ops.arrays import Weights
from striate.training.recipe import Recipe

FORMAT = "striate-start-1"


def first_weights(graph: Graph, recipe: Recipe) -> Weights:
    """The weights a run begins with.

    Raises:
        SettingError: no such initializer.
        ModelFileError: the start file is missing, damaged, or of another network.
    """
    drawn = initialize(
        graph, seed=recipe.seed, scheme=recipe.initializer, biases=recipe.bias_initializer
    )
    if recipe.start:
        for key, array in read_start(Path(recipe.start)).items():
            node, _, name = key.rpartition(".")
            known = drawn.get(node, {}).get(name)
            if known is None or known.shape != array.shape:
                has = "does not have" if known is None else f"has as {known.shape}"
                raise ModelFileError(
                    f"{recipe.start} holds {key} {array.shape}, which the network {has}",
                    remedy="It was made for another network.",
                )
            drawn[node][name] = array.astype(np.float32)
    return drawn


def read_start(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a start file, by conv1.weight.

    Raises:
        ModelFileError: it is missing, damaged, or something else.
    """
    arrays, metadata = read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{path} is no start file", remedy="`striate pretrain` writes them.")
    return arrays


def write_start(path: Path, weights: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """Write some nodes' weights for `Recipe.start`.

    Raises:
        ModelFileError: the file cannot be written.
    """
    write_arrays(path, flat(weights), {"format": FORMAT})
