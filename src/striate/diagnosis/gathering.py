"""From a word of the command line, a network or a model to the evidence of a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate import lookup
from striate.analysis.subject import nested
from striate.data import DataSet
from striate.data.catalog import kept_place
from striate.data.download import offline
from striate.data.sources import Source, called, kept_as_it_is
from striate.diagnosis.evidence import Evidence, PreparedPictures
from striate.diagnosis.record import is_run, read_record
from striate.errors import StriateError
from striate.graph import Graph
from striate.graph.imported import Explainable
from striate.model import Model
from striate.networks import NETWORKS
from striate.notation import text
from striate.ops.arrays import Weights
from striate.training.ending import ended
from striate.training.first_weights import first_weights
from striate.training.fit import check_fit, loaded, suited, surveyed
from striate.training.loop import preprocessing_of
from striate.training.recipe import Recipe
from striate.training.resuming import read_config
from striate.training.run_folder import RunFolder
from striate.training.subject import TrainingSubject


def gathered(
    subject: lookup.NetworkLike | Explainable,
    data: DataSet | Source,
    recipe: Recipe | None,
    data_dir: Path | str | None,
    settings: Mapping[str, Any],
    first: Weights | None = None,
) -> Evidence:
    """The evidence; the arguments are those of `diagnose`.

    Raises:
        StriateError: the subject or the pictures cannot be read, or do not fit.
    """
    if isinstance(subject, str | Path) and is_run(subject):
        return _of_run(Path(subject), data, recipe, data_dir, settings)
    found = subject if isinstance(subject, Explainable) else lookup.subject_of(subject)
    if isinstance(found, Graph):
        return _of_graph(found, subject, data, recipe, data_dir, settings, first)
    return _of_weighted(found, subject, data, recipe, data_dir, settings)


def _of_run(
    path: Path,
    data: DataSet | Source,
    recipe: Recipe | None,
    data_dir: Path | str | None,
    settings: Mapping[str, Any],
) -> Evidence:
    """A run: its last weights, or its first ones where it has written none."""
    folder = RunFolder(path)
    record = read_record(folder)
    graph, own, source = read_config(record.settings, folder.config)
    chosen = _recipe(recipe, own.to_dict(), settings)
    graph = ended(graph, chosen)
    place = data_dir or kept_place(source, record.settings.get("data_dir"))
    model = next((Model.load(f) for f in (folder.last, folder.best) if f.is_file()), None)
    pictures = _pictures(graph, data, source, place, chosen, model)
    weights = _drawn(graph, chosen, pictures) if model is None else model.weights
    return Evidence(
        str(path), graph, weights, model is not None, chosen, given=pictures, run=record
    )


def _of_graph(
    graph: Graph,
    word: object,
    data: DataSet | Source,
    recipe: Recipe | None,
    data_dir: Path | str | None,
    settings: Mapping[str, Any],
    first: Weights | None,
) -> Evidence:
    """A network with first weights, fitted to the pictures if it is of the catalog."""
    name = lookup.name_of(word) if isinstance(word, str | Path) else "network"
    known = TrainingSubject(graph, name, published=NETWORKS.get(name))
    source = data if isinstance(data, DataSet) else kept_as_it_is(data)
    chosen = _recipe(recipe, known.recipe(source), settings)
    if known.fits and not _is_empty(source):
        graph = suited(graph, surveyed(source))
    graph = ended(graph, chosen)
    pictures = _pictures(graph, source, "", data_dir, chosen, None)
    weights = _drawn(graph, chosen, pictures) if first is None else nested(first)
    said = str(word) if isinstance(word, str | Path) else " ".join(text(graph).split())
    brings = known.fits and recipe is None
    repeated = settings if brings else chosen.unusual
    return Evidence(said, graph, weights, False, chosen, given=pictures, repeated=repeated)


def _of_weighted(
    found: Explainable,
    word: object,
    data: DataSet | Source,
    recipe: Recipe | None,
    data_dir: Path | str | None,
    settings: Mapping[str, Any],
) -> Evidence:
    """A model, or a network that came with its weights from elsewhere."""
    model = found if isinstance(found, Model) else None
    about = model.about.get("recipe") if model else None
    own = about if isinstance(about, Mapping) else {}
    chosen = _recipe(recipe, own, settings)
    graph = ended(found.graph, chosen)
    source, place = model.learned_from if model else ("", None)
    pictures = _pictures(graph, data, source, data_dir or place, chosen, found)
    said = str(word) if isinstance(word, str | Path) else " ".join(text(graph).split())
    is_known = bool(own) or recipe is not None or bool(settings)
    weights = nested(found.weights)
    return Evidence(
        said,
        graph,
        weights,
        True,
        chosen,
        given=pictures,
        knows_recipe=is_known,
        repeated=settings if own and recipe is None else chosen.unusual,
    )


def _drawn(graph: Graph, recipe: Recipe, pictures: PreparedPictures | None) -> Weights:
    classes = pictures.data.classes if pictures is not None else ()
    return first_weights(graph, recipe, classes).weights


def _recipe(given: Recipe | None, own: Mapping[str, Any], settings: Mapping[str, Any]) -> Recipe:
    return Recipe.changed(own if given is None else given.to_dict(), settings)


def _is_empty(data: object) -> bool:
    return isinstance(data, str) and not data


def _pictures(
    graph: Graph,
    data: DataSet | Source,
    own: str,
    data_dir: Path | str | None,
    recipe: Recipe,
    weighted: Explainable | None,
) -> PreparedPictures | None:
    """The pictures that are named; else the subject's own, where they are on this computer.

    Raises:
        StriateError: those that are named cannot be used.
    """
    if not _is_empty(data):
        return _fitting(graph, data, data_dir, recipe, weighted)
    if not own:
        return None
    try:
        with offline():
            return _fitting(graph, own, data_dir, recipe, weighted)
    except StriateError:  # they are no longer there
        return None


def _fitting(
    graph: Graph,
    data: DataSet | Source,
    data_dir: Path | str | None,
    recipe: Recipe,
    weighted: Explainable | None,
) -> PreparedPictures:
    source = data if isinstance(data, DataSet) else kept_as_it_is(data)
    found = source if isinstance(source, DataSet) else loaded(graph, source, data_dir, recipe)
    if weighted is not None and weighted.classes:
        found = found.with_classes(tuple(weighted.classes))
    check_fit(graph, found, recipe)
    # What came from elsewhere does not say how pictures enter: then as they usually do.
    own = weighted.preprocessing if isinstance(weighted, Model) else None
    return PreparedPictures(found, own or preprocessing_of(found, recipe), called(source))
