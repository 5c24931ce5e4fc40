"""Training from a name or a folder to a run folder, and going on with one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from striate.capacity import enough
from striate.data import DataSet
from striate.data.catalog import kept_place
from striate.data.sources import Source, expanded, kept_as_it_is
from striate.errors import RankError, RunError
from striate.lookup import LONGEST_NAME, NetworkLike
from striate.notation import text
from striate.training.events import Listener, Result
from striate.training.interrupting import stopping
from striate.training.loop import Session
from striate.training.preparing import RunRequest, prepared
from striate.training.progress import shown
from striate.training.ranks import Ranks, joined
from striate.training.recipe import BALANCED, Recipe
from striate.training.resuming import restored
from striate.training.run_folder import RunFolder
from striate.training.subject import TrainingSubject, started, subject_of


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
            first weights. A run folder with nothing but `epochs` goes on: see `resume`.
        data: a data set, its name, a folder of pictures, or arrays: (x, y), or a table of such
            pairs by split (`striate.data.load`); digits, if a network has no other.
        recipe: how; `settings` change single entries of it (epochs=3). `start` takes what fits
            from a model file or run folder; `freeze` names layers that keep their weights
            ("conv*", or a list of patterns).
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
    if not isinstance(data, DataSet):
        data = kept_as_it_is(data)
    is_alone = recipe is None and run is None and not name and isinstance(data, str) and not data
    if is_alone and settings.keys() == {"epochs"} and _is_run(graph):
        return resume(str(graph), data_dir=data_dir, on_event=on_event, quiet=quiet, **settings)
    subject = subject_of(graph, name)
    base = subject.recipe(data) if recipe is None else recipe.to_dict()
    chosen = started(subject, _placed(Recipe.changed(base, _in_words(settings))))
    if isinstance(data, str) and not data:
        data, data_dir = _own_data(subject, data_dir)
    with joined() as ranks, shown(on_event, quiet or not ranks.is_first) as listen:
        session = prepared(RunRequest(subject, data, data_dir, chosen), listen, ranks)
        kind = Path(session.data.name.strip("<>")).name
        place = None if run is None else expanded(run)
        folder = session.folder = ranks.agreed(
            lambda: RunFolder.create(place, f"{subject.name}-{kind}")
        )
        try:
            with _locked(folder, ranks):
                ranks.agreed(lambda: _begin(session, subject))
                return _run(session)
        except RunError:
            if ranks.is_first:
                folder.abandon()
            raise


def _is_run(graph: NetworkLike) -> bool:
    """Whether it is a run folder with weights."""
    if not isinstance(graph, Path | str) or len(str(graph)) >= LONGEST_NAME:
        return False
    folder = RunFolder(Path(graph))
    return folder.config.is_file() and folder.best.exists()


def _in_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a list of patterns as one text."""
    freeze = settings.get("freeze", "")
    joined = {} if isinstance(freeze, str) else {"freeze": ",".join(map(str, freeze))}
    return {**settings, **joined}


def _begin(session: Session, subject: TrainingSubject) -> None:
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
                "preprocessing": session.preprocessing.to_dict(),
                **({} if subject.model is None else {"classes": list(session.data.classes)}),
            }
        )


def resume(
    run: Path | str,
    *,
    data: DataSet | Source | None = None,
    data_dir: Path | str | None = None,
    epochs: int | None = None,
    on_event: Listener | None = None,
    quiet: bool = False,
) -> Result:
    """Go on with a run that was killed or interrupted, to the numbers an unbroken one has.

    A run that is finished is judged again, unless it is given more epochs.

    Args:
        data: the pictures, where they were handed over as arrays; else those that the run names.
        epochs: how many the run shall have in all. Optimizer and random numbers go on where they
            were, so that it ends as a run that had so many from the start; where the schedule
            looks ahead, it is said that it does not.
        quiet: show nothing; without it and without `on_event`, progress is shown.

    Raises:
        RunError: no run folder, or its data has changed, or it has so many epochs already.
    """
    folder = RunFolder.open(expanded(run))
    with (
        joined() as ranks,
        _locked(folder, ranks),
        shown(on_event, quiet or not ranks.is_first) as listen,
    ):
        return _run(restored(folder, data, data_dir, epochs, listen, ranks))


def _locked(folder: RunFolder, ranks: Ranks) -> AbstractContextManager[None]:
    """Hold the folder for these ranks: the first of them does."""
    return folder.locked() if ranks.is_first else nullcontext()


def _run(session: Session) -> Result:
    batch = session.recipe.part_size(len(session.data.train))
    try:
        with stopping(session), enough(session.graph, batch, training=True):
            return session.run()
    except RankError as error:
        error.remedy = f"What was saved is whole. Go on with: {session.folder.resume_command}"
        raise


def _placed(recipe: Recipe) -> Recipe:
    """The recipe with whole paths, which are found from any folder."""
    weights = recipe.class_weights
    if recipe.start:
        recipe = replace(recipe, start=str(expanded(recipe.start).resolve()))
    if weights not in ("", BALANCED):
        recipe = replace(recipe, class_weights=str(expanded(weights).resolve()))
    return recipe


def _own_data(
    subject: TrainingSubject, data_dir: Path | str | None
) -> tuple[str, Path | str | None]:
    """What the subject's weights were learned from, or it was published with, else the digits."""
    if subject.published is not None and subject.published.data:
        return subject.published.data, data_dir
    known = subject.model.about.get("data") if subject.model is not None else None
    if not isinstance(known, Mapping) or not isinstance(known.get("source"), str):
        return "digits", data_dir
    source = known["source"]
    return source, data_dir or kept_place(source, known.get("data_dir"))
