"""Small ONNX files written by hand: every form that a reader must know, old ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

F = np.float32
RNG = np.random.default_rng(7)


class File(NamedTuple):
    """One node, or several, with what they read."""

    kind: str
    version: int
    attributes: Mapping[str, Any] = {}
    constants: tuple[Any, ...] = ()
    shape: tuple[int, ...] = (2, 4, 6, 8)
    opaque: bool = False
    outputs: int = 1
    same: Any = None  # a newer form, where nobody runs this one any more


def drawn(*sizes: int) -> Any:
    """An array of normal numbers."""
    return RNG.standard_normal(sizes).astype(F)


def ints(*numbers: int) -> Any:
    """An array of whole numbers."""
    return np.array(numbers, np.int64)


def above_zero(*sizes: int) -> Any:
    """An array of numbers above zero."""
    return np.abs(drawn(*sizes)) + F(0.5)


def model(
    nodes: Sequence[Any],
    shape: Sequence[int | str | None],
    constants: Mapping[str, Any],
    *,
    version: int = 18,
    outputs: Sequence[str] = ("y",),
) -> Any:
    """A model of nodes that read `x` and the constants; before version 9 those are inputs too."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    kept = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    if version < 9:
        inputs += [helper.make_tensor_value_info(k.name, k.data_type, k.dims) for k in kept]
    ends = [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs]
    graph = helper.make_graph(nodes, "network", inputs, ends, kept)
    opsets = [helper.make_opsetid("", version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=3 if version < 9 else 8)


def one_node(file: File) -> Any:
    """The model of a row of the table below."""
    names = [f"c{k}" if each is not None else "" for k, each in enumerate(file.constants)]
    outputs = [f"y{k}" for k in range(file.outputs)] if file.outputs > 1 else ["y"]
    node = helper.make_node(file.kind, ["x", *names], outputs, **file.attributes)
    given = {n: c for n, c in zip(names, file.constants, strict=True) if c is not None}
    shape = ("N", *file.shape[1:])
    return model([node], shape, given, version=file.version, outputs=outputs)


def judged(whole: Any, x: Any) -> list[Any]:
    """What ONNX Runtime computes; the evaluator of onnx where it has no kernel."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = whole.SerializeToString()
    providers = ["CPUExecutionProvider"]
    try:
        session = runtime.InferenceSession(content, options, providers=providers)
    except Exception:  # no kernel: its kinds of error are its own
        from onnx.reference import ReferenceEvaluator

        return list(ReferenceEvaluator(whole).run(None, {"x": x}))
    return list(session.run(None, {"x": x}))


def saved(whole: Any, folder: Path) -> Path:
    """The file of a model."""
    path = folder / "network.onnx"
    path.write_bytes(whole.SerializeToString())
    return path


V = above_zero(4)
BN = (V, drawn(4), drawn(4), above_zero(4))
HALF = {"coordinate_transformation_mode": "half_pixel"}
CORNERS = {"coordinate_transformation_mode": "align_corners", "mode": "linear"}
ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
CHANNEL = drawn(4)
MATRIX, BIAS = drawn(3, 5), drawn(3)
TWICE = np.array([1, 1, 2, 2], F)
EMPTY = np.array([], F)

NEW = (
    File("Conv", 11, {"pads": [1, 2, 0, 1]}, (drawn(3, 4, 3, 3), drawn(3))),
    File("Conv", 11, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (drawn(3, 4, 3, 3),)),
    File("Conv", 11, {"auto_pad": "SAME_LOWER", "strides": [2, 1]}, (drawn(3, 4, 2, 2),)),
    File("Conv", 11, {"auto_pad": "VALID", "group": 2}, (drawn(6, 2, 3, 1), drawn(6))),
    File("Conv", 11, {"strides": [2], "pads": [1, 0]}, (drawn(3, 4, 3), drawn(3)), (2, 4, 9)),
    File(
        "ConvTranspose",
        11,
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        (drawn(4, 3, 3, 3), drawn(3)),
    ),
    File("ConvTranspose", 11, {"strides": [2, 2], "group": 2}, (drawn(4, 3, 2, 2),)),
    File("ConvTranspose", 11, {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, (drawn(4, 3, 3, 3),)),
    File("ConvTranspose", 11, {"strides": [2, 2], "output_shape": [12, 17]}, (drawn(4, 3, 3, 3),)),
    File("Gemm", 13, {"transB": 1, "alpha": 0.5, "beta": 2.0}, (drawn(3, 5), drawn(3)), (2, 5)),
    File("Gemm", 13, {}, (drawn(5, 3),), (2, 5)),
    File("MatMul", 13, {}, (drawn(5, 3),), (2, 5)),
    File("MatMul", 13, {}, (drawn(8, 3),)),
    File("BatchNormalization", 15, {"epsilon": 1e-3}, BN),
    File("InstanceNormalization", 6, {}, (V, drawn(4))),
    File("LayerNormalization", 17, {}, (drawn(8), drawn(8))),
    File("LayerNormalization", 17, {"axis": 1}, (drawn(4, 6, 8), drawn(4, 6, 8))),
    File("LayerNormalization", 17, {"axis": 2, "epsilon": 1e-3}, (drawn(6, 8),)),
    File("GroupNormalization", 21, {"num_groups": 2}, (V, drawn(4))),
    File("LRN", 13, {"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 2.0}),
    File("Relu", 14),
    File("Sigmoid", 13),
    File("Tanh", 13),
    File("Softsign", 1),
    File("Softplus", 1),
    File("Exp", 13),
    File("Abs", 13),
    File("Sign", 13),
    File("Sin", 7),
    File("Cos", 7),
    File("Mish", 18),
    File("HardSwish", 14),
    File("Neg", 13),
    File("LeakyRelu", 16, {"alpha": 0.2}),
    File("Elu", 6, {"alpha": 0.7}),
    File("Selu", 6),
    File("Celu", 12, {"alpha": 0.6}),
    File("ThresholdedRelu", 10, {"alpha": 0.4}),
    File("HardSigmoid", 6, {"alpha": 0.3}),
    File("HardSigmoid", 6),
    File("Gelu", 20),
    File("Gelu", 20, {"approximate": "tanh"}),
    File("Shrink", 9, {"bias": 0.5}),
    File("Shrink", 9, {"lambd": 0.3}),
    File("Clip", 13, {}, (F(-0.3), F(0.8))),
    File("Clip", 13, {}, (F(0), F(6))),
    File("Clip", 13, {}, (None, F(0.5))),
    File("PRelu", 16, {}, (drawn(4, 1, 1),)),
    File("PRelu", 16, {}, (drawn(1),)),
    File("PRelu", 16, {}, (drawn(6, 8),)),
    File("Pow", 15, {}, (F(2),)),
    File("Pow", 15, {}, (F(3),)),
    File("Softmax", 13),
    File("Softmax", 13, {"axis": 1}),
    File("LogSoftmax", 13, {"axis": -2}),
    File("MaxPool", 12, {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 0, 1]}),
    File("MaxPool", 12, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    File("MaxPool", 12, {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    File("MaxPool", 12, {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    File("AveragePool", 11, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    File("AveragePool", 11, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    File("LpPool", 18, {"kernel_shape": [2, 2], "strides": [2, 2]}),
    File("GlobalAveragePool", 1),
    File("GlobalMaxPool", 1),
    File("ReduceMean", 18, {}, (ints(2, 3),)),
    File("ReduceMean", 18, {"keepdims": 0}, (ints(1),)),
    File("ReduceSum", 13, {"keepdims": 0}, (ints(-1),)),
    File("ReduceMax", 18, {}, (ints(2),)),
    File("ReduceMin", 18, {}, (ints(1, 3),)),
    File("ReduceL2", 18, {}, (ints(1),)),
    File("ReduceL1", 18, {}, (ints(1),)),
    File("ReduceSumSquare", 18, {}, (ints(1),)),
    File("ReduceLogSumExp", 18, {}, (ints(1),)),
    File("Flatten", 13),
    File("Reshape", 14, {}, (ints(0, -1),)),
    File("Reshape", 14, {}, (ints(-1, 2, 2, 6, 8),)),
    File("Transpose", 13, {"perm": [0, 2, 3, 1]}),
    File("Unsqueeze", 13, {}, (ints(2, -1),)),
    File("Squeeze", 13, {}, (ints(2),), (2, 4, 1, 8)),
    File("Concat", 13, {"axis": 1}, (drawn(1, 2, 6, 8),), (1, 4, 6, 8)),
    File("Slice", 13, {}, (ints(1, 7), ints(3, -100), ints(1, 3), ints(1, -2))),
    File("Slice", 13, {}, (ints(0, -2), ints(2**62, 2**62), ints(0, 3))),
    File("Gather", 13, {"axis": 1}, (np.array(2),)),
    File("Gather", 13, {"axis": 3}, (ints(0, 5, 1),)),
    File("Pad", 18, {}, (ints(0, 0, 1, 2, 0, 1, 0, 3), F(0.5))),
    File("Pad", 18, {"mode": "reflect"}, (ints(2, 1), None, ints(3))),
    File("Pad", 13, {"mode": "edge"}, (ints(0, 0, 1, 2, 0, 0, 2, 1),)),
    File("Expand", 13, {}, (ints(1, 4, 6, 8),), (2, 4, 1, 8)),
    File("Tile", 13, {}, (ints(1, 2, 1, 3),)),
    File("Resize", 13, {"mode": "nearest"}, (EMPTY, TWICE)),
    File("Resize", 13, ASYMMETRIC, (EMPTY, EMPTY, ints(1, 4, 9, 20)), (1, 4, 6, 8)),
    File("Resize", 13, {"mode": "linear"}, (EMPTY, TWICE)),
    File("Resize", 13, {"mode": "linear"}, (None, None, ints(1, 4, 9, 12)), (1, 4, 6, 8)),
    File("Resize", 13, CORNERS, (EMPTY, TWICE)),
    File("Resize", 13, {"mode": "cubic"}, (None, TWICE)),
    File("Add", 14, {}, (drawn(4, 1, 1),)),
    File("Mul", 14, {}, (drawn(8),)),
    File("Add", 14, {}, (F(1.5),)),
    File("Mul", 14, {}, (F(0.2),)),
    File("Div", 14, {}, (F(255),)),
    File("Sub", 14, {}, (F(3),)),
    File("Sub", 14, {}, (drawn(1, 4, 1, 1),)),
    File("Div", 14, {}, (above_zero(4, 1, 1),)),
    File("Max", 13, {}, (F(0.1),)),
    File("Min", 13, {}, (F(0.1),)),
    File("Sum", 13, {}, (drawn(6, 8),)),
    File("DepthToSpace", 13, {"blocksize": 2}),
    File("DepthToSpace", 13, {"blocksize": 2, "mode": "CRD"}),
    File("SpaceToDepth", 13, {"blocksize": 2}),
    File("Identity", 16),
    File("Dropout", 13, {}, (F(0.3),)),
    File("Cast", 13, {"to": 1}),
    File("CumSum", 14, {}, (np.array(3),), opaque=True),
    File("Erf", 13, opaque=True),
    File("Einsum", 12, {"equation": "nchw->nwhc"}, opaque=True),
    File(
        "Resize",
        13,
        {"coordinate_transformation_mode": "asymmetric", "mode": "linear"},
        (EMPTY, TWICE),
        opaque=True,
    ),
    File("Split", 18, {"axis": 3, "num_outputs": 3}, outputs=3),
    File("Split", 13, {"axis": 3}, (ints(3, 5),), outputs=2),
)

OLD = (
    File(
        "BatchNormalization",
        1,
        {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]},
        BN,
        same=File("BatchNormalization", 15, {}, BN),
    ),
    File("BatchNormalization", 6, {"is_test": 1, "spatial": 1}, BN),
    File("BatchNormalization", 7, {"spatial": 1}, BN),
    File("BatchNormalization", 9, {}, BN),
    File("BatchNormalization", 14, {}, BN),
    File(
        "Dropout",
        1,
        {"is_test": 1, "ratio": 0.5, "consumed_inputs": [0]},
        same=File("Identity", 16),
    ),
    File("Dropout", 6, {"is_test": 1}, same=File("Identity", 16)),
    File("Dropout", 7, {"ratio": 0.5}),
    File("Dropout", 10),
    File("Reshape", 1, {"shape": [0, -1], "consumed_inputs": [0]}),
    File("Reshape", 5, {}, (ints(0, -1),)),
    File(
        "Clip",
        1,
        {"min": 0.0, "max": 6.0, "consumed_inputs": [0]},
        same=File("Clip", 13, {}, (F(0), F(6))),
    ),
    File("Clip", 6, {"min": -0.5, "max": 0.5}),
    File("Clip", 11, {}, (F(-0.2), F(0.6))),
    File(
        "Pad",
        1,
        {"paddings": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "constant", "value": 0.0},
        same=File("Pad", 18, {}, (ints(0, 0, 1, 1, 0, 0, 1, 1),)),
    ),
    File("Pad", 2, {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "reflect"}),
    File(
        "Upsample",
        1,
        {"height_scale": 2.0, "width_scale": 2.0, "mode": "nearest"},
        same=File("Resize", 13, {"mode": "nearest"}, (EMPTY, TWICE)),
    ),
    File("Upsample", 7, {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "nearest"}),
    File("Upsample", 9, {"mode": "nearest"}, (TWICE,)),
    File("Resize", 10, {"mode": "nearest"}, (TWICE,)),
    File("Resize", 11, {"mode": "linear"}, (EMPTY, TWICE)),
    File(
        "Gemm",
        1,
        {"transB": 1, "broadcast": 1},
        (MATRIX, BIAS),
        (2, 5),
        same=File("Gemm", 13, {"transB": 1}, (MATRIX, BIAS), (2, 5)),
    ),
    File("Gemm", 6, {"transB": 1, "broadcast": 1}, (drawn(3, 5), drawn(3)), (2, 5)),
    File("Gemm", 7, {"transB": 1}, (drawn(3, 5), drawn(3)), (2, 5)),
    File(
        "Add",
        1,
        {"broadcast": 1, "axis": 1, "consumed_inputs": [0, 0]},
        (CHANNEL,),
        same=File("Add", 14, {}, (CHANNEL.reshape(4, 1, 1),)),
    ),
    File(
        "Add",
        6,
        {"broadcast": 1, "axis": 1},
        (CHANNEL,),
        same=File("Add", 14, {}, (CHANNEL.reshape(4, 1, 1),)),
    ),
    File(
        "Mul",
        6,
        {"broadcast": 1, "axis": 1},
        (CHANNEL,),
        same=File("Mul", 14, {}, (CHANNEL.reshape(4, 1, 1),)),
    ),
    File("Mul", 6, {"broadcast": 1}, (drawn(6, 8),)),
    File("Div", 6, {"broadcast": 1}, (np.array([255], F),)),
    File("Softmax", 1, {"axis": 1}),
    File("Softmax", 11, {"axis": 2}),
    File("LogSoftmax", 11, {"axis": 1}),
    File("Softmax", 11, {"axis": 1}, shape=(2, 5)),
    File("Squeeze", 1, {"axes": [2]}, shape=(2, 4, 1, 8)),
    File("Unsqueeze", 1, {"axes": [2, 4]}),
    File("Slice", 1, {"axes": [1], "starts": [0], "ends": [2]}),
    File("Slice", 1, {"starts": [0, 1], "ends": [9, 3]}),
    File("ReduceMean", 1, {"axes": [2, 3], "keepdims": 1}),
    File("ReduceSum", 1, {"axes": [2, 3], "keepdims": 0}),
    File("Split", 2, {"axis": 1, "split": [1, 3]}, outputs=2),
    File("LRN", 1, {"size": 5}),
    File("AveragePool", 1, {"kernel_shape": [2, 2], "strides": [2, 2]}),
    File("MaxPool", 1, {"kernel_shape": [2, 2], "strides": [2, 2]}),
    File("MaxPool", 8, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    File("Conv", 1, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}, (drawn(2, 4, 3, 3),)),
    File("PRelu", 1, {}, (drawn(4),)),
    File("PRelu", 6, {}, (drawn(4),)),
    File("Relu", 1, {"consumed_inputs": [0]}),
    File("LeakyRelu", 1, {"alpha": 0.1, "consumed_inputs": [0]}),
    File("Flatten", 1, {"axis": 1}),
    File("GlobalAveragePool", 1),
    File("GroupNormalization", 18, {"num_groups": 2}, (above_zero(2), drawn(2))),
)
"""Of versions before their usual form."""
