"""What is trained: a network as written, one of the catalog, or one that has weights already."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from striate import lookup
from striate.data import DataSet, Preprocessing
from striate.errors import DataError, IdleSettingError, ModelFileError, RunError
from striate.graph import Graph
from striate.model import Model
from striate.networks import NETWORKS, CatalogNetwork
from striate.training.recipe import Recipe
from striate.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainingSubject:
    """A network, and what is known of it before it is trained.

    Args:
        graph: the network.
        name: for the run folder.
        model: the weights it starts from, where it has some.
        place: the file of these weights.
        published: the network of the catalog that it is, where it is one.
        notes: what a person should know of the start.
    """

    graph: Graph
    name: str = "network"
    model: Model | None = None
    place: Path | None = None
    notes: tuple[str, ...] = ()
    published: CatalogNetwork | None = None

    @property
    def fits(self) -> bool:
        """Whether it adapts to the data's classes and size: a network of the catalog does."""
        return self.published is not None

    def recipe(self, data: object) -> Mapping[str, Any]:
        """The settings that it was trained with, where it was, without those of its own start.

        Those of a network of the catalog are as published; their count of validation pictures is
        of the data it was published with.
        """
        if self.published is not None:
            ours = data in ("", self.published.data)
            every = self.published.recipe
            return {key: every[key] for key in every if ours or key != "validation"}
        known = self.model.about.get("recipe") if self.model is not None else None
        own = known if isinstance(known, Mapping) else {}
        return {key: value for key, value in own.items() if key not in STARTS}

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What the weights have learned to be given."""
        return self.model.preprocessing if self.model is not None else None

    @property
    def start(self) -> str:
        """Where the weights come from, for a person; empty when they are drawn."""
        if self.model is None:
            return ""
        return str(self.place) if self.place is not None else "the model"


STARTS = ("start", "initializer", "bias_initializer")
"""Settings that say what the first weights are."""


def subject_of(graph: lookup.NetworkLike, name: str = "") -> TrainingSubject:
    """The subject that a graph, a model, or a word of the command line stands for.

    Raises:
        UnknownNameError, NotationError, ModelFileError: it stands for nothing.
    """
    if isinstance(graph, Graph):
        return TrainingSubject(graph, name or "network")
    if isinstance(graph, Model):
        return TrainingSubject(graph.graph, name or "network", model=graph)
    if not isinstance(graph, Path | str):
        raise _untrainable("the network")
    called = name or lookup.name_of(graph)
    if lookup.CODE.fullmatch(str(graph)):
        raise _untrainable(called)
    _check_has_weights(Path(graph))
    found = lookup.subject_of(graph)
    if isinstance(found, Graph):
        return TrainingSubject(found, called, published=NETWORKS.get(lookup.name_of(graph)))
    if not isinstance(found, Model):
        raise _untrainable(called)
    path = Path(graph)
    if not path.is_dir():
        return TrainingSubject(found.graph, called, model=found, place=path.resolve())
    again = RunFolder(path).resume_command
    more = f"striate train {shlex.quote(str(path))} --epochs N"
    notes = (f"this is a new run; the one in {path} goes on with: {again}; beyond its end: {more}",)
    called = name or re_numbered(path)
    return TrainingSubject(found.graph, called, found, (path / "best.safetensors").resolve(), notes)


def _untrainable(called: str) -> ModelFileError:
    return ModelFileError(
        f"{called} does not say how a picture becomes its input",
        remedy="What came from elsewhere can be shown, explained and verified, not trained.",
    )


def _check_has_weights(path: Path) -> None:
    """Refuse a run folder that holds no weights yet.

    Raises:
        RunError: it says how that run goes on.
    """
    run = RunFolder(path)
    if len(str(path)) < lookup.LONGEST_NAME and run.config.is_file() and not run.best.exists():
        raise RunError(
            f"the run in {path} has no weights yet", remedy=f"Go on with it: {run.resume_command}"
        )


def re_numbered(run: Path) -> str:
    """The name of a run that follows another: lenet-digits-3 -> lenet."""
    parts = run.resolve().name.split("-")
    is_numbered = len(parts) > 2 and parts[-1].isdecimal()
    return "-".join(parts[:-2]) if is_numbered else "network"


def started(subject: TrainingSubject, recipe: Recipe) -> Recipe:
    """The recipe of a run that starts from the subject's weights.

    Raises:
        IdleSettingError: it says how first weights are made, which are there already; or how
            pictures are normalized, which these weights decide.
    """
    if subject.model is None:
        return recipe
    usual = Recipe()
    for name in STARTS:
        if getattr(recipe, name) != getattr(usual, name):
            raise IdleSettingError(
                f"{name} is {getattr(recipe, name)}, which does nothing where the network comes "
                "with its weights",
                setting=name,
                remedy="Leave it out, or give the network's notation in place of its file.",
            )
    prepared = subject.model.preprocessing
    is_plain = not any(prepared.mean) and set(prepared.std) == {1.0}
    if not recipe.normalize and not is_plain:
        raise IdleSettingError(
            "normalize is no, which does nothing where the network comes with its weights",
            setting="normalize",
            remedy="Pictures are prepared as they were when the weights were learned.",
        )
    place = "" if subject.place is None else str(subject.place)
    return replace(recipe, normalize=not is_plain, start=place)


def matched(subject: TrainingSubject, data: DataSet) -> DataSet:
    """The pictures, labeled in the order of classes that the subject's weights have learned.

    Raises:
        DataError: the classes are others.
    """
    if subject.model is None:
        return data
    known = subject.model.classes
    if sorted(known) != sorted(data.classes):
        raise DataError(
            f"the weights of {subject.start} know the classes {_listed(known)}, but {data.name} "
            f"has {_listed(data.classes)}",
            remedy="Classes are matched by name. For others give the network's notation or "
            "name, and its weights as start: striate train NETWORK --start FILE.",
        )
    return data.with_classes(known)


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} … ({len(names)} in all)"
