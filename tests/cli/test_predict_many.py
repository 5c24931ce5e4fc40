"""`striate predict` on any number of pictures: rows in a file, patterns, what cannot be read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from command import Striate
from striate.cli import answers
from striate.data.given import Given
from striate.model import Model

ODD = ("=1+1.png", "+a.png", "-b.png", "@c.png", 'a, "b"\nc.png', "plain.png", "\u00e9.png")


def rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_of_any_names_is_read_back(
    striate: Striate, trained: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in").mkdir()
    for name in ODD:
        Path("in", name).write_bytes(picture.read_bytes())
    monkeypatch.chdir("in")
    done = striate("predict", str(trained), ".", "./-b.png", "--csv", "../o.csv")
    assert (done.code, "o.csv: 8 pictures" in done.out) == (0, True)
    found = rows("../o.csv")
    assert [*found[0]] == ["path", "label", "probability", *map(str, range(10))]
    assert all(Path(each["path"]).exists() for each in found)
    assert not any(each["path"].startswith(answers.FORMULA) for each in found)
    form = json.loads(striate("predict", str(trained), "plain.png", "--json").out)
    [best] = form["predictions"]
    plain = next(each for each in found if each["path"] == "plain.png")
    assert plain["label"] == best["class"]
    assert plain["probability"] == plain[best["class"]]
    assert float(plain["probability"]) == pytest.approx(best["probability"], rel=1e-5)
    assert sum(float(plain[str(k)]) for k in range(10)) == pytest.approx(1)


def test_names_of_classes_are_no_formulas(trained: Path, tmp_path: Path) -> None:
    model = Model.load(trained)
    named = replace(model, classes=("=cmd", "-1", "path", *model.classes[3:]))
    with answers.Csv(tmp_path / "o.csv", named.classes) as sink:
        [best] = named.predictions([Given(numbers=[[[0.0] * 8] * 8])], 1)
        sink.add(answers.Answer("x.png", best, ()))
        sink.end(())
    [row] = rows(str(tmp_path / "o.csv"))
    assert [*row][3:6] == ["'=cmd", "-1", "class path"]


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(
    striate: Striate, trained: Path, picture: Path
) -> None:
    Path("in").mkdir()
    for name in ("1.png", "3.png"):
        Path("in", name).write_bytes(picture.read_bytes())
    Path("in/2.png").write_bytes(b"nothing")
    done = striate("predict", str(trained), "in", "--csv", "o.csv", "--json")
    form = json.loads(done.out)
    assert done.code == 1
    assert "1 of 3 cannot be read" in done.err
    assert [each["path"] for each in rows("o.csv")] == ["in/1.png", "in/3.png"]
    assert [each["picture"] for each in form["predictions"]] == ["in/1.png", "in/3.png"]
    assert [each["picture"] for each in form["errors"]] == ["in/2.png"]
    again = striate("predict", str(trained), "in/1.png", "--csv", "o.csv")
    assert (again.code, "o.csv exists already" in again.err) == (2, True)
    none = striate("predict", str(trained), "in/2.png", "--csv", "n.csv")
    assert (none.code, sorted(os.listdir())) == (2, ["in", "o.csv"])
    lost = striate("predict", str(trained), "in/1.png", "--csv", "no/n.csv")
    assert (lost.code, "there is no folder no" in lost.err) == (2, True)


def test_patterns_stand_for_pictures(striate: Striate, trained: Path, picture: Path) -> None:
    for name in ("in/1.png", "in/below/2.png", "in/[x].png", "in/no.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(picture.read_bytes())

    def found(word: str) -> list[str]:
        form = json.loads(striate("predict", str(trained), word, "--json").out)
        return [each["picture"] for each in form["predictions"]]

    assert found("in/*") == ["in/1.png", "in/[x].png"]
    assert found("in/**/[0-9].png") == ["in/1.png", "in/below/2.png"]
    assert found("in/[x].png") == ["in/[x].png"]
    done = striate("predict", str(trained), "in/*.gif")
    assert (done.code, "no picture file is called in/*.gif" in done.err) == (2, True)


def test_no_more_than_a_batch_is_read_ahead(trained: Path) -> None:
    read = 0

    def pictures() -> Iterator[str]:
        nonlocal read
        for k in range(30):
            read += 1
            yield f"digits#{k}"

    model = Model.load(trained)
    given = model.predictions(pictures(), 30, batch_size=4)
    for done, prediction in enumerate(given, 1):
        assert done <= read < done + 4
        assert prediction.probability == pytest.approx(
            model.predict(f"digits#{done - 1}")[0].probability, rel=1e-5
        )
        if done == 9:
            break


def test_a_long_table_is_printed_in_parts(
    striate: Striate, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ROWS", 2)
    done = striate("predict", str(trained), *(f"digits#{k}" for k in range(5)))
    assert done.out.count("picture") == 3
    assert all(f"digits#{k}" in done.out for k in range(5))
