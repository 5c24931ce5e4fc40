"""First weights: drawn, and where a start file has some that fit, taken from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data import Preprocessing
from striate.display import shape_text
from striate.errors import IdleSettingError, ModelFileError
from striate.exchange.arrays import flat, read_arrays, write_arrays
from striate.exchange.fitting import fit_weights
from striate.exchange.state import PICKLES
from striate.graph import Graph
from striate.initialize import initialize
from striate.lookup import check_kind, model_of
from striate.model import FORMAT as MODEL_FORMAT
from striate.model import Model
from striate.ops.arrays import Weights
from striate.passes.fit import heads
from striate.training.recipe import Recipe

FORMAT = "striate-start-1"

NAMED = 6
"""Weights of a kind that a note names; the others are counted."""


@dataclass(frozen=True)
class FirstWeights:
    """What a run begins with.

    Args:
        weights: node -> weight name -> array.
        notes: what was taken from a start file, and what was not.
        preprocessing: what the weights that were taken have learned to be given, if that is known.
    """

    weights: Weights
    notes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None


@dataclass(frozen=True)
class StartFile:
    """The arrays of a start file, by conv1.weight, and what it says of them.

    Args:
        model: what the file is, where it is a model.
        misfits: what of a file of others did not fit, for a person.
    """

    path: Path
    arrays: Mapping[str, NDArray[Any]]
    model: Model | None = None
    misfits: tuple[str, ...] = ()


def first_weights(
    graph: Graph, recipe: Recipe, classes: Sequence[str], model: Model | None = None
) -> FirstWeights:
    """The weights a run begins with.

    Of a start file each weight is taken that fits one of the network's: by name, or of the files
    of others as `striate.fit_weights` finds it. The layers that give the scores keep theirs only
    where they learned these classes, as far as the file names its classes.

    Args:
        classes: of the pictures, by index of the scores.
        model: what it starts from as a whole, already read.

    Raises:
        SettingError: no such initializer.
        IdleSettingError: an initializer, and no weight is left to draw.
        ModelFileError: the start file is missing, damaged, or nothing in it fits the network.
    """
    if model is not None:
        kept = {node: dict(own) for node, own in model.weights.items()}
        return FirstWeights(kept, preprocessing=model.preprocessing)
    drawn = initialize(
        graph, seed=recipe.seed, scheme=recipe.initializer, biases=recipe.bias_initializer
    )
    if not recipe.start:
        return FirstWeights(drawn)
    start = read_start(Path(recipe.start), graph)
    wanted = flat(drawn)
    taken = dict(_fitting(graph, start, wanted, classes))
    if not taken:
        raise ModelFileError(
            f"no weight in {recipe.start} fits the network",
            where=_pair(wanted, start),
            remedy="It was made for another network.",
        )
    _check_drawn(recipe, [key for key in wanted if key not in taken])
    for key, array in taken.items():
        node, _, name = key.rpartition(".")
        drawn[node][name] = array.astype(np.float32)
    prepared = start.model.preprocessing if start.model is not None else None
    return FirstWeights(drawn, tuple(_notes(start, wanted, taken)), prepared)


def read_start(path: Path, graph: Graph) -> StartFile:
    """A model file, the best model of a run folder, or weights alone: ours, or those of others.

    Args:
        graph: the network, whose names the weights of others get.

    Raises:
        ModelFileError, WeightsError: it is missing, damaged, or something else.
    """
    if path.is_dir():
        return _of_model(path)
    if path.suffix.lower() in PICKLES:
        return _of_others(path, graph)
    check_kind(path, "one of weights")
    arrays, metadata = read_arrays(path)
    known = metadata.get("format")
    if known == MODEL_FORMAT:
        return _of_model(path)
    if known == FORMAT:
        return StartFile(path, arrays)
    if known is None:
        return _of_others(path, graph)
    raise ModelFileError(
        f"{path} holds no first weights",
        remedy="`striate pretrain` and `striate train` write files that do.",
    )


def _of_others(path: Path, graph: Graph) -> StartFile:
    """What fits under our names, and the rest under theirs."""
    found = fit_weights(graph, path)
    return StartFile(path, flat(found.weights), misfits=found.misfits)


def _of_model(path: Path) -> StartFile:
    model = model_of(path)
    return StartFile(path, flat(model.weights), model)


def _fitting(
    graph: Graph, start: StartFile, wanted: Mapping[str, NDArray[Any]], classes: Sequence[str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of the file that fit, units of the scores in the order of `classes`."""
    known = None if start.model is None else start.model.classes
    ends = heads(graph) if known is not None else ()
    for key, array in start.arrays.items():
        if key not in wanted or wanted[key].shape != array.shape:
            continue
        if known is None or key.rpartition(".")[0] not in ends:
            yield key, array
        elif sorted(known) == sorted(classes):
            yield key, array[[known.index(each) for each in classes]]


def _notes(
    start: StartFile, wanted: Mapping[str, NDArray[Any]], taken: Mapping[str, NDArray[Any]]
) -> Iterator[str]:
    """How many weights were taken, and by name those that were not."""
    yield f"{len(taken)} of the {len(wanted)} weights are those of {start.path}"
    if start.misfits:
        yield from start.misfits
        return
    fresh = [
        f"{key} {shape_text(array.shape)}{_instead(array, start.arrays.get(key))}"
        for key, array in wanted.items()
        if key not in taken
    ]
    if fresh:
        yield f"drawn: {_listed(fresh)}"
    unused = [
        f"{key} {shape_text(array.shape)}"
        for key, array in start.arrays.items()
        if key not in wanted
    ]
    if unused:
        yield f"not used, for the network has none of that name: {_listed(unused)}"


def _instead(array: NDArray[Any], there: NDArray[Any] | None) -> str:
    """Why an array of the same name was not taken."""
    if there is None:
        return ""
    if there.shape == array.shape:
        return " (of other classes there)"
    return f" ({shape_text(there.shape)} there)"


def _pair(wanted: Mapping[str, NDArray[Any]], start: StartFile) -> str:
    """The first weights of both, side by side; of a file of others what does not fit."""
    ours, theirs = (
        _listed([f"{key} {shape_text(array.shape)}" for key, array in each.items()])
        for each in (wanted, start.arrays)
    )
    there = f"the file has {theirs}" if theirs else "; ".join(start.misfits)
    return f"the network has {ours}\n{there}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


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
