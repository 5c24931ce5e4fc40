"""Weights that others have saved, for a network of ours: what fits is taken, the rest is listed.

The layers of a file are matched with those of the network by name; or, where more fits so, by the
order in which they run (`calculating_order`), each with a layer of the same kinds of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from striate.display import Block, Displayed, Line, shape_text
from striate.errors import WeightsError
from striate.exchange.calculating_order import in_order
from striate.exchange.state import State, read_state
from striate.exchange.written import check_complete, is_matrix, read_weights
from striate.graph import Graph
from striate.ops.arrays import Array
from striate.passes.attention import unpacked

SHOWN = 5
"""Names of a kind that are shown."""

_KINDS = ("weight", "bias", "running_mean", "running_var")
"""Last words of names that are weights of a layer; any other name is a layer of one weight."""

_COUNTER = "num_batches_tracked"
"""PyTorch counts batches in a buffer that no formula reads."""

_Layers = Mapping[str, Mapping[str, str]]
"""Layer -> weight -> its name in the file."""


@dataclass(frozen=True, repr=False)
class FittedWeights(Displayed):
    """What of a weights file is a network's.

    Args:
        graph: the network.
        file: where they are from.
        weights: node -> weight name -> array, float32, each of the network's shape.
        taken: weight of the network -> name in the file: "conv1.weight": "features.0.weight".
        missing: weights of the network that the file lacks.
        unexpected: names in the file that are no weight of the network.
        other_shape: weights of the network -> the name, and both shapes, of what is not taken.
        by: how layers were matched, "name" or "order".
    """

    graph: Graph
    file: str
    weights: Mapping[str, Mapping[str, Array]]
    taken: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    other_shape: Mapping[str, str] = field(default_factory=dict)
    by: str = "name"

    @property
    def is_complete(self) -> bool:
        """Whether every weight of the network is there."""
        return not self.missing and not self.other_shape

    @property
    def headline(self) -> str:
        """How many of the network's weights are taken, and how they were matched."""
        wanted = len(self.taken) + len(self.missing) + len(self.other_shape)
        return f"{len(self.taken)} of {wanted} weights from {self.file}, matched by {self.by}"

    def display(self) -> Iterator[Block]:
        """The headline, and what did not fit."""
        yield Line(self.headline)
        for line in self.misfits:
            yield Line(line, "warning")

    @property
    def misfits(self) -> tuple[str, ...]:
        """What did not fit, a line a kind: missing, other shape, unexpected."""
        kinds = {
            "missing": self.missing,
            "other shape": tuple(f"{name} ({why})" for name, why in self.other_shape.items()),
            "unexpected": tuple(name[:80] for name in self.unexpected),
        }
        return tuple(f"{kind}: {_some(names)}" for kind, names in kinds.items() if names)

    @property
    def origin(self) -> str:
        """Headline and misfits in one text; nothing for what a person wrote down in YAML."""
        return "" if is_matrix(self.file) else "; ".join((self.headline, *self.misfits))

    def check(self) -> None:
        """Refuse weights that leave some of the network's out.

        Raises:
            WeightsError: it lists what is missing, of another shape, and unexpected.
        """
        if is_matrix(self.file):
            check_complete(self.graph, self.weights, self.file)
        if not self.is_complete:
            raise WeightsError(
                f"the weights in {self.file} do not fit the network",
                where="\n".join(self.misfits),
                remedy="Were they made for another network?",
            )


def fit_weights(graph: Graph, file: Path | str) -> FittedWeights:
    """The weights in a file that fit a network; what does not is listed, and nothing is run.

    Args:
        file: a model file of ours, a .safetensors file of others, what `torch.save` wrote of a
            state_dict (.pt, .pth), or YAML (`written.read_weights`). Wrappers ("state_dict",
            "model") and prefixes ("module.", "_orig_mod.") are taken off. Names are those of the
            network, or of torchvision and timm for the networks of the catalog; those of
            torch.nn.MultiheadAttention stand for the layers of an ATTENTION of its name.

    Raises:
        ModelFileError, WeightsError: it cannot be read, or holds more than weights.
    """
    path = Path(file)
    if is_matrix(path):
        return _written(graph, path)
    state = read_state(path)
    wanted = {f"{node.name}.{weight}" for node in graph for weight in graph.own_weights(node)}
    state = replace(state, arrays=unpacked(state.arrays, wanted))
    layers = _layers(state)
    found = _fitted(graph, path, state, _by_name(graph, layers), "name")
    if found.is_complete:
        return found
    ordered = _fitted(graph, path, state, _by_order(graph, state, layers), "order")
    return max(found, ordered, key=lambda each: len(each.taken))


def _written(graph: Graph, path: Path) -> FittedWeights:
    weights = read_weights(path, graph)
    names = [f"{node.name}.{name}" for node in graph for name in graph.own_weights(node)]
    taken = {f"{node}.{name}": f"{node}.{name}" for node, own in weights.items() for name in own}
    missing = tuple(name for name in names if name not in taken)
    return FittedWeights(graph, str(path), weights, taken, missing)


def _layers(state: State) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in state.arrays:
        layer, _, last = name.replace(".in_proj_", ".in_proj.").rpartition(".")
        if last in _KINDS:
            found.setdefault(layer, {})[last] = name
        elif last != _COUNTER:
            found[name] = {"": name}
    return found


def _by_name(graph: Graph, layers: _Layers) -> dict[str, Mapping[str, str]]:
    """Node -> weight -> name in the file, for layers that are called as nodes are."""
    found: dict[str, Mapping[str, str]] = {}
    for node in graph:
        own = tuple(graph.own_weights(node))
        named = {w: {"": name} for w in own if (name := f"{node.name}.{w}") in layers}
        alone = {w: layers[f"{node.name}.{w}"][""] for w in named}
        found[node.name] = {**_words(own, layers.get(node.name, {})), **alone}
    return found


def _by_order(graph: Graph, state: State, layers: _Layers) -> dict[str, Mapping[str, str]]:
    """Node -> weight -> name in the file, by the order in which both run.

    Where one has more layers, all of the other's must fit but for the last, which gives the scores:
    a layer that is missing in the middle would give all that follow the weights of others.
    """
    nodes = [node for node in graph if graph.own_weights(node)]
    order = in_order(layers, is_ordered=state.is_ordered) or []
    found: dict[str, Mapping[str, str]] = {}
    fits = [True]
    for node, layer in zip(nodes, order, strict=False):
        own = graph.own_weights(node)
        found[node.name] = words = _words(tuple(own), layers[layer])
        if len(words) != len(own) or len(words) != len(layers[layer]):
            return {}
        fits.append(all(_shaped(state.arrays[words[w]], own[w].shape) is not None for w in words))
    return found if len(nodes) == len(order) or all(fits[:-1]) else {}


def _words(own: tuple[str, ...], layer: Mapping[str, str]) -> dict[str, str]:
    """Weight -> name in the file; the one weight of a layer may be called anything."""
    if len(own) == 1 and len(layer) == 1:
        return {own[0]: next(iter(layer.values()))}
    return {w: layer[w] for w in own if w in layer}


def _fitted(
    graph: Graph, path: Path, state: State, names: Mapping[str, Mapping[str, str]], by: str
) -> FittedWeights:
    weights: dict[str, dict[str, Array]] = {}
    taken: dict[str, str] = {}
    missing: list[str] = []
    other: dict[str, str] = {}
    for node in graph:
        for key, weight in graph.own_weights(node).items():
            called = f"{node.name}.{key}"
            name = names.get(node.name, {}).get(key)
            if name is None:
                missing.append(called)
                continue
            array = _shaped(state.arrays[name], weight.shape)
            if array is None:
                given = shape_text(state.arrays[name].shape)
                other[called] = f"{name[:80]} is {given}, not {shape_text(weight.shape)}"
                continue
            weights.setdefault(node.name, {})[key] = array.astype(np.float32, copy=False)
            taken[called] = name
    read = {*taken.values(), *(name for own in names.values() for name in own.values())}
    read |= {f"{node.name}.{key}" for node in graph for key in graph.weights(node)}
    unexpected = [n for n in state.arrays if n not in read and not n.endswith(_COUNTER)]
    return FittedWeights(
        graph, str(path), weights, taken, tuple(missing), tuple(unexpected), other, by
    )


def _shaped(array: Array, shape: tuple[int, ...]) -> Array | None:
    """The array in this shape, if it differs in axes of 1 or is a kernel over a whole map."""
    if array.dtype.kind != "f" or array.size != int(np.prod(shape)):
        return None
    is_dense = min(array.ndim, len(shape)) == 2 and array.shape[0] == shape[0]
    if is_dense or _long(array.shape) == _long(shape):
        return array.reshape(shape)
    return None


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
