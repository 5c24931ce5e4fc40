"""ONNX's own tests of its nodes, written as our graphs and run by our judge.

The models and their numbers are made by the `onnx` package on the spot; nothing is downloaded.
Its tests of functions written out as many nodes are left out: their parts have tests of their own.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from onnx_arithmetic import ARITHMETIC
from onnx_layers import LAYERS
from onnx_shapes import REARRANGING
from sample_graph import Cannot, Nothing, SampleGraph
from tally import Suite

TABLE = ARITHMETIC | REARRANGING | LAYERS

EXPLAINED: dict[str, tuple[int, str]] = {}
"""How many tests of a node have other numbers than ours, and why."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
def test_samples_of_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    suite = Suite("onnx nodes", EXPLAINED)
    for case in cases():
        node = case.model.graph.node[0]
        if node.op_type in TABLE:
            suite.count(node.op_type, case.name, partial(judged, TABLE[node.op_type], case))
    with capsys.disabled():
        print("\n" + "\n".join(suite.summary()))
    assert not suite.unexplained, "\n".join(suite.unexplained)
    assert suite.share >= 0.90


def cases() -> list[Any]:
    """The tests of one node each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        every = load_model_tests(kind="node")
    return [case for case in every if len(case.model.graph.node) == 1]


def judged(row: Any, case: Any) -> str:
    """How our graph of a test differs from the numbers that ONNX expects."""
    from onnx.helper import get_attribute_value

    model, (arrays, wanted) = case.model, case.data_sets[0]
    node = model.graph.node[0]
    given = {each.name: get_attribute_value(each) for each in node.attribute}
    given = {key: v.decode() if isinstance(v, bytes) else v for key, v in given.items()}
    given["outputs"] = len(node.output)
    by_name = dict(zip((each.name for each in model.graph.input), arrays, strict=True))
    inputs = [by_name[name] if name else None for name in node.input]
    return compared(row, given, inputs, wanted, case)


def compared(row: Any, given: Any, inputs: Any, wanted: Any, case: Any) -> str:
    """The first difference of values, by ONNX's own tolerance."""
    if all(np.size(each) == 0 for each in wanted):
        raise Nothing("nothing comes out")
    net = SampleGraph()
    built = row(net, given, *inputs)
    values = built if isinstance(built, list) else [built]
    pairs = [(v, np.asarray(w)) for v, w in zip(values, wanted, strict=True) if v is not None]
    if any(w.dtype.kind not in "fiu" for _, w in pairs):
        raise Cannot("numbers of another kind")
    trace = net.traced([value for value, _ in pairs])
    for value, array in pairs:
        mean = net.target is not None and array.ndim == 0
        found = np.array(trace.loss) if mean else trace.values[value.node]
        alike = found.shape == array.shape or found.shape == (1, *array.shape)
        if not alike and not found.size == array.size == 1:
            return f"is {found.shape}, not {array.shape}"
        close = np.isclose(
            found.reshape(array.shape),
            array.astype(np.float64),
            rtol=case.rtol,
            atol=max(case.atol, 1e-6),
            equal_nan=True,
        )
        if not close.all():
            return f"{found.reshape(array.shape)[~close][0]}, not {array[~close][0]}"
    return ""
