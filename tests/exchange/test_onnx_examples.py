"""The onnx package's own examples of each operator that has a row: equal, or not expressible."""

from __future__ import annotations

import contextlib
import copy
import io
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from striate.errors import OnnxError  # noqa: E402
from striate.exchange.onnx import read_onnx  # noqa: E402
from striate.exchange.onnx.rows import ROWS  # noqa: E402
from striate.ops import Opaque  # noqa: E402
from striate.reference import run  # noqa: E402

OPAQUE = (
    "its input has 3 spatial axes", "more than its first output is read", "its inputs have",
    "it takes its cells in an order", "its exponents differ", "it copies other cells than RESIZE",
    "it interpolates", "its factors and its sizes differ", "it makes one cell in a way",
    "its sizes are given in a way", "it multiplies rows by columns",
)  # fmt: skip
"""What no operator of ours expresses."""

REFUSED = (
    "works along the axis of the pictures", "axis of the pictures with others",
    "does not begin with", "walks over the pictures",
    "repeats pictures", "adds up over pictures", "stands for several pictures", "axes before that",
    "its size is not known", "which nothing before it makes", "without an axis for pictures",
    "takes nothing from", "cannot be computed", "does not fit what reaches it", "adds pictures",
    "to [3, 4, 0]",
)  # fmt: skip
"""Of examples whose first axis is not that of pictures, or that leave an input out."""


def examples() -> list[Any]:
    """Those of one node that read a float array of two axes or more."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = collect_testcases(None)
    return [
        each
        for each in found
        if each.model is not None
        and len(each.model.graph.node) == 1
        and each.model.graph.node[0].op_type in ROWS
        and isinstance(each.data_sets[0][0][0], np.ndarray)
        and each.data_sets[0][0][0].dtype in (np.float32, np.float64)
        and each.data_sets[0][0][0].ndim > 1
    ]


def read(example: Any, folder: Path) -> Any:
    """The example as a file: its first input is the picture, the others are its arrays.

    What is refused is the reason.
    """
    whole = copy.deepcopy(example.model)
    names = [each.name for each in whole.graph.input[1:]]
    del whole.graph.input[1:]
    for name, array in zip(names, example.data_sets[0][0][1:], strict=False):
        if isinstance(array, np.ndarray):
            whole.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    path = folder / "node.onnx"
    path.write_bytes(whole.SerializeToString())
    try:
        return read_onnx(path)
    except OnnxError as error:
        return error.what


def test_every_example_is_equal_or_not_expressible(tmp_path: Path) -> None:
    counts = Counter[str]()
    for example in examples():
        inputs, wanted = example.data_sets[0]
        found = read(example, tmp_path)
        if isinstance(found, str):
            assert any(each in found for each in REFUSED), (example.name, found)
            counts["refused"] += 1
            continue
        if any(isinstance(node.operator, Opaque) for node in found.graph):
            note = next(each for each in found.notes if "stays opaque" in each)
            assert any(re.search(each, note) for each in OPAQUE), (example.name, note)
            counts["opaque"] += 1
            continue
        values = run(found.graph, found.weights, inputs[0].astype(np.float64)).values
        ends = [found.graph.scores.name, *(each.node for each in found.graph.auxiliary)]
        for name, goal in zip(ends, wanted, strict=False):
            np.testing.assert_allclose(
                values[name], goal, rtol=1e-4, atol=1e-4, err_msg=example.name
            )
        counts["native"] += 1
    assert counts["native"] > 180, counts
    assert counts["native"] > 2 * counts["opaque"], counts
