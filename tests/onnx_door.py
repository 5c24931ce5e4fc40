"""Damaged ONNX files: as bytes, and as what a program would write that means harm."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from damage import HOSTILE, Random, bytes_damaged

SIZES = (-1, 0, 1, 2, 3, 7, 1 << 12, 1 << 31, 1 << 40, (1 << 62) + 1, -(1 << 62))
KINDS = ("Relu", "Conv", "Reshape", "Concat", "If", "Loop", "Scan", "ConstantOfShape", "Expand",
         "Tile", "Range", "Gather", "Pad", "Resize", "MatMul", "Split", "Slice", "Gemm", "Erf",
         "NonZero", "Identity", "Shape", "Nothing", "\x1b[31m", "{0}")  # fmt: skip
WORDS = tuple(
    each for each in HOSTILE if isinstance(each, str) and not each.startswith(("\ud800", "\udcff"))
)


@cache
def _wholes() -> list[bytes]:
    from exchange import onnx_files as files

    helper = files.helper
    wholes = [files.one_node(file) for file in (*files.NEW[::3], *files.OLD[::4])]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1], name="/conv1/Conv"),
        helper.make_node("Relu", ["a"], ["r"], name="/act/Relu"),
        helper.make_node("Shape", ["r"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["size"], axis=0),
        helper.make_node("Reshape", ["r", "size"], ["flat"]),
        helper.make_node("ConstantOfShape", ["much"], ["ones"]),
        helper.make_node("Mul", ["flat", "ones"], ["m"]),
        helper.make_node("Gemm", ["m", "v"], ["y"], name="/fc/Gemm"),
    ]
    given = {
        "w": files.drawn(3, 2, 3, 3),
        "b": files.drawn(3),
        "zero": files.ints(0),
        "rest": files.ints(-1),
        "much": files.ints(48),
        "v": files.drawn(48, 5),
    }
    wholes += 8 * [files.model(nodes, ("N", 2, 4, 4), given)]
    return [each.SerializeToString() for each in wholes]


def onnx_file(rng: Random) -> object:
    """An ONNX file: read, and its table made."""
    from doors import folder
    from striate.analysis.table import table
    from striate.exchange.onnx import read_onnx

    if find_spec("onnx") is None:
        return None
    whole = rng.choice(_wholes())
    content = bytes_damaged(rng, whole) if rng.random() < 0.4 else _rewritten(rng, whole, folder())
    path = folder() / "network.onnx"
    path.write_bytes(content)
    found = read_onnx(path)
    return str(table(found.graph).to_json())


def _rewritten(rng: Random, whole: bytes, place: Path) -> bytes:
    """The file with one or two of its entries exchanged."""
    import onnx

    model = onnx.load_model_from_string(whole)
    for _ in range(rng.choice((1, 1, 2)) if model.graph.node else 0):
        rng.choice((_node, _node, _attribute, _attribute, _array, _array, _input, _outside))(
            rng, model, place
        )
    found: bytes = model.SerializeToString()
    return found


def _node(rng: Random, model: Any, place: Path) -> None:
    nodes = model.graph.node
    node = rng.choice(nodes)
    names = [name for each in nodes for name in (*each.input, *each.output)]
    kind = rng.randrange(7)
    if kind == 0:
        node.op_type = rng.choice(KINDS)
    elif kind == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice([*names, "", "nowhere"])
    elif kind == 2 and node.output:
        node.output[0] = rng.choice([*names, "", "other"])
    elif kind == 3:
        nodes.add().CopyFrom(node)
    elif kind == 4 and len(nodes) > 1:
        nodes.remove(node)
    elif kind == 5:
        node.name = rng.choice(WORDS)
    else:
        node.input.append(rng.choice(names)) if rng.random() < 0.5 else node.output.append("more")


def _attribute(rng: Random, model: Any, place: Path) -> None:
    from onnx import helper

    node = rng.choice(model.graph.node)
    names = [each.name for each in node.attribute] or ["axis"]
    name = rng.choice([*names, "axis", "axes", "group", "to", "shape", "perm", "kernel_shape"])
    for each in [each for each in node.attribute if each.name == name]:
        node.attribute.remove(each)
    values = (
        rng.choice(SIZES), 0.5, float("nan"), "SAME_UPPER", rng.choice(WORDS), [], [1.5, 2.5],
        [rng.choice(SIZES) for _ in range(rng.randrange(1, 5))], model.graph,
        helper.make_tensor("t", 7, [2], [1, rng.choice(SIZES)]),
    )  # fmt: skip
    value = rng.choice(values)
    made = helper.make_attribute(name, value, attr_type=7 if value == [] else None)
    node.attribute.append(made)


def _array(rng: Random, model: Any, place: Path) -> None:
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    kind = rng.randrange(4)
    if kind == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
    elif kind == 1:
        tensor.data_type = rng.randrange(-1, 30)
    elif kind == 2:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    else:
        tensor.dims.extend([1] * rng.choice((1, 1, 40)))


def _input(rng: Random, model: Any, place: Path) -> None:
    declared = rng.choice(model.graph.input).type.tensor_type
    if declared.shape.dim and rng.random() < 0.7:
        rng.choice(declared.shape.dim).dim_value = rng.choice(SIZES)
    elif rng.random() < 0.5:
        declared.elem_type = rng.randrange(-1, 30)
    else:
        model.opset_import[0].version = rng.choice((*SIZES, 1, 6, 9, 13, 22))


def _outside(rng: Random, model: Any, place: Path) -> None:
    """Numbers that would come from another file."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    (place / "numbers.bin").write_bytes(bytes(400))
    names = ("numbers.bin", "/etc/passwd", "../../etc/passwd", "", ".", "/dev/zero", *WORDS[:6])
    places = {"location": rng.choice(names), "offset": str(rng.choice(SIZES)), "length": "200"}
    for key in rng.sample(sorted(places), rng.randrange(1, 4)):
        tensor.external_data.add(key=key, value=places[key].encode("utf-8", "replace").decode())
