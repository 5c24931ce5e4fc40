"""The pictures that a model was trained on, or that it is judged by, as it takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from striate.errors import StriateError

if TYPE_CHECKING:
    from striate.data import DataSet
    from striate.data.sources import Source
    from striate.model import Model


def data_of(model: Model, data: Source, data_dir: Path | None, *, judging: bool = False) -> DataSet:
    """The pictures called `data`, or those the model was trained on, as the model takes them.

    Args:
        judging: of other pictures than the model was trained on, none are set aside.

    Raises:
        StriateError: the model does not say, and nothing else is named.
    """
    from striate.data import load
    from striate.data.catalog import kept_place
    from striate.data.sources import called, kept_as_it_is
    from striate.data.tree import Tree

    own, place = model.learned_from
    source = own if isinstance(data, str) and not data else kept_as_it_is(data)
    if isinstance(source, str) and not source:
        raise StriateError("which pictures?", remedy="Name them: --data mnist, or a folder.")
    recipe = model.about.get("recipe", {})
    channels, height, width = model.preprocessing.shape
    whole = partial(
        load,
        source,
        data_dir=data_dir or kept_place(source, place),
        size=(height, width),
        channels=channels,
        validation=recipe.get("validation"),
        seed=recipe.get("seed", 0),
    )
    if not judging:
        return whole()
    if isinstance(source, Tree):  # arrays have no name to know them by
        return _learned_from(model, whole) or whole(judging=True)
    return whole(judging=not _is_same(called(source), own))


def _learned_from(model: Model, whole: Callable[[], DataSet]) -> DataSet | None:
    """The pictures, if the model has learned from them; None for others."""
    try:
        found = whole()
    except StriateError:  # nothing can be learned from them
        return None
    about = model.about.get("data")
    is_known = isinstance(about, Mapping) and found.sha256 == about.get("sha256")
    return found if is_known else None


def _is_same(source: str, other: str) -> bool:
    """Whether two names, or two folders, are one."""
    from striate.data.catalog import named
    from striate.data.sources import expanded

    if named(source) or named(other) or not other:
        return source == other
    return expanded(source).resolve() == expanded(other).resolve()
