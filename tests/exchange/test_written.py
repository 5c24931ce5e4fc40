"""Matrices and weights that a person writes down: what they mean, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from striate.errors import DataError, WeightsError
from striate.exchange.written import check_complete, read_matrix, read_weights
from striate.notation import parse

GRAPH = parse("INPUT 1x3x3 -> CONV 1 2x2 -> a.b: CONV 2 1x1 bias=no -> RELU")
BOMB = "a: &a [1,1]\nb: [*a,*a]"


@pytest.mark.parametrize(
    ("name", "text", "numbers"),
    [
        ("a.csv", "1,2\n3,4", [[1, 2], [3, 4]]),
        ("a.csv", "\ufeff1, 2,\r\n3, 4,\r\n\r\n", [[1, 2], [3, 4]]),
        ("a.tsv", "1\t-2.5\n3\t4e1\n", [[1, -2.5], [3, 40]]),
        ("a.txt", "  1 2\n3; 4\n", [[1, 2], [3, 4]]),
        ("a.txt", "1 2\n3 4\n\n5 6\n7 8\n", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),
        ("a.txt", "7", [[7]]),
        ("a.yaml", "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("a.yaml", "- [1, .5]\n- [3, 4]\n", [[1, 0.5], [3, 4]]),
        ("a.json", "[[[1, 2]]]", [[[1, 2]]]),
    ],
)
def test_a_matrix(name: str, text: str, numbers: object, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_matrix(tmp_path / name)
    assert found.dtype == np.float64
    assert found.tolist() == numbers


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "1,2\n3", "every row the same length"),
        ("a.csv", "1,x", "'x', which is no number"),
        ("a.csv", "1,\x1b[31m", "which is no number"),
        ("a.csv", "", "holds no numbers"),
        ("a.csv", "1,nan", "not finite"),
        ("a.csv", "1,1e999", "not finite"),
        ("a.yaml", "[1, yes]", "True'?, which is no number"),
        ("a.yaml", "[1, null]", "which is no number"),
        ("a.yaml", "{a: 1}", "which is no number"),
        ("a.yaml", "[1, 2", "cannot be read as YAML"),
        ("a.yaml", f"[{'9' * 400}]", "no matrix"),
        ("a.yaml", BOMB, "are not read"),
        ("a.yaml", "!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a.yaml", "[" * 100_000, "cannot be read as YAML"),
        ("a.yaml", str([1] * 11_000), "more than 10,000"),
        ("a.txt", "1 " * 3_000_000, "more than 4,000,000"),
    ],
)
def test_no_matrix(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said) as caught:
        read_matrix(tmp_path / name)
    assert name in caught.value.what
    assert len(str(caught.value)) < 800


def test_a_matrix_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_matrix(tmp_path / "none.csv")


def test_weights_may_leave_out_axes_of_one(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(
        "conv1: {weight: [[1, 0], [0, -1]], bias: 0.5}\na.b: {weight: [[[[1]]],[[[2]]]]}"
    )
    found = read_weights(file, GRAPH)
    assert found["conv1"]["weight"].tolist() == [[[[1, 0], [0, -1]]]]
    assert found["conv1"]["bias"].tolist() == [0.5]
    assert found["a.b"]["weight"].shape == (2, 1, 1, 1)
    assert found["conv1"]["weight"].dtype == np.float32
    check_complete(GRAPH, found, file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv2: {weight: 1}", "Did you mean conv1"),
        ("relu1: {weight: 1}", "Nodes with weights: conv1, a.b"),
        ("conv1: 1", "conv1 in .* names no weights"),
        ("conv1: {kernel: 1}", "It has weight and bias"),
        ("conv1: {weight: [1, 2]}", "is 2, but the network needs 1x1x2x2"),
        ("conv1: {weight: [[1, 2], [3]]}", "every row the same length"),
        ("conv1: {weight: [[1, 2], [3, .inf]]}", "not finite"),
        ("conv1: {weight: [[1, 2], [3, x]]}", "'x', which is no number"),
        ("a.b: {weight: [[1], [2]]}", "is 2x1, but the network needs 2x1x1x1"),
        ("[1]", "holds no weights by node"),
    ],
)
def test_weights_that_do_not_fit(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(text)
    with pytest.raises(WeightsError) as caught:
        read_weights(tmp_path / "w.yaml", GRAPH)
    assert re.search(said, str(caught.value))


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"conv1.bias \(1\) is not in w.yaml") as caught:
        check_complete(GRAPH, {"conv1": {"weight": np.zeros(1)}}, Path("w.yaml"))
    assert "bias=no" in caught.value.remedy
