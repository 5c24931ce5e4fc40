"""`striate memory`: what is said, the promised form, and when the answer is no."""

from __future__ import annotations

import json

import pytest

from command import Striate

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


def test_it_says_parts_peak_and_the_largest_batch(striate: Striate) -> None:
    done = striate("memory", SMALL, "--batch", "64", "--optimizer", "adam", "--budget", "1MiB")
    assert done.code == 0
    for said in ("64", "state of adam", "MAXPOOL", "backward pass of relu1", "pictures to train"):
        assert said in done.out
    assert "takes more on top" in done.out


def test_json_is_one_line_of_the_promised_form(striate: Striate) -> None:
    done = striate("memory", SMALL, "--batch", "8", "--optimizer", "momentum", "--json")
    form = json.loads(done.out)
    assert form["schema_version"] == 1
    assert form["weights"] == form["gradients"] == form["optimizer"] == 4 * (40 + 370)
    assert form["train_bytes"] > form["infer_bytes"] > form["saved"] / 2
    assert form["peak_at"] == "relu1"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((SMALL, "--budget", "1kB"), 1, "no picture to train"),
        ((SMALL, "--budget", "much"), 2, "Write 8GiB"),
        ((SMALL, "--optimizer", "adamm"), 2, "Did you mean adam"),
        ((SMALL, "--dtype", "float8"), 2, "Did you mean float64"),
        ((SMALL, "--batch", "0"), 2, "batch"),
        ((SMALL, "--input", "3x8x8"), 2, "says itself what enters"),
        (("alexnt",), 2, "Did you mean alexnet"),
    ],
)
def test_the_answer_may_be_no_and_the_request_wrong(
    striate: Striate, words: tuple[str, ...], code: int, said: str
) -> None:
    done = striate("memory", *words)
    assert done.code == code
    assert said in done.out + done.err
