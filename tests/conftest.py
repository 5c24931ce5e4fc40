"""What all tests share: measured choices of this run go to a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_choices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests measure on a busy machine out of the user's cache."""
    from striate.fused import choose

    place = tmp_path_factory.mktemp("choices") / "choices.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "_file", lambda: place)
        yield
