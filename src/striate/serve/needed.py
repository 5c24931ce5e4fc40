"""The packages of the extra `serve`, which are there only where somebody serves."""

from __future__ import annotations

from importlib.util import find_spec

from striate.errors import SettingError

PACKAGES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
"""Modules, and the packages that they come in."""


def is_there() -> bool:
    """Whether all of them are installed."""
    return all(find_spec(name) is not None for name in PACKAGES)


def check_packages() -> None:
    """Refuse to serve without them.

    Raises:
        SettingError: one is not installed.
    """
    for name, package in PACKAGES.items():
        if find_spec(name) is None:
            raise SettingError(
                f"serving needs the package {package}, which is not installed",
                remedy='Install it: pip install "striate[serve]".',
            )
