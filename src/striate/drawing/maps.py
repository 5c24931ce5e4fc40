"""What a network holds and makes: its kernels, the maps of a picture, and their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.analysis.subject import ReadyNetwork, Subject, network_of
from striate.display import shape_text
from striate.drawing.panels import Panel, Tile, drawn, fitted
from striate.drawing.style import LIGHT, Style, short
from striate.drawing.values import Shown, errors_of, layer_of, layers_of, values_of
from striate.errors import ExplanationError
from striate.graph import Node
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TILES = 512
"""Maps that are shown of one layer."""

MOST_NAMED = 12
"""Units of a flat value that have their classes written under them."""

MOST_CELLS = 256
"""Rows and columns of a matrix that are shown."""

SCALES = "Each layer has a scale of its own: white is zero, red above it, blue below."


def maps(
    subject: Subject,
    picture: object,
    layer: str = "",
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
    style: Style = LIGHT,
) -> Figure:
    """What every layer makes of a picture, a small picture a channel.

    Args:
        subject, picture: as `striate.why` takes them, and the arguments after `layer`.
        layer: the only node to show, with all its channels; else a row of each.

    Raises:
        UnknownNameError: there is no such layer.
        DataError, WeightsError: the picture cannot be read, the weights do not fit.
    """
    shown = values_of(subject, picture, seed=seed, weights=weights, data_dir=data_dir, ink=ink)
    return _figure("maps", shown, layer, style)


def errors(
    subject: Subject,
    picture: object,
    layer: str = "",
    *,
    target: object = None,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
    style: Style = LIGHT,
) -> Figure:
    """The gradient of the loss by what every layer makes of a picture; see `maps`.

    Args:
        target: the right class; None for that of a test picture, else for the predicted one.

    Raises:
        ExplanationError: the network has no loss.
    """
    shown = values_of(subject, picture, seed=seed, weights=weights, data_dir=data_dir, ink=ink)
    return _figure("gradients of the loss", errors_of(shown, target), layer, style)


def _figure(kind: str, shown: Shown, layer: str, style: Style) -> Figure:
    network = shown.network
    nodes = [node for node in layers_of(network.graph, layer) if _is_shown(node, shown)]
    if not nodes:
        raise ExplanationError(f"{layer} is one number", remedy=f"Ask striate why for {layer}.")
    most = MOST_TILES if layer else 0
    panels = [_map_panel(network, node, shown.values[node.name], most) for node in nodes]
    target = f", for the target {shown.target}" if shown.target else ""
    all_of = len(nodes) == sum(_is_shown(node, shown) for node in network.graph)
    blocks = () if layer or all_of else ("What each block ends in; --layer shows any node.",)
    return drawn(f"{kind}{target}", (SCALES, *blocks, *shown.notes), panels, style)


def _is_shown(node: Node, shown: Shown) -> bool:
    return node.name in shown.values and shown.values[node.name].ndim > 0


def _map_panel(network: ReadyNetwork, node: Node, value: Array, most: int) -> Panel:
    head = f"{node.name}  {network.graph.specs[node.name]}"
    if value.ndim == 1 or value[0].size == 1:
        return _flat_panel(network, node.name, head, value.reshape(-1))
    tiles = [Tile(f"{node.name}[{c}]", _flattened(value[c])) for c in range(len(value))]
    return fitted(head, tiles, smallest=18, largest=110 if most else 50, most=most)


def _flat_panel(network: ReadyNetwork, name: str, head: str, value: Array) -> Panel:
    """A flat value as one strip; of few units a cell each, with the classes' names."""
    is_named = len(value) == len(network.classes) <= MOST_NAMED
    if len(value) <= MOST_NAMED:
        words = network.classes if is_named else [str(k) for k in range(len(value))]
        tiles = [
            Tile(f"{name}[{k}]", value[k].reshape(1, 1), short(word, 11))
            for k, word in enumerate(words)
        ]
        return Panel(head, tuple(tiles), (56.0, 16.0), MOST_NAMED)
    per_row = min(len(value), 4 * MOST_CELLS)
    padded = np.full(-(-len(value) // per_row) * per_row, np.nan)
    padded[: len(value)] = value
    rows = padded.reshape(-1, per_row)
    return Panel(head, (Tile(name, rows),), (760.0, 10.0 * len(rows)), 1)


def _flattened(map_: Array) -> Array:
    """A map as two axes: steps in one row, depths under each other."""
    return map_.reshape(-1, map_.shape[-1]) if map_.ndim else map_.reshape(1, 1)


def kernels(
    subject: Subject,
    layer: str = "",
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    style: Style = LIGHT,
) -> Figure:
    """The kernels of every layer that has some, or all those of one.

    A row of small pictures is one input channel, a column one output channel.

    Args:
        subject, seed, weights: as `striate.why` takes them.
        layer: the only node to show.

    Raises:
        UnknownNameError: there is no such layer.
        ExplanationError: it has no kernels.
    """
    network = network_of(subject, seed, weights)
    graph = network.graph
    nodes: Sequence[Node] = (layer_of(graph, layer),) if layer else graph.nodes
    panels = [each for node in nodes for each in _kernel_panels(network, node, bool(layer))]
    if not panels:
        kernels_ = [node.name for node in graph if _has_kernels(network, node)]
        raise ExplanationError(
            f"{layer or 'the network'} has no kernels",
            remedy=f"There are those of {', '.join(kernels_[:12])}." if kernels_ else "",
        )
    note = (network.note,) if network.note else ()
    rows = "A row holds the kernels of one input channel, a column those of one output channel."
    return drawn("kernels", (SCALES, rows, *note), panels, style)


def _has_kernels(network: ReadyNetwork, node: Node) -> bool:
    own = network.graph.own_weights(node)
    return any(len(weight.shape) > 1 for weight in own.values())


def _kernel_panels(network: ReadyNetwork, node: Node, is_alone: bool) -> Iterator[Panel]:
    for name, weight in network.graph.own_weights(node).items():
        if len(weight.shape) < 2:
            continue
        array = np.asarray(network.weights[node.name][name], dtype=np.float64)
        said = f"{node.name}.{name}  {shape_text(weight.shape)}"
        if len(network.graph.specs[node.name].spatial) == array.ndim - 1:
            array = array[:, None]  # one kernel a connection, as a table of wires has them
        yield _kernel_panel(f"{node.name}.{name}", said, array, is_alone)


def _kernel_panel(name: str, head: str, array: Array, is_alone: bool) -> Panel:
    """One weight: a picture a kernel, or where kernels have one cell a matrix."""
    if array.ndim == 2 or all(n == 1 for n in array.shape[2:]):
        return _matrix(name, head, array.reshape(array.shape[:2]))
    wide = array.shape[-1]
    side = min(max(wide * 5.0, 14.0), 60.0)
    columns = min(len(array), int(764 // (side + 4)))
    rows = min(array.shape[1], 64 if is_alone else 3)
    tiles = tuple(
        Tile(f"{name}[{o},{c}]", _flattened(array[o, c]))
        for c in range(rows)
        for o in range(columns)
    )
    cut = columns < len(array) or rows < array.shape[1]
    more = f"; {columns} of {len(array)} outputs, {rows} of {array.shape[1]} inputs" if cut else ""
    height = side * tiles[0].cells.shape[0] / wide
    return Panel(head + more, tiles, (side, height), columns)


def _matrix(name: str, head: str, array: Array) -> Panel:
    """Weights of single cells: outputs downward, inputs to the right."""
    shown = array[:MOST_CELLS, : 3 * MOST_CELLS]
    cut = shown.shape != array.shape
    more = f"; the first {shown.shape[0]} outputs and {shown.shape[1]} inputs" if cut else ""
    said = f"{head}, an output a row{more}"
    cell = min(760 / shown.shape[1], 220 / len(shown), 8.0)
    return Panel(
        said, (Tile(name, shown),), (cell * shown.shape[1], max(cell * len(shown), 6.0)), 1
    )
