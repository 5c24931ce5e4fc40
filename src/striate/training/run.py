"""Training from a name or a folder to a run folder, and going on with one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from striate.data import DataSet, load
from striate.errors import DataError, RunError
from striate.exchange import fields
from striate.graph import Graph
from striate.memory import check, enough
from striate.notation import parse, text
from striate.ops import CrossEntropy
from striate.passes.attach_loss import with_loss
from striate.training.events import Event, Listener, Result
from striate.training.loop import Session
from striate.training.recipe import Recipe
from striate.training.run_folder import RunFolder
from striate.training.start import first_weights


def train(
    graph: Graph | str,
    data: DataSet | str | Path = "digits",
    recipe: Recipe | None = None,
    *,
    data_dir: Path | str | None = None,
    run: Path | str | None = None,
    name: str = "network",
    on_event: Listener | None = None,
    **settings: Any,
) -> Result:
    """Train a network, and judge its best weights on the test pictures.

    Args:
        graph: the network, or its text.
        data: a data set, its name, or a folder of pictures.
        recipe: how; `settings` change single entries of it (epochs=3).
        data_dir: where named data sets lie.
        run: the run folder, which must not exist; else the next free runs/<name>-<data>-N.
        on_event: is called with what happens: `Started`, `Stepped`, `Row`, `Result`.

    Raises:
        StriateError: anything a person can get wrong, with a remedy.
        InterruptedRunError: Ctrl-C; everything is saved.

    >>> import striate, tempfile, os
    >>> place = os.path.join(tempfile.mkdtemp(), "run")
    >>> result = striate.train("INPUT 1x8x8 -> FC 10", "digits", run=place, epochs=2)
    >>> len(result.history)
    2
    """
    network = parse(graph) if isinstance(graph, str) else graph
    chosen = recipe or Recipe()
    chosen = Recipe.from_dict({**chosen.to_dict(), **settings})
    if chosen.start:
        chosen = replace(chosen, start=str(Path(chosen.start).resolve()))
    network = ended(network, chosen)
    pictures = data if isinstance(data, DataSet) else loaded(network, data, data_dir, chosen)
    check_fit(network, pictures)
    kind = Path(pictures.name).name
    check(network, min(chosen.batch_size, len(pictures.train)), training=True)
    # Made before its folder, so that a request that is refused leaves nothing behind.
    first = first_weights(network, chosen)
    session = Session(network, pictures, chosen, RunFolder(Path()), on_event or _deaf, first)
    folder = RunFolder.create(None if run is None else Path(run), f"{name}-{kind}")
    session.folder = folder
    with folder.locked():
        folder.write_config(
            {
                "name": name,
                "network": text(network),
                "data": _source(data, pictures),
                "data_dir": None if data_dir is None else str(Path(data_dir).resolve()),
                "data_sha256": pictures.sha256,
                "recipe": chosen.to_dict(),
            }
        )
        return _run(session)


def resume(
    run: Path | str,
    *,
    data: DataSet | None = None,
    data_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> Result:
    """Go on with a run that was killed or interrupted, to the numbers an unbroken one has.

    A run that is finished is judged again.

    Raises:
        RunError: no run folder, or its data has changed.
    """
    folder = RunFolder.open(Path(run))
    with folder.locked():
        config = folder.read_config()
        network, recipe, source = read_config(config, folder.config)
        where = data_dir if data_dir is not None else config.get("data_dir")
        pictures = data or loaded(network, source, where, recipe)
        if pictures.sha256 != config.get("data_sha256"):
            raise RunError(
                f"the training pictures of {source} are no longer those of {folder.path}",
                remedy="Bring them back, or start a new run.",
            )
        check_fit(network, pictures)
        folder.sweep()
        first = None if folder.state.exists() else first_weights(network, recipe)
        session = Session(network, pictures, recipe, folder, on_event or _deaf, first)
        session.restore()
        return _run(session)


def read_config(config: Mapping[str, Any], path: Path) -> tuple[Graph, Recipe, str]:
    """Network, recipe and data of a config.yaml.

    Raises:
        RunError: an entry is missing, or of another kind.
    """
    fields.checked(config, _CONFIG, str(path), RunError, others=True)
    recipe = Recipe.from_dict(config["recipe"])
    return parse(config["network"]), recipe, config["data"]


_CONFIG = {
    "network": fields.TEXT,
    "data": fields.PATH,
    "recipe": fields.TABLE,
    "name": fields.PATH.optional,
    "data_dir": fields.or_none(fields.PATH).optional,
    "data_sha256": fields.TEXT.optional,
}


def ended(graph: Graph, recipe: Recipe) -> Graph:
    """The graph with the loss that it is trained with."""
    if recipe.smoothing and graph.loss is None and graph.scores.operator.label != "softmax":
        return with_loss(graph, CrossEntropy(recipe.smoothing))
    return with_loss(graph)


def loaded(graph: Graph, data: str | Path, data_dir: Path | str | None, recipe: Recipe) -> DataSet:
    """The data set, in the size and color of the network's input."""
    size = graph.specs[graph.inputs[0].name].shape
    if len(size) != 3:
        raise DataError(
            f"the network takes {'x'.join(map(str, size))}, but data sets are pictures",
            remedy="Start with INPUT channels x height x width: INPUT 1x28x28.",
        )
    return load(
        data,
        data_dir=data_dir,
        size=(size[1], size[2]),
        channels=size[0],
        validation=recipe.validation,
        seed=recipe.seed,
    )


def check_fit(graph: Graph, data: DataSet) -> None:
    """Hold input and scores of the network to the pictures and classes.

    Raises:
        DataError: they do not fit together.
    """
    size = graph.specs[graph.inputs[0].name].shape
    if size != data.shape:
        raise DataError(
            f"the network takes {'x'.join(map(str, size))}, but the pictures of {data.name} are "
            f"{'x'.join(map(str, data.shape))}"
        )
    scores = graph.specs[graph.scores.name]
    if scores.size != len(data.classes):
        raise DataError(
            f"the network answers with {scores.size} scores, but {data.name} has "
            f"{len(data.classes)} classes",
            remedy=f"End the network with FC {len(data.classes)}.",
        )


def _run(session: Session) -> Result:
    batch = min(session.recipe.batch_size, len(session.data.train))
    with _stopping(session), enough(session.graph, batch, training=True):
        return session.run()


@contextmanager
def _stopping(session: Session) -> Iterator[None]:
    """Let Ctrl-C, or a request to end, stop after the current step; the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if session.is_stopping:
            raise KeyboardInterrupt
        session.is_stopping = True

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _source(data: DataSet | str | Path, pictures: DataSet) -> str:
    """What finds the pictures again: a name, or a folder's whole path."""
    if isinstance(data, DataSet) or not Path(data).exists():
        return pictures.name
    return str(Path(data).resolve())


def _deaf(event: Event) -> None:
    """Nobody listens."""
