"""Going on with a run: what its config.yaml says, and what more epochs change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from striate.data import DataSet, Preprocessing
from striate.data.catalog import kept_place
from striate.data.sources import Source
from striate.engine import pays
from striate.errors import RunError
from striate.exchange import fields
from striate.graph import Graph
from striate.notation import parse
from striate.training.ending import bare, ended
from striate.training.events import Listener
from striate.training.first_weights import first_weights
from striate.training.fit import check_fit, loaded
from striate.training.loop import Origin, Session
from striate.training.patience import is_over
from striate.training.preparing import telling
from striate.training.ranks import ALONE, Ranks
from striate.training.recipe import Recipe
from striate.training.run_folder import RunFolder
from striate.training.schedules import rate


def read_config(config: Mapping[str, Any], path: Path) -> tuple[Graph, Recipe, str]:
    """Network, recipe and data of a config.yaml; what the recipe asks of the loss is not in it.

    Raises:
        RunError: an entry is missing, or of another kind.
    """
    fields.checked(config, _CONFIG, str(path), RunError, others=True)
    recipe = Recipe.from_dict(config["recipe"])
    graph = parse(str(config["network"]))
    return bare(graph, recipe)[0], recipe, str(config["data"])


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


def restored(
    folder: RunFolder,
    data: DataSet | Source | None,
    data_dir: Path | str | None,
    epochs: Any,
    listen: Listener,
    ranks: Ranks = ALONE,
) -> Session:
    """The session of a run folder, at its last state.

    Args:
        epochs: how many the run shall have in all; None for as many as it began with.

    Raises:
        RunError: the folder, its state or its data are not what they were, or more epochs would
            change nothing.
    """
    config = folder.read_config()
    network, begun, source = read_config(config, folder.config)
    recipe = begun if epochs is None else Recipe.changed(begun.to_dict(), {"epochs": epochs})
    _, weights = bare(parse(str(config["network"])), begun)
    network = ended(network, recipe, weights)
    where = data_dir or kept_place(source, config.get("data_dir"))
    pictures = data if isinstance(data, DataSet) else None
    if pictures is None:
        known = source if data is None else data
        pictures = loaded(network, known, where, recipe, progress=telling(listen))  # type: ignore[arg-type]
    pictures = _same(pictures, source, config, folder)
    prepared = config.get("preprocessing")
    check_fit(network, pictures, recipe)
    if ranks.is_first:
        folder.sweep()
    is_begun = folder.state.exists()
    session = Session(
        network,
        pictures,
        recipe,
        folder,
        listen,
        None if is_begun else first_weights(network, recipe, pictures.classes).weights,
        origin=Origin(source, None if where is None else str(where)),
        preprocessing=None if prepared is None else Preprocessing.from_dict(prepared),
        ranks=ranks,
    )
    session.restore()
    if epochs is not None:
        _check_longer(session)
        session.notes = tuple(_differences(session, begun))
        if ranks.is_first:
            with folder.writing():
                folder.write_config({**config, "recipe": recipe.to_dict()})
    return session


def _same(pictures: DataSet, source: str, config: Mapping[str, Any], folder: RunFolder) -> DataSet:
    """The pictures in the order of classes that the run has, if they are what it began with.

    Raises:
        RunError: they are others.
    """
    if pictures.sha256 != config.get("data_sha256"):
        raise RunError(
            f"the training pictures of {source} are no longer those of {folder.path}",
            remedy="Bring them back, or start a new run.",
        )
    classes = config.get("classes")
    return pictures.with_classes(tuple(map(str, classes))) if classes else pictures


def _check_longer(session: Session) -> None:
    """Refuse to go on where nothing is left to do.

    Raises:
        RunError: it says how many epochs there were, or what ended the run before them.
    """
    recipe, now = session.recipe, session.position
    path = session.folder.path
    if recipe.epochs <= now.epoch:
        raise RunError(
            f"the run in {path} has {now.epoch} epochs already",
            remedy=f"epochs counts them all: {now.epoch + recipe.epochs} for {recipe.epochs} more. "
            "For a new run that starts from its weights, name a folder: --run FOLDER.",
        )
    if now.epoch and is_over(now.progress, recipe, now.epoch, now.step):
        cause = next(
            f"{name} is {getattr(recipe, name)}"
            for name in ("steps", "patience", "patience_steps")
            if getattr(recipe, name)
        )
        raise RunError(
            f"the run in {path} ended after epoch {now.epoch} because {cause}, not for want of "
            "epochs",
            remedy="For a new run that starts from its weights, name a folder: --run FOLDER.",
        )


def _differences(session: Session, begun: Recipe) -> Iterator[str]:
    """What makes this run another than one that had as many epochs from the start."""
    recipe, done, count = session.recipe, session.position.step, len(session.batches)
    if any(rate(begun, k, count) != rate(recipe, k, count) for k in range(done)):
        yield (
            f"schedule is {recipe.schedule}: so far the rates were those of {begun.epochs} epochs, "
            f"from here they are those of {recipe.epochs}; an unbroken run ends in other weights"
        )
    pictures = len(session.data.train)
    if pays(session.graph, pictures * begun.epochs, training=True) != session.is_fused:
        yield "compiled kernels are used from here on, which round otherwise"
