"""Network and pictures brought together: what adapts, and what is refused before loading."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

from striate.data import DataSet, Survey, load, survey
from striate.data.download import Progress
from striate.data.sources import Source, called
from striate.data.tree import Tree
from striate.display import shape_text
from striate.errors import DataError, IdleSettingError, SettingError, StriateError
from striate.graph import Graph
from striate.ops import BatchNorm
from striate.passes.fit import fitted, takes
from striate.training.recipe import Recipe


def suited(graph: Graph, known: Survey) -> Graph:
    """A network of the catalog for these pictures: their classes, and their size where it can.

    Raises:
        StriateError: it has no layer whose units could become the classes.
    """
    _, height, width = picture_shape(graph)
    own = (known.channels or 3, *known.size)
    size = known.size if takes(graph, own) else (height, width)
    return fitted(graph, len(known.classes), (known.channels or 3, *size))


def loaded(
    graph: Graph,
    data: Source,
    data_dir: Path | str | None,
    recipe: Recipe,
    *,
    gray_or_color: bool = False,
    progress: Progress | None = None,
) -> DataSet:
    """The data set, in the size and color of the network's input.

    Args:
        gray_or_color: the pictures decide how many channels there are.
        progress: is called with (done, total, what).

    Raises:
        DataError: the pictures cannot be used, or the network takes none.
        IdleSettingError: pictures for validation lie in a folder of their own.
    """
    channels, height, width = picture_shape(graph)
    return load(
        data,
        data_dir=data_dir,
        size=(height, width),
        channels=None if gray_or_color else channels,
        validation=recipe.validation,
        seed=recipe.seed,
        progress=progress,
    )


def picture_shape(graph: Graph) -> tuple[int, int, int]:
    """(channels, height, width) of the pictures a network takes.

    Raises:
        DataError: it takes none.
    """
    size = graph.specs[graph.inputs[0].name].shape
    if len(size) != 3 or len(graph.inputs) > 1:
        raise DataError(
            f"the network takes {shape_text(size)}, but data sets are pictures",
            remedy="Start with INPUT channels x height x width: INPUT 1x28x28.",
        )
    return size[0], size[1], size[2]


def surveyed(data: DataSet | Source) -> Survey:
    """Classes and size of pictures that need not be loaded yet."""
    if not isinstance(data, DataSet):
        return survey(data)
    channels, height, width = data.shape
    return Survey(data.classes, (height, width), channels, data.validation is not None)


def check_validation(recipe: Recipe, data: DataSet | str | Path | Tree, known: Survey) -> None:
    """Refuse a share of pictures to set aside where that is settled already.

    Raises:
        IdleSettingError: it names both.
    """
    settled = isinstance(data, DataSet) or known.has_validation
    if recipe.validation is None or not settled:
        return
    why = (
        "the data set is already loaded"
        if isinstance(data, DataSet)
        else f"{called(data)} has its own"
    )
    raise IdleSettingError(
        f"validation is {recipe.validation}, which does nothing where {why}",
        setting="validation",
        remedy="Set pictures aside while loading: striate.data.load(…, validation=0.2)."
        if isinstance(data, DataSet)
        else "Leave it out: its own pictures for validation are used.",
    )


def check_classes(graph: Graph, classes: Sequence[str], name: str, start: str = "") -> None:
    """Hold the scores of the network to the classes.

    Args:
        start: the file of the network's weights, where it comes with some.

    Raises:
        DataError: there are more or fewer.
    """
    scores = graph.specs[graph.scores.name]
    if scores.size != len(classes):
        raise DataError(
            f"the network answers with {scores.size} scores, but {name} has {len(classes)} classes",
            remedy=f"Its weights can start another network: striate train NETWORK --start {start}, "
            f"which ends with FC {len(classes)}."
            if start
            else f"End the network with FC {len(classes)}.",
        )


def check_fit(graph: Graph, data: DataSet, recipe: Recipe) -> None:
    """Hold input, scores and normalization of the network to the pictures.

    Raises:
        DataError: they do not fit together.
        SettingError: a distortion or a batch cannot be had with them.
    """
    size = picture_shape(graph)
    if size != data.shape:
        raise DataError(
            f"the network takes {shape_text(size)}, but the pictures of {data.name} are "
            f"{shape_text(data.shape)}"
        )
    check_classes(graph, data.classes, data.name)
    if recipe.shift >= max(size[1:]):
        raise SettingError(
            f"shift is {recipe.shift:g}, but the pictures are {size[1]}x{size[2]}",
            remedy="Nothing would be left of them: shift by fewer pixels.",
        )
    _check_batch_norm(graph, min(recipe.batch_size, len(data.train)))


def has_batch_norm(graph: Graph) -> bool:
    """Whether a batch of one picture is a special case."""
    return any(isinstance(node.operator, BatchNorm) for node in graph)


def _check_batch_norm(graph: Graph, batch: int) -> None:
    for node in graph:
        alone = isinstance(node.operator, BatchNorm) and prod(graph.specs[node.name].spatial) == 1
        if alone and batch == 1:
            raise SettingError(
                f"a batch of 1 gives {node.name} one number per channel, and its deviation is 0",
                remedy="Batch normalization of units needs 2 pictures or more: batch_size=2.",
            )


def check_trainable(graph: Graph) -> None:
    """Refuse a network in which there is nothing to train.

    Raises:
        StriateError: no node has a weight that learns.
    """
    if not any(weight.trainable for node in graph for weight in graph.weights(node).values()):
        raise StriateError(
            "the network has no weights to train", remedy="Give it a layer with some: FC 10."
        )
