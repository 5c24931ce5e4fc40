"""The words for padding that keep, or divide, the size: ours and PyTorch's, Keras', and ONNX's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import striate
from striate.builder import Conv as BuiltConv
from striate.builder import Input as BuiltInput
from striate.errors import SettingError
from striate.exchange.json import from_json, to_json
from striate.graph import Call, Spec
from striate.graph.window import Window, windows
from striate.ops import AveragePool, Conv, L2Pool, MaxPool


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "same", "upper", "lower"),
    [
        (28, 3, 1, 1, (1, 1), (1, 1), (1, 1)),
        (28, 3, 2, 1, (1, 1), (0, 1), (1, 0)),  # where Keras and PyTorch part
        (29, 3, 2, 1, (1, 1), (1, 1), (1, 1)),
        (224, 7, 2, 1, (3, 3), (2, 3), (3, 2)),
        (28, 4, 1, 1, (1, 2), (1, 2), (2, 1)),
        (10, 5, 3, 1, (2, 2), (2, 2), (2, 2)),
        (9, 2, 3, 1, (0, 1), (0, 0), (0, 0)),  # nothing to pad: windows have gaps
        (10, 1, 4, 1, (0, 0), (0, 0), (0, 0)),
        (12, 3, 2, 3, (3, 3), (2, 3), (3, 2)),
    ],
)
def test_sides_by_hand(
    size: int, kernel: int, stride: int, dilation: int, same: Any, upper: Any, lower: Any
) -> None:
    for word, sides in (("same", same), ("same_upper", upper), ("same_lower", lower)):
        (window,) = windows(1, kernel, stride, word, dilation, sizes=(size,))
        assert window == Window(kernel, stride, dilation, *sides), word
        assert window.outputs(size) == -(-size // stride), word


def test_a_convolution_by_hand() -> None:
    """Keras' Conv1D(1, 3, strides=2, padding='same') of ones over 1, 2, 4, 8, 16, 32."""
    x = np.array([[[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]]])
    call = Call((x,), {"weight": np.ones((1, 1, 3))})
    answers = {
        word: Conv(1, 3, 2, word, bias=False).forward(call)[0, 0].tolist()
        for word in ("same", "same_upper", "same_lower")
    }
    assert answers["same"] == answers["same_lower"] == [3.0, 14.0, 56.0]
    assert answers["same_upper"] == [7.0, 28.0, 48.0]


TEXT = "INPUT 2x9x8 -> CONV 3 3x4 {0} stride=2 -> MAXPOOL 2 {0} stride=3 -> CONV 2 3x3 {0} -> FC 3"


@pytest.mark.parametrize("word", ["same_upper", "same_lower"])
def test_a_word_of_the_notation(word: str) -> None:
    graph = striate.parse(TEXT.format(word))
    assert striate.text(graph).split() == TEXT.format(word).split()
    assert from_json(to_json(graph)) == graph
    assert [graph.specs[name].shape for name in ("conv1", "pool1")] == [(3, 5, 4), (3, 2, 2)]
    assert striate.verify(graph).ok
    built = (BuiltInput(2, 9, 8) >> BuiltConv(3, (3, 4), 2, padding=word)).graph()
    assert built["conv1"] == graph["conv1"]


def test_other_words_are_refused() -> None:
    with pytest.raises(SettingError, match="same_upper, same_lower"):
        Conv(3, 3, padding="upper")
    with pytest.raises(SettingError, match="for CONV and pools alone"):
        striate.parse("INPUT 2x9x8 -> DECONV 3 3x3 same_upper")


CONVS = [(k, s) for k in ((1, 1), (2, 2), (3, 4)) for s in (1, 2, 3)]
POOLS = [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]


@pytest.mark.parametrize("word", ["same_upper", "same_lower"])
def test_the_same_numbers_as_onnxruntime(word: str) -> None:
    pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 10, 7))
    for kernel, stride in CONVS:
        conv = Conv(4, kernel, stride, word, bias=False)
        weight = rng.standard_normal((4, 3, *kernel))
        ours = conv.forward(Call((x,), {"weight": weight}))
        theirs = _onnx("Conv", x, word, kernel, stride, weight)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for size, stride in POOLS:
        for pool, kind, more in (
            (MaxPool(size, stride, word), "MaxPool", {}),
            (AveragePool(size, stride, word), "AveragePool", {"count_include_pad": 1}),
            (AveragePool(size, stride, word, include_padding=False), "AveragePool", {}),
            (L2Pool(size, stride, word), "LpPool", {"p": 2}),
        ):
            theirs = _onnx(kind, x, word, (size, size), stride, **more)
            assert pool.shape(Spec(x.shape[1:])).shape == theirs.shape[1:]
            np.testing.assert_allclose(pool.forward(Call((x,), {})), theirs, atol=1e-5)


def _onnx(
    kind: str, x: Any, word: str, kernel: Any, stride: int, weight: Any = None, **more: Any
) -> Any:
    """The answer of ONNX Runtime to one operator with auto_pad."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    names = ["x"] if weight is None else ["x", "w"]
    settings = {"auto_pad": word.upper(), "kernel_shape": kernel, "strides": [stride] * 2}
    node = helper.make_node(kind, names, ["y"], **settings, **more)
    kept = [] if weight is None else [numpy_helper.from_array(weight.astype(np.float32), "w")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x.astype(np.float32)})[0]
