"""Network and pictures made ready: a session without a folder, or why there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from striate.capacity import check
from striate.data import DataSet, Preprocessing
from striate.data.catalog import kept_place, named
from striate.data.sources import called, expanded
from striate.data.tree import Tree
from striate.graph import Graph
from striate.training.ending import class_weights, ended
from striate.training.events import Listener, Loading
from striate.training.first_weights import FirstWeights, first_weights
from striate.training.fit import (
    check_classes,
    check_fit,
    check_trainable,
    check_validation,
    loaded,
    picture_shape,
    suited,
    surveyed,
)
from striate.training.freezing import frozen_nodes
from striate.training.loop import Origin, Session, preprocessing_of
from striate.training.ranks import ALONE, Ranks
from striate.training.recipe import Recipe
from striate.training.requirements import check_network
from striate.training.run_folder import RunFolder
from striate.training.subject import TrainingSubject, matched


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for, all of it read but the pictures.

    Args:
        data: the pictures, or what finds them.
        data_dir: where named data sets lie, if a place was named.
    """

    subject: TrainingSubject
    data: DataSet | str | Path | Tree
    data_dir: Path | str | None
    recipe: Recipe


def prepared(request: RunRequest, listen: Listener, ranks: Ranks = ALONE) -> Session:
    """A session without a folder: a request that is refused leaves nothing behind.

    Raises:
        StriateError: network, pictures, first weights and recipe do not go together.
    """
    subject, recipe = request.subject, request.recipe
    network = _checked_early(request)
    pictures = matched(subject, _loaded(request, network, listen))
    if subject.fits:
        network = suited(network, surveyed(pictures))
    network = ended(network, recipe, class_weights(recipe, pictures))
    check(network, recipe.part_size(len(pictures.train)), training=True)
    first = first_weights(network, recipe, pictures.classes, subject.model)
    check_fit(network, pictures, recipe)
    return Session(
        network,
        pictures,
        recipe,
        RunFolder(Path()),
        listen,
        first.weights,
        origin=Origin(_source(request.data), _place(request.data, request.data_dir)),
        preprocessing=_preprocessing(subject, first, pictures, recipe),
        start=subject.start or recipe.start,
        notes=(*_adapted(subject, network), *subject.notes, *first.notes),
        ranks=ranks,
    )


def _checked_early(request: RunRequest) -> Graph:
    """The network as far as it is known before pictures are loaded, which can take minutes."""
    subject, recipe, data = request.subject, request.recipe, request.data
    picture_shape(subject.graph)
    known = surveyed(data)
    network = suited(subject.graph, known) if subject.fits else subject.graph
    check_trainable(network)
    frozen_nodes(network, recipe.freeze)
    check_classes(network, known.classes, called(data), subject.start)
    check_validation(recipe, data, known)
    check_network(recipe, network)
    return network


def _loaded(request: RunRequest, network: Graph, listen: Listener) -> DataSet:
    if isinstance(request.data, DataSet):
        return request.data
    is_open = request.subject.fits and surveyed(request.data).channels is None
    return loaded(
        network,
        request.data,
        request.data_dir,
        request.recipe,
        gray_or_color=is_open,
        progress=telling(listen),
    )


def telling(listen: Listener) -> Callable[[int, int, str], None]:
    """What tells a listener how much of the pictures is loaded."""
    return lambda done, total, what: listen(Loading(done, total, what))


def _preprocessing(
    subject: TrainingSubject, first: FirstWeights, data: DataSet, recipe: Recipe
) -> Preprocessing | None:
    """How pictures are prepared where the first weights decide it; None where the data does.

    A model goes on with what it learned to be given. So do weights of a start file, unless the
    recipe leaves the pictures as they are, or they have other channels.
    """
    known = first.preprocessing
    if subject.model is not None or known is None:
        return known
    if not recipe.normalize or known.channels != data.shape[0]:
        return None
    return replace(preprocessing_of(data, recipe), mean=known.mean, std=known.std)


def _adapted(subject: TrainingSubject, network: Graph) -> tuple[str, ...]:
    was, now = (
        (each.specs[each.inputs[0].name], each.specs[each.scores.name].size)
        for each in (subject.graph, network)
    )
    if was == now:
        return ()
    return (f"{subject.name} is fitted to the data: INPUT {now[0]}, {now[1]} classes",)


def _place(data: DataSet | str | Path | Tree, data_dir: Path | str | None) -> str | None:
    """Where named data sets lie, so that it is known in any folder; None for the user's cache."""
    usual = os.environ.get("STRIATE_DATA") if isinstance(data, str) else None
    place = kept_place(data.name if isinstance(data, DataSet) else data, data_dir or usual)
    return str(expanded(place).resolve()) if place else None


def _source(data: DataSet | str | Path | Tree) -> str:
    """What finds the pictures again: a name, or a folder's whole path."""
    where = called(data)
    name = named(where) if not isinstance(data, Path) else ""
    if name or isinstance(data, Tree) or not expanded(where).exists():
        return name or where
    return str(expanded(where).resolve())
