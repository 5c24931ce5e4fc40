"""Training from a name or a folder to a run folder, and going on with one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from striate.data import DataSet, Preprocessing
from striate.data.catalog import kept_place, named
from striate.data.sources import Source, called, expanded, kept_as_it_is
from striate.data.tree import Tree
from striate.errors import RunError
from striate.exchange import fields
from striate.graph import Graph
from striate.lookup import NetworkLike
from striate.memory import check, enough
from striate.notation import parse, text
from striate.passes.attach_loss import with_loss
from striate.training.events import Listener, Loading, Result
from striate.training.first_weights import first_weights
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
from striate.training.interrupting import stopping
from striate.training.loop import Origin, Session
from striate.training.progress import shown
from striate.training.recipe import Recipe
from striate.training.requirements import SMOOTHED, check_network
from striate.training.run_folder import RunFolder
from striate.training.subject import Subject, matched, started, subject_of


def train(
    graph: NetworkLike,
    data: DataSet | Source = "",
    recipe: Recipe | None = None,
    *,
    data_dir: Path | str | None = None,
    run: Path | str | None = None,
    name: str = "",
    on_event: Listener | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Train a network, and judge its best weights on the test pictures.

    Args:
        graph: the network; or its text, a name of the catalog, or a file, as on the command line.
            A network of the catalog gets as many classes as the data has, and its pictures' size
            where its layers allow it. A model, model file or run folder starts from its weights,
            with its recipe and data where none are given; so does a network of the catalog, from
            first weights.
        data: a data set, its name, a folder of pictures, or arrays: (x, y), or a table of such
            pairs by split (`striate.data.load`); digits, if a network has no other.
        recipe: how; `settings` change single entries of it (epochs=3).
        data_dir: where named data sets lie.
        run: the run folder, new or empty; else the next free runs/<name>-<data>-N.
        on_event: is called with what happens: `Loading`, `Started`, `Stepped`, `Row`, `Result`.
        quiet: show nothing; without it and without `on_event`, progress is shown.

    Raises:
        StriateError: anything a person can get wrong, with a remedy.
        InterruptedRunError: Ctrl-C; everything is saved.

    >>> import striate, tempfile, os
    >>> place = os.path.join(tempfile.mkdtemp(), "run")
    >>> result = striate.train("INPUT 1x8x8 -> FC 10", "digits", run=place, epochs=2, quiet=True)
    >>> len(result.history)
    2
    """
    subject = subject_of(graph, name)
    if not isinstance(data, DataSet):
        data = kept_as_it_is(data)
    base = subject.recipe(data) if recipe is None else recipe.to_dict()
    chosen = started(subject, _with_start(Recipe.changed(base, settings)))
    if isinstance(data, str) and not data:
        data, data_dir = _own_data(subject, data_dir)
    with shown(on_event, quiet) as listen:
        session = _prepared(subject, data, data_dir, chosen, listen)
        kind = Path(session.data.name.strip("<>")).name
        folder = RunFolder.create(None if run is None else expanded(run), f"{subject.name}-{kind}")
        session.folder = folder
        try:
            with folder.locked():
                _begin(session, subject)
                return _run(session)
        except RunError:
            folder.abandon()
            raise


def _prepared(
    subject: Subject,
    data: DataSet | str | Path | Tree,
    data_dir: Path | str | None,
    recipe: Recipe,
    listen: Listener,
) -> Session:
    """A session without a folder: a request that is refused leaves nothing behind."""
    picture_shape(subject.graph)
    known = surveyed(data)
    network = suited(subject.graph, known) if subject.fits else subject.graph
    # Before the pictures are loaded, which can take minutes.
    check_trainable(network)
    check_classes(network, known.classes, called(data))
    check_validation(recipe, data, known)
    check_network(recipe, network)
    pictures = (
        data
        if isinstance(data, DataSet)
        else loaded(
            network,
            data,
            data_dir,
            recipe,
            gray_or_color=subject.fits and known.channels is None,
            progress=lambda done, total, what: listen(Loading(done, total, what)),
        )
    )
    pictures = matched(subject, pictures)
    if subject.fits:
        network = suited(network, surveyed(pictures))
    network = ended(network, recipe)
    check(network, min(recipe.batch_size, len(pictures.train)), training=True)
    first = first_weights(network, recipe, subject.model)
    origin = Origin(_source(data), _place(data, data_dir))
    check_fit(network, pictures, recipe)
    return Session(
        network,
        pictures,
        recipe,
        RunFolder(Path()),
        listen,
        first,
        origin=origin,
        preprocessing=subject.preprocessing,
        start=subject.start,
        notes=(*_adapted(subject, network), *subject.notes),
    )


def _begin(session: Session, subject: Subject) -> None:
    """Write what repeats the run.

    Raises:
        RunError: another run began here in the meantime, or nothing can be written.
    """
    folder = session.folder
    if not folder.is_vacant():
        raise RunError(f"{folder.path} exists already", remedy="Name another folder.")
    folder.sweep()
    with folder.writing("Make room, or the folder writable, and run it again."):
        if subject.model is not None and subject.place is None:
            place = folder.path.resolve() / "start.safetensors"
            subject.model.save(place)
            session.recipe = replace(session.recipe, start=str(place))
        folder.write_config(
            {
                "name": subject.name,
                "network": text(session.graph),
                "data": session.origin.source,
                "data_dir": session.origin.data_dir,
                "data_sha256": session.data.sha256,
                "recipe": session.recipe.to_dict(),
                **_config_of(subject),
            }
        )


def _config_of(subject: Subject) -> dict[str, Any]:
    if subject.model is None:
        return {}
    prepared = subject.model.preprocessing.to_dict()
    return {"classes": list(subject.model.classes), "preprocessing": prepared}


def resume(
    run: Path | str,
    *,
    data: DataSet | Source | None = None,
    data_dir: Path | str | None = None,
    on_event: Listener | None = None,
    quiet: bool = False,
) -> Result:
    """Go on with a run that was killed or interrupted, to the numbers an unbroken one has.

    A run that is finished is judged again.

    Args:
        data: the pictures, where they were handed over as arrays; else those that the run names.
        quiet: show nothing; without it and without `on_event`, progress is shown.

    Raises:
        RunError: no run folder, or its data has changed.
    """
    folder = RunFolder.open(expanded(run))
    with folder.locked(), shown(on_event, quiet) as listen:
        config = folder.read_config()
        network, recipe, source = read_config(config, folder.config)
        network = ended(network, recipe)
        where = data_dir or kept_place(source, config.get("data_dir"))
        pictures = (
            data
            if isinstance(data, DataSet)
            else loaded(
                network,
                source if data is None else data,
                where,
                recipe,
                progress=lambda done, total, what: listen(Loading(done, total, what)),
            )
        )
        if pictures.sha256 != config.get("data_sha256"):
            raise RunError(
                f"the training pictures of {source} are no longer those of {folder.path}",
                remedy="Bring them back, or start a new run.",
            )
        if classes := config.get("classes"):
            pictures = pictures.with_classes(tuple(map(str, classes)))
        prepared = config.get("preprocessing")
        check_fit(network, pictures, recipe)
        folder.sweep()
        session = Session(
            network,
            pictures,
            recipe,
            folder,
            listen,
            None if folder.state.exists() else first_weights(network, recipe),
            origin=Origin(source, None if where is None else str(where)),
            preprocessing=None if prepared is None else Preprocessing.from_dict(prepared),
        )
        session.restore()
        return _run(session)


def read_config(config: Mapping[str, Any], path: Path) -> tuple[Graph, Recipe, str]:
    """Network, recipe and data of a config.yaml; the recipe's smoothing is not in the network.

    Raises:
        RunError: an entry is missing, or of another kind.
    """
    fields.checked(config, _CONFIG, str(path), RunError, others=True)
    recipe = Recipe.from_dict(config["recipe"])
    graph = parse(str(config["network"]))
    return _with_smoothing(graph, recipe.smoothing, 0.0), recipe, str(config["data"])


_CONFIG = {
    "network": fields.TEXT,
    "data": fields.PATH,
    "recipe": fields.TABLE,
    "name": fields.PATH.optional,
    "data_dir": fields.or_none(fields.PATH).optional,
    "data_sha256": fields.TEXT.optional,
    "classes": fields.LIST.optional,
    "preprocessing": fields.TABLE.optional,
}


def ended(graph: Graph, recipe: Recipe) -> Graph:
    """The graph with the loss that it is trained with.

    Raises:
        IdleSettingError: the recipe smooths the targets of a loss that has no smoothing.
    """
    check_network(recipe, graph)
    return _with_smoothing(with_loss(graph), 0.0, recipe.smoothing)


def _with_smoothing(graph: Graph, before: float, after: float) -> Graph:
    """The graph whose loss smooths its targets by `after` where it did by `before`."""
    *others, last = graph.nodes
    loss = last.operator
    if not isinstance(loss, SMOOTHED) or loss.smoothing != before or before == after:
        return graph
    changed = replace(last, operator=replace(loss, smoothing=after))
    return Graph((*others, changed), graph.auxiliary)


def _run(session: Session) -> Result:
    batch = min(session.recipe.batch_size, len(session.data.train))
    with stopping(session), enough(session.graph, batch, training=True):
        return session.run()


def _with_start(recipe: Recipe) -> Recipe:
    return replace(recipe, start=str(expanded(recipe.start).resolve())) if recipe.start else recipe


def _own_data(subject: Subject, data_dir: Path | str | None) -> tuple[str, Path | str | None]:
    """What the subject's weights were learned from, or it was published with, else the digits."""
    if subject.published is not None and subject.published.data:
        return subject.published.data, data_dir
    known = subject.model.about.get("data") if subject.model is not None else None
    if not isinstance(known, Mapping) or not isinstance(known.get("source"), str):
        return "digits", data_dir
    source = known["source"]
    return source, data_dir or kept_place(source, known.get("data_dir"))


def _adapted(subject: Subject, network: Graph) -> tuple[str, ...]:
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
