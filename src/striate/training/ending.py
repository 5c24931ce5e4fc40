"""The loss that a network is trained with: its own, with what the recipe asks of it."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from striate.data import DataSet
from striate.errors import SettingError, did_you_mean
from striate.exchange import yaml_file
from striate.graph import Graph
from striate.passes.attach_loss import with_loss
from striate.training.recipe import BALANCED, Recipe
from striate.training.requirements import SMOOTHED, WEIGHED, check_network

ClassWeights = tuple[float, ...]


def ended(graph: Graph, recipe: Recipe, class_weights: ClassWeights | None = None) -> Graph:
    """The graph with the loss that it is trained with.

    Args:
        class_weights: of the recipe, by index of the scores, once the data is known.

    Raises:
        IdleSettingError: the recipe asks something of a loss that has no such setting.
    """
    check_network(recipe, graph)
    smoothed = _changed(with_loss(graph), SMOOTHED, "smoothing", 0.0, recipe.smoothing)
    return _changed(smoothed, WEIGHED, "class_weights", None, class_weights)


def bare(graph: Graph, recipe: Recipe) -> tuple[Graph, ClassWeights | None]:
    """The graph that `ended` was given, and the weights of classes that it added."""
    plain = _changed(graph, SMOOTHED, "smoothing", recipe.smoothing, 0.0)
    if not recipe.class_weights:
        return plain, None
    weights = getattr(graph.nodes[-1].operator, "class_weights", None)
    return _changed(plain, WEIGHED, "class_weights", weights, None), weights


def _changed(
    graph: Graph, kinds: tuple[type[Any], ...], name: str, before: object, after: object
) -> Graph:
    """The graph whose loss has a setting `after` where it had `before`."""
    *others, last = graph.nodes
    loss = last.operator
    if not isinstance(loss, kinds) or getattr(loss, name) != before or before == after:
        return graph
    changed = replace(last, operator=replace(loss, **{name: after}))
    return Graph((*others, changed), graph.auxiliary)


def class_weights(recipe: Recipe, data: DataSet) -> ClassWeights | None:
    """What each class counts in the loss; None where all count the same.

    Raises:
        SettingError: the file lacks a class, or holds what is no class or no weight.
    """
    if not recipe.class_weights:
        return None
    if recipe.class_weights == BALANCED:
        counts = np.bincount(data.train.labels, minlength=len(data.classes))
        weights = len(data.train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return tuple(map(float, weights))
    return _written(Path(recipe.class_weights), data.classes)


def _written(path: Path, classes: tuple[str, ...]) -> ClassWeights:
    found = yaml_file.read_table(path, SettingError, "weights by class")
    strange = [name for name in found if name not in classes]
    missing = [name for name in classes if name not in found]
    if strange or missing:
        what = f"has a weight for {strange[0]}" if strange else f"has no weight for {missing[0]}"
        raise SettingError(
            f"{path} {what}",
            remedy=(did_you_mean(strange[0], classes) if strange else "")
            or f"It is a line for each class: {classes[0]}: 1.0. They are {_listed(classes)}.",
        )
    for name, value in found.items():
        if type(value) not in (int, float) or not (isfinite(value) and value >= 0):
            raise SettingError(
                f"{path} gives {name} the weight {value!r:.40}", remedy="It is a number from 0 up."
            )
    if not any(found.values()):
        raise SettingError(f"{path} gives every class the weight 0", remedy="Nothing would count.")
    return tuple(float(found[name]) for name in classes)


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
