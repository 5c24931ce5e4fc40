"""The numbers that figures show: of the graph's own nodes, by PyTorch in float64, node by node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.analysis.subject import (
    Picture,
    ReadyNetwork,
    Subject,
    name_of_target,
    network_of,
    picture_of,
    target_of,
)
from striate.capacity import check
from striate.drawing.blocks import boxes, chains
from striate.errors import ExplanationError, UnknownNameError, did_you_mean
from striate.graph import Graph, Node
from striate.ops.arrays import Array
from striate.prediction import probabilities

MOST_LAYERS = 24
"""Layers of which every node is shown; of larger networks, what each block ends in."""


@dataclass(frozen=True)
class Shown:
    """A network with a picture, and what it makes of it.

    Args:
        values: by node, without the axis of the batch.
        target: the class that errors are taken for, as a person names it; "" for values.
        notes: what a reader should know.
        loss: of the target, where there is one.
    """

    network: ReadyNetwork
    picture: Picture
    values: Mapping[str, Array]
    target: str = ""
    notes: tuple[str, ...] = ()
    loss: float | None = None


def values_of(
    subject: Subject,
    picture: object,
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
) -> Shown:
    """Every value of a network for one picture; the arguments are those of `striate.why`."""
    import torch

    from striate.pytorch.evaluate import every_value

    network = network_of(subject, seed, weights)
    check(network.graph, 1, number=8)
    taken = picture_of(network, picture, data_dir, ink)
    found = every_value(network.graph, network.weights, [taken.exact], torch.float64)
    values = {name: value[0] for name, value in found.items()}
    return Shown(network, taken, values, notes=_notes(network))


def errors_of(shown: Shown, target: object = None) -> Shown:
    """The gradient of the loss by every value, instead of the values.

    Args:
        target: the right class; None for that of a test picture, else for the predicted one.

    Raises:
        ExplanationError: the network has no loss.
        UnknownNameError: no class is called so.
    """
    from striate.pytorch.evaluate import values_and_gradients

    network = shown.network
    if network.graph.loss is None:
        raise ExplanationError(
            "the network has no loss, so no number has a gradient",
            where=network.lossless,
            remedy="Draw its maps.",
        )
    wanted = target_of(network, target if target is not None else shown.picture.label or None)
    guess = "" if wanted is not None else ", the class that is predicted"
    if wanted is None:
        scores = shown.values[network.scores][None]
        wanted = np.array([probabilities(network.graph.upto(network.scores), scores).argmax()])
    found = values_and_gradients(network.graph, network.weights, shown.picture.exact, wanted)
    graph = network.graph
    exits = [each.node for each in graph.auxiliary if each.weight]
    leading = graph.ancestors([network.graph.loss.name, *exits])
    gradients = {
        name: each[0]
        for name, each in found.gradients.items()
        if name in leading and name in shown.values
    }
    loss = float(found.values[network.graph.loss.name][0])
    said = _named(network, wanted) + guess
    return Shown(network, shown.picture, gradients, said, shown.notes, loss)


def _named(network: ReadyNetwork, target: Array) -> str:
    if target.size != 1 or target.dtype.kind == "f":
        return "wanted values"
    return name_of_target(network, int(target.item()))


def _notes(network: ReadyNetwork) -> tuple[str, ...]:
    return (network.note,) if network.note else ()


def layer_of(graph: Graph, layer: str) -> Node:
    """The node of that name.

    Raises:
        UnknownNameError: there is none; near names are given.
    """
    if layer in graph:
        return graph[layer]
    names = [node.name for node in graph]
    shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    raise UnknownNameError(
        f"no layer is called {layer}", remedy=did_you_mean(layer, names) or f"There are: {shown}."
    )


def layers_of(graph: Graph, layer: str = "") -> tuple[Node, ...]:
    """The nodes to show: the one that is named, all of a small network, or where blocks end."""
    if layer:
        return (layer_of(graph, layer),)
    if len(graph) <= MOST_LAYERS:
        return graph.nodes
    ends = {
        box.nodes[-1] for chain in chains(graph, is_open=False) for box in boxes(chain) if box.nodes
    }
    return tuple(node for node in graph if node.name in ends)


def colors_of(picture: Picture) -> Array:
    """A picture as matplotlib shows it: gray in 0..1, or three colors."""
    if picture.pixels is not None:
        array = picture.pixels
        return array[0] / 255 if len(array) == 1 else array.transpose(1, 2, 0)
    return gray_of(picture)


def gray_of(picture: Picture) -> Array:
    """A picture in gray from 0 to 1: the mean of its channels."""
    if picture.pixels is not None:
        gray: Array = picture.pixels.mean(axis=0) / 255
        return gray
    mean: Array = picture.exact[0].mean(axis=0)
    return (mean - mean.min()) / ((mean.max() - mean.min()) or 1.0)
