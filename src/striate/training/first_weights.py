"""First weights: drawn, and where a start file has some, taken from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import IdleSettingError, ModelFileError
from striate.exchange.arrays import flat, read_arrays, write_arrays
from striate.graph import Graph
from striate.initialize import initialize
from striate.lookup import check_kind
from striate.model import FORMAT as MODEL_FORMAT
from striate.model import Model
from striate.ops.arrays import Weights
from striate.training.recipe import Recipe

FORMAT = "striate-start-1"


def first_weights(graph: Graph, recipe: Recipe, model: Model | None = None) -> Weights:
    """The weights a run begins with.

    Args:
        model: what it starts from as a whole, already read.

    Raises:
        SettingError: no such initializer.
        IdleSettingError: an initializer, and no weight is left to draw.
        ModelFileError: the start file is missing, damaged, or of another network.
    """
    if model is not None:
        return {node: dict(own) for node, own in model.weights.items()}
    drawn = initialize(
        graph, seed=recipe.seed, scheme=recipe.initializer, biases=recipe.bias_initializer
    )
    if recipe.start:
        started = read_start(Path(recipe.start))
        _check_drawn(recipe, [key for key in flat(drawn) if key not in started])
        for key, array in started.items():
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
    """The arrays of a start file, or of a model file, by conv1.weight.

    Raises:
        ModelFileError: it is missing, damaged, or something else.
    """
    check_kind(path, "one of weights")
    arrays, metadata = read_arrays(path)
    if metadata.get("format") not in (FORMAT, MODEL_FORMAT):
        raise ModelFileError(
            f"{path} holds no first weights",
            remedy="`striate pretrain` and `striate train` write files that do.",
        )
    return arrays


def _check_drawn(recipe: Recipe, drawn: Sequence[str]) -> None:
    """Refuse an initializer where the start file has every weight that it would draw.

    Raises:
        IdleSettingError: it names both.
    """
    usual = Recipe()
    for name, is_bias in (("initializer", False), ("bias_initializer", True)):
        given = getattr(recipe, name)
        left = [key for key in drawn if key.endswith(".bias") == is_bias]
        if given != getattr(usual, name) and not left:
            raise IdleSettingError(
                f"{name} is {given}, which does nothing where start has every such weight",
                setting=name,
                remedy="Leave one of them out.",
            )


def write_start(path: Path, weights: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """Write some nodes' weights for `Recipe.start`.

    Raises:
        ModelFileError: the file cannot be written.
    """
    write_arrays(path, flat(weights), {"format": FORMAT})
