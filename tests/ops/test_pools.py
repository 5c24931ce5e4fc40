"""Pools beside ONNX Runtime's: strides, gaps, padding, rounding and powers in every combination."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import striate
from striate.graph import Call, Operator
from striate.ops import AdaptiveMaxPool, AveragePool, L2Pool, MaxPool


def test_the_same_numbers_as_onnxruntime() -> None:
    pytest.importorskip("onnxruntime")
    x = np.random.default_rng(0).standard_normal((2, 2, 9, 6))
    cases = product((2, 3), (1, 3), ("valid", 1), (1, 2), (False, True))
    for kernel, stride, padding, dilation, ceil in cases:
        window = kernel, stride, padding
        pools: list[tuple[str, Operator, dict[str, int]]] = [
            ("MaxPool", MaxPool(*window, dilation, ceil), {}),
            ("LpPool", L2Pool(*window, ceil, 1.0, dilation), {"p": 1}),
            ("LpPool", L2Pool(*window, ceil, 3.0, dilation), {"p": 3}),
        ]
        pools += [
            (
                "AveragePool",
                AveragePool(*window, ceil, include, dilation=dilation),
                {"count_include_pad": int(include)},
            )
            for include in (False, True)
        ]
        settings = {
            "kernel_shape": [kernel] * 2,
            "strides": [stride] * 2,
            "pads": [int(padding == 1)] * 4,
            "dilations": [dilation] * 2,
            "ceil_mode": int(ceil),
        }
        for kind, pool, more in pools:
            theirs = _onnx(kind, x, **settings, **more)
            np.testing.assert_allclose(
                pool.forward(Call((x,))), theirs, atol=1e-5, err_msg=f"{pool}"
            )


def _onnx(kind: str, x: Any, **settings: Any) -> Any:
    """The answer of ONNX Runtime to one operator."""
    import onnxruntime
    from onnx import TensorProto, helper

    node = helper.make_node(kind, ["x"], ["y"], **settings)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([node], "one", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x.astype(np.float32)})[0]


@pytest.mark.parametrize(
    ("text", "pool"),
    [
        ("GLOBALMAXPOOL", AdaptiveMaxPool()),
        ("LPPOOL 2 p=3", L2Pool(2, p=3.0)),
        ("L2POOL 2 dilation=2x1", L2Pool(2, dilation=(2, 1))),
        ("AVGPOOL 2 divisor=3 include_padding=no", AveragePool(2, divisor=3)),
        ("AVGPOOL 3 stride=2 pad=1 ceil dilation=2", AveragePool(3, 2, 1, True, dilation=2)),
    ],
)
def test_their_words(text: str, pool: Operator) -> None:
    graph = striate.parse(f"INPUT 2x9x8 -> {text}")
    assert graph["pool1"].operator == pool
    assert striate.parse(striate.text(graph)) == graph
    assert striate.verify(graph).ok
