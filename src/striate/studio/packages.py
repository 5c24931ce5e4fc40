"""The packages of the extra `studio`, which are there only where somebody wants the page."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from striate.errors import StriateError


def package(name: str) -> Any:
    """A package that the extra `studio` installs, or a module of it.

    Raises:
        StriateError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise StriateError(
            f"the studio needs the package {name.partition('.')[0]}, which is not installed",
            remedy='Install it: pip install "striate[studio]".',
        ) from None
