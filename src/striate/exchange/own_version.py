"""The version of this package, which files carry."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """As installed; in words where the source tree is run as it is."""
    try:
        return version("striate")
    except PackageNotFoundError:
        return "not installed"
