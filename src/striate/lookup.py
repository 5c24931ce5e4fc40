"""What NETWORK and FILE may be on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from striate.errors import (
    DataError,
    NotationError,
    StriateError,
    UnknownNameError,
    WeightsError,
    did_you_mean,
)
from striate.files import read_text
from striate.graph import Graph
from striate.networks import NETWORKS
from striate.networks import network as network_called
from striate.notation import parse

if TYPE_CHECKING:
    from striate.data import DataSet
    from striate.model import Model
    from striate.ops.arrays import Array

HELP = (
    "A network in the notation, a name (striate networks lists them), a .net file, or a model "
    "file (.safetensors)."
)
FILE_HELP = "A model file (.safetensors) or a run folder."
Weighted: TypeAlias = "tuple[Graph, Mapping[str, Mapping[str, Array]]]"


def graph_of(network: str) -> Graph:
    """The graph that `network` names.

    Raises:
        UnknownNameError: it is no text, no name and no file.
        NotationError: the text or file is malformed.
    """
    subject = subject_of(network)
    return subject if isinstance(subject, Graph) else subject.graph


def subject_of(network: str) -> Graph | Model:
    """The graph that `network` names, or the model when it is a file with weights."""
    if _looks_like_notation(network):
        return parse(network)
    if network.endswith(".net"):
        return parse(_read(Path(network)))
    if network.endswith(".safetensors") or Path(network).is_dir():
        return model_of(network)
    return parse(network_called(network).notation)


def checkable_of(network: str) -> Graph | Model:
    """As `subject_of`, but a large network of the catalog in its form for smaller pictures."""
    known = NETWORKS.get(name_of(network))
    return parse(known.small) if known is not None and known.small else subject_of(network)


def name_of(network: str) -> str:
    """A short name for a run folder."""
    name = network.lower().replace("-", "_")
    if name in NETWORKS:
        return name
    return Path(network).stem if network.endswith((".net", ".safetensors")) else "network"


def model_of(file: str) -> Model:
    """The model in a file, or the best one of a run folder.

    Raises:
        ModelFileError: there is none, or it is damaged.
    """
    from striate.model import Model

    return Model.load(file)


def explainable_of(file: str, seed: int | None, weights: Path | None) -> Model | Weighted:
    """What can be asked about: a model, or a network with weights of its own.

    Args:
        seed: of first weights; None for 0 where no weights are given, and else for none.
        weights: a YAML file.

    Raises:
        WeightsError: the weights do not fit; or a model file, which has its own, is given some.
    """
    subject = subject_of(file)
    if not isinstance(subject, Graph):
        if seed is not None or weights is not None:
            raise WeightsError(
                f"{file} has its own weights", remedy="Leave out --seed and --weights."
            )
        return subject
    from striate.exchange.written import check_complete, read_weights
    from striate.initialize import initialize

    given = read_weights(weights, subject) if weights is not None else {}
    if weights is not None and seed is None:
        check_complete(subject, given, weights)
        return subject, given
    first = initialize(subject, seed=seed or 0)
    return subject, {node: {**own, **given.get(node, {})} for node, own in first.items()}


def untrained(weighted: Weighted) -> Model:
    """A model of a network with weights, which takes pictures scaled to 0..1.

    Raises:
        DataError: the network does not take pictures.
    """
    from striate.data import Preprocessing
    from striate.model import Model

    graph, weights = weighted
    size = graph.specs[graph.inputs[0].name]
    if size.rank != 3:
        raise DataError(
            f"the network takes {size}, not a picture",
            remedy="Write the numbers into a file: YAML, CSV, or rows of text.",
        )
    channels, height, width = size.shape
    scale = Preprocessing(channels, height, width, (0.0,) * channels, (1.0,) * channels)
    return Model(graph, weights, (), scale)


PICTURE_HELP = "A picture file of any size, or a test picture by number: digits#7."


def picture_of(picture: str, model: Model, data_dir: Path | None = None) -> tuple[Any, str]:
    """What `picture` names, ready for the model, and its class where that is known.

    Raises:
        DataError: the data set has no such test picture.
    """
    from striate.data.catalog import kept_place, named

    name, mark, number = picture.rpartition("#")
    if not mark or not number.isdecimal() or Path(picture).exists():
        if named(picture) and not Path(picture).exists():
            raise DataError(f"which picture of {picture}?", remedy=f"Number one: {picture}#7.")
        return picture, ""
    from striate.data import load

    channels, height, width = model.preprocessing.shape
    place = data_dir or kept_place(name, _learned_from(model)[1])
    data = load(name, data_dir=place, size=(height, width), channels=channels)
    pictures = data.split("test")
    if int(number) >= len(pictures):
        raise DataError(
            f"{name} has no test picture {number}",
            remedy=f"They are numbered 0 to {len(pictures) - 1}.",
        )
    found = pictures.images[int(number)]
    height_width_channels = found[0] if channels == 1 else found.transpose(1, 2, 0)
    return height_width_channels, data.classes[int(pictures.labels[int(number)])]


def data_of(model: Model, data: str, data_dir: Path | None, *, judging: bool = False) -> DataSet:
    """The pictures called `data`, or those the model was trained on, as the model takes them.

    Args:
        judging: of other pictures than the model was trained on, none are set aside.

    Raises:
        StriateError: the model does not say, and nothing else is named.
    """
    from striate.data import load
    from striate.data.catalog import kept_place

    own, place = _learned_from(model)
    source = data or own
    if not source:
        raise StriateError("which pictures?", remedy="Name them: --data mnist, or a folder.")
    recipe = model.about.get("recipe", {})
    channels, height, width = model.preprocessing.shape
    return load(
        source,
        data_dir=data_dir or kept_place(source, place),
        size=(height, width),
        channels=channels,
        validation=recipe.get("validation"),
        seed=recipe.get("seed", 0),
        judging=judging and not _is_same(source, own),
    )


def _learned_from(model: Model) -> tuple[str, str | None]:
    """Name or folder of the pictures a model was trained on, and where named ones lay."""
    known = model.about.get("data")
    if not isinstance(known, Mapping):
        return "", None
    place = known.get("data_dir")
    there = isinstance(place, str) and Path(place).is_dir()
    return str(known.get("source", "")), place if there else None


def _is_same(source: str, other: str) -> bool:
    """Whether two names, or two folders, are one."""
    from striate.data.catalog import expanded, named

    if named(source) or named(other) or not other:
        return source == other
    return expanded(source).resolve() == expanded(other).resolve()


LONGEST_NAME = 255
"""Characters that a file's name may have on most systems."""


def _looks_like_notation(network: str) -> bool:
    """Whether it is a text: a path may hold spaces, but not the signs of a chain."""
    if len(network) > LONGEST_NAME or any(each in network for each in ("->", "→", "[", "{")):
        return True
    is_path = network.endswith((".net", ".safetensors")) or Path(network).is_dir()
    return not is_path and any(each.isspace() for each in network.strip())


def _read(path: Path) -> str:
    if not path.exists() and not path.is_symlink():
        near = did_you_mean(path.name, [each.name for each in path.parent.glob("*.net")])
        raise UnknownNameError(f"there is no file {path}", remedy=near)
    return read_text(path, NotationError)


def checked_output(path: Path) -> Path:
    """`path`, which does not exist yet, in a folder that does.

    Raises:
        StriateError: nothing that is there may be lost.
    """
    if path.exists():
        raise StriateError(f"{path} exists already", remedy="Name another file, or remove it.")
    if not path.parent.is_dir():
        raise StriateError(f"there is no folder {path.parent}", remedy="Make it first.")
    return path
