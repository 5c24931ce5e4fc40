"""What `striate studio` refuses before it serves anything."""

from __future__ import annotations

import pytest

from command import Striate


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which network?"),
        (("INPUT 4x20 -> FC 3",), "the studio shows networks that read one picture"),
        (("nowhere.net",), "there is no file nowhere.net"),
    ],
)
def test_what_cannot_be_shown_is_said(striate: Striate, words: tuple[str, ...], said: str) -> None:
    done = striate("studio", *words)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())
