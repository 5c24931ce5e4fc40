"""What a question is asked of: one network with its weights, and one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from striate.data.decode import PixelArray
from striate.data.given import Given, input_of, read
from striate.display import shape_text
from striate.errors import ExplanationError, StriateError, UnknownNameError, did_you_mean
from striate.graph import Auxiliary, Graph, Node
from striate.graph.imported import Explainable
from striate.lookup import NetworkLike, Weighted, explainable_of, graph_of
from striate.model import Model
from striate.ops import CTC, Softmax
from striate.ops.arrays import Array
from striate.passes.attach_loss import with_loss

if TYPE_CHECKING:
    from striate.data.preprocess import Preprocessing


Subject: TypeAlias = "tuple[NetworkLike, Mapping[str, Any]] | NetworkLike"


@dataclass(frozen=True)
class ReadyNetwork:
    """A network made ready for questions.

    Args:
        graph: with a loss at its end and with the probabilities, where it can have them.
        weights: node -> weight name -> array.
        scores: the node the network answers with.
        lossless: why there is no loss; empty when there is one.
        kept: where named data sets lie, as far as a model knows.
        note: what a person should know of the weights.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, Array]]
    scores: str
    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    lossless: str = ""
    kept: str | None = None
    note: str = ""

    @property
    def aliases(self) -> dict[str, str]:
        """Other names for nodes."""
        ends = self.graph.gives_shares(self.scores)
        found = {"logit": self.graph[self.scores].inputs[0] if ends else self.scores}
        if ends:
            found["probability"] = self.scores
        if self.graph.loss is not None:
            found["loss"] = self.graph.loss.name
        return found


def network_of(
    subject: Subject, seed: int | None = None, weights_file: Path | str | None = None
) -> ReadyNetwork:
    """The network behind a model, a (graph, weights) pair, or what `lookup` finds by a word.

    Args:
        seed, weights_file: as `lookup.explainable_of` takes them.

    Raises:
        ExplanationError: it is something else.
    """
    is_named = isinstance(subject, Graph | Path | str)
    if is_named or seed is not None or weights_file is not None:
        subject = explainable_of(subject, seed, weights_file)  # type: ignore[arg-type]
    given, weights = _parts(subject)
    known = subject if isinstance(subject, Explainable) else None
    graph, reason = _with_loss(given)
    return ReadyNetwork(
        _with_probabilities(graph, given.scores),
        nested(weights),
        given.scores.name,
        tuple(known.classes or ()) if known else (),
        known.preprocessing if known else None,
        reason,
        subject.learned_from[1] if isinstance(subject, Model) else None,
        ". ".join(subject.notes) if isinstance(subject, Weighted) else "",
    )


def _parts(subject: object) -> tuple[Graph, Mapping[str, Any]]:
    """The graph and the weights of a subject that has both."""
    if isinstance(subject, tuple) and len(subject) == 2 and isinstance(subject[1], Mapping):
        return graph_of(subject[0]), subject[1]
    if isinstance(subject, Explainable):
        return subject.graph, subject.weights
    raise ExplanationError(
        f"{type(subject).__name__} is no network with weights",
        remedy="Pass a model, its file or run folder, a network (a graph, a text, a name), or "
        "(graph, weights).",
    )


def _with_loss(graph: Graph) -> tuple[Graph, str]:
    """The graph with a loss, or as it is and why it has none."""
    scores = graph.specs[graph.scores.name]
    if graph.loss is None and scores.rank > 1:
        # A map that names no loss is rarely meant as classes of its positions.
        return graph, f"{graph.scores.name} is a map, {scores}; name a loss behind it to compare it"
    try:
        return with_loss(graph), ""
    except StriateError as error:
        return graph, str(error).replace("{self}", "the loss")


def _with_probabilities(graph: Graph, scores: Node) -> Graph:
    """The softmax of the scores as one more node beside the loss."""
    flat = graph.specs[scores.name].rank == 1 and not scores.operator.is_penalty
    if graph.gives_shares(scores.name) or "probability" in graph or not flat:
        return graph
    added = Node("probability", Softmax(), (scores.name,))
    if graph.loss is None:
        return Graph((*graph.nodes, added), graph.auxiliary)
    exits = (*graph.auxiliary, Auxiliary("probability", 0.0))
    return Graph((*graph.nodes[:-1], added, graph.nodes[-1]), exits)


def nested(weights: Mapping[str, Any]) -> dict[str, dict[str, Array]]:
    """Weights as node -> name -> array, from that or from conv1.weight -> array."""
    found: dict[str, dict[str, Array]] = {}
    for key, value in weights.items():
        if isinstance(value, Mapping):
            found[key] = {name: np.asarray(array) for name, array in value.items()}
        else:
            node, _, name = key.rpartition(".")
            found.setdefault(node, {})[name] = np.asarray(value)
    return found


@dataclass(frozen=True)
class Picture:
    """One picture as it enters the network.

    Args:
        exact: the input (1, *shape) in float64.
        rounded: the same as PyTorch gets it, in float32.
        pixels: the picture (C, H, W) of 0..255 behind it; None when the input itself was given.
        label: its class, where that is known.
    """

    exact: Array
    rounded: Array
    pixels: Array | None = None
    label: str = ""


def picture_of(
    network: ReadyNetwork,
    source: object,
    data_dir: Path | str | None = None,
    ink: str = "keep",
) -> Picture:
    """The input of the network, from what `striate.data.given.read` reads, bytes, or itself.

    Raises:
        ExplanationError: more than one picture, or nothing that can be an input.
        DataError: a file that cannot be read.
    """
    if isinstance(source, str | Path):
        takes = network.graph.specs[network.graph.inputs[0].name]
        source = read(
            source, takes, network.preprocessing, data_dir=data_dir, kept=network.kept, ink=ink
        )
    if isinstance(source, Given):
        return _read(network, source)
    source = _array_if_tensor(source)
    if isinstance(source, np.ndarray) and (
        network.preprocessing is None or source.dtype != np.uint8
    ):
        return _given(network, _array(source))
    return _read(network, Given(_pixels(network.preprocessing, source, ink)))


def _array_if_tensor(source: object) -> object:
    """A tensor, or lists of numbers, as an array; what else there is as it is."""
    if type(source).__module__.partition(".")[0] == "torch":
        array: Array = source.detach().cpu().numpy()  # type: ignore[attr-defined]
        return array
    return _array(source) if isinstance(source, list | tuple) else source


def _pixels(preprocessing: Preprocessing | None, source: object, ink: str) -> PixelArray:
    """The picture (C, H, W) of 0..255 from a file's bytes, a Pillow image or an array.

    Raises:
        ExplanationError: it is none of these, or the network takes no picture.
    """
    if preprocessing is None:
        raise ExplanationError(
            "the network does not say how a picture becomes its input",
            remedy="Pass the input itself, as an array of floats.",
        )
    if isinstance(source, np.ndarray) and source.ndim == 4 and len(source) == 1:
        source = source[0]
    if not isinstance(source, bytes | np.ndarray | Image.Image):
        raise ExplanationError(
            f"a picture is a file, an array or a tensor, not {type(source).__name__}"
        )
    return preprocessing.picture(source, ink=ink)


def _read(network: ReadyNetwork, given: Given) -> Picture:
    if given.pixels is None or network.preprocessing is None:
        return _given(network, _array(given.numbers))
    exact = network.preprocessing.normalize_array(given.pixels)[None]
    label = given.label if _is_class(network, given.label) else ""
    return Picture(exact, given.input(network.preprocessing)[None], given.pixels, label)


def _is_class(network: ReadyNetwork, label: str) -> bool:
    """Whether the network can answer `label`: another data set's picture may come with one."""
    if network.classes:
        return label in network.classes
    scores = network.graph.specs[network.scores]
    return scores.rank == 1 and label.isdecimal() and int(label) < scores.channels


def _given(network: ReadyNetwork, x: Array) -> Picture:
    if len(network.graph.inputs) > 1:
        raise ExplanationError(
            f"the network has {len(network.graph.inputs)} inputs; only one can be explained",
            remedy="Ask a network with one input.",
        )
    spec = network.graph.specs[network.graph.inputs[0].name]
    shaped = input_of(x, spec)
    if shaped is None:
        raise ExplanationError(
            f"the network takes {spec}, but the array is {shape_text(x.shape)}",
            remedy="Give one picture; a question is about one.",
        )
    return Picture(shaped[None], shaped[None].astype(np.float32))


def _array(source: object) -> Array:
    try:
        return np.asarray(source, dtype=np.float64)
    except (TypeError, ValueError):
        raise ExplanationError(
            "the picture is no array of numbers", remedy="Pass a file or an array."
        ) from None


def target_of(network: ReadyNetwork, target: object) -> Array | None:
    """The target as a loss takes it, from a class name, a class number or wanted values.

    Where the scores are a map, class numbers are one per position.
    Where every class is called by a number, a number is a name: the fourth of the classes 1, 2,
    10 and 20 is the target 20, never the target 3.

    Raises:
        UnknownNameError: no class is called so.
        ExplanationError: neither a class nor one wanted value per score.
    """
    if target is None:
        return None
    scores = network.graph.specs[network.scores]
    units = scores.channels
    numbered = bool(network.classes) and all(name.isdecimal() for name in network.classes)
    if numbered and isinstance(target, Integral):
        target = str(target)
    if isinstance(target, str) and target in network.classes:
        return np.array([network.classes.index(target)])
    if isinstance(target, str) and (numbered or not (target.isascii() and target.isdigit())):
        near = "" if numbered else did_you_mean(target, network.classes)
        known = ", ".join(network.classes[:12]) or f"0 to {units - 1}"
        known += ". Classes that are numbers are meant by name, not by place" if numbered else ""
        raise UnknownNameError(
            f"no class is called {target!r}", remedy=near or f"There are: {known}."
        )
    wanted = _array(int(target) if isinstance(target, str) and len(target) < 10 else target)
    loss = network.graph.loss
    if loss is not None and isinstance(loss.operator, CTC):
        return np.atleast_2d(wanted).astype(np.int64)
    if wanted.size == scores.size > 1:
        return wanted.reshape(1, *scores.shape)
    if wanted.shape == scores.spatial != () and not (wanted % 1).any():
        return wanted[None].astype(np.int64)
    if wanted.size != 1 or not 0 <= wanted.item() < units or wanted.item() % 1:
        raise ExplanationError(
            f"the target {target} names no class",
            remedy=f"Classes are numbered 0 to {units - 1}; or give {units} wanted values.",
        )
    return np.array([int(wanted.item())])


def name_of_target(network: ReadyNetwork, index: int) -> str:
    """A class as a person names it: its name, or its number where classes have no names."""
    return network.classes[index] if network.classes else str(index)
