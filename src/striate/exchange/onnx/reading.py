"""From an ONNX file to a network of ours: node by node, by the table of rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from striate.display import shape_text
from striate.errors import OnnxError, SettingError, ShapeError, StriateError
from striate.exchange.onnx.constants import Known, folded, shape_of
from striate.exchange.onnx.drafts import Draft, Drafts
from striate.exchange.onnx.evaluation import KnownValue, OneNode, alone
from striate.exchange.onnx.file import Content, Item, read
from striate.exchange.onnx.names import named
from striate.exchange.onnx.patterns import recognized
from striate.exchange.onnx.rows import ROWS
from striate.exchange.onnx.step import Flow, MixesError, NotOurs, OnnxNode, Outcome, Relocated
from striate.exchange.onnx_package import package
from striate.graph import Auxiliary, Graph, Node
from striate.graph.check import is_name
from striate.graph.imported import Imported
from striate.graph.settings import shown
from striate.ops import Input, Opaque

_APART = "Only networks that keep pictures apart along the first axis are read."

LONGEST = 1 << 19
"""Cells of one axis of an input: more are a slip, and would be counted for minutes."""

FOLLOWS = (
    *("Transpose", "Gather", "Split", "Slice", "Squeeze", "Identity", "Cast", "Dropout"),
    *("RNN", "GRU", "LSTM"),
)
"""Operators that find the axis of the pictures wherever it is."""

SAME_FOR_ALL = (
    *("Cast", "Identity", "Dropout", "Expand", "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
    *("Transpose", "Slice", "Split", "Concat"),
)
"""Operators that compute no numbers, and so do with whole ones what they do with others."""


def read_onnx(path: Path | str, *, size: tuple[int, ...] | None = None) -> Imported:
    """The network in an ONNX file, with its weights; PyTorch is not loaded.

    The first axis of every input is that of the pictures, of which there may be any number. Nodes
    that no operator of ours computes stay opaque, and `notes` names them.

    Args:
        path: the file; weights may lie in files beside it.
        size: the length of each axis of the input, the pictures not counted; for a file that
            leaves some free.

    Raises:
        OnnxError: the file is missing, damaged, or no network of ours; or the package onnx is not
            installed.
    """
    package()
    try:
        return _FileReader(read(Path(path)), size).read()
    except OnnxError as error:
        where = error.where or str(path)
        raise OnnxError(error.what, where=where, remedy=error.remedy) from None


class _FileReader:
    """One file on its way to a network."""

    def __init__(self, content: Content, size: tuple[int, ...] | None) -> None:
        self._content, self._size = content, size
        self._drafts = Drafts()
        self._values: dict[str, Flow | Known] = {
            name: Known(array, weight=name, shared=True) for name, array in content.arrays.items()
        }
        self._notes = list[str]()
        self._opaque_notes = dict[str, str]()
        self._mains = list[str]()
        self._entrances = dict[str, str]()
        reads = [name for item in content.items for name in item.inputs]
        self._uses = Counter([*reads, *content.outputs])

    def read(self) -> Imported:
        """The whole of it."""
        batches = {sizes[0] for _, sizes in self._content.inputs.values() if sizes}
        self._batch = next((n for n in batches if n), 1) if len(batches) == 1 else 1
        needed = _needed(self._content)
        for name, (kind, sizes) in self._content.inputs.items():
            if name in needed:
                self._enter(name, kind, sizes)
        for item in self._content.items:
            if needed.intersection(item.outputs):
                self._step(item)
        return self._finished()

    def _enter(self, name: str, kind: str, sizes: tuple[int | None, ...]) -> None:
        """An input of the file."""
        rest = sizes[1:]
        if self._size is not None:
            rest = self._sized(name, rest, self._size)
        whole = tuple(n for n in rest if n is not None and n > 0)
        if not sizes or len(whole) < len(rest) or not rest:
            free = "x".join("?" if n is None else str(n) for n in sizes) or "one number"
            raise OnnxError(
                f"the input {shown(name)} is {free}: its size is not known",
                remedy="Give it, without the pictures: read_onnx(path, size=(3, 224, 224)).",
            )
        number = package().TensorProto.DataType.Value(kind) if kind in _TYPES else 1
        dtype = package("onnx.helper").tensor_dtype_to_np_dtype(number)
        if max(whole) > LONGEST:
            raise OnnxError(
                f"the input {shown(name)} is {max(whole):,} long, more than {LONGEST:,}"
            )
        key = self._drafts.add(None, Input(whole), (), {})
        self._entrances[key] = name if is_name(name) and len(name) < 100 else "input"
        self._values[name] = Flow(key, dtype)

    def _sized(
        self, name: str, rest: tuple[int | None, ...], size: tuple[int, ...]
    ) -> tuple[int | None, ...]:
        """The axes of an input, those that the file leaves free as `size` says."""
        if len(rest) == len(size) and all(
            n is None or n <= 0 or n == wanted for n, wanted in zip(rest, size, strict=True)
        ):
            return size
        if len(self._content.inputs) > 1:  # the size is that of another input
            return rest
        free = "x".join("?" if n is None else str(n) for n in rest) or "one number"
        raise OnnxError(
            f"the input {shown(name)} is {free}, not {shape_text(size)}",
            remedy="A size is for the axes that a file leaves free, marked ?.",
        )

    def _step(self, item: Item) -> None:
        """One node of the file."""
        inputs = tuple(self._value(name) if name else None for name in item.inputs)
        first = inputs[0] if inputs else None
        if item.kind in ("Shape", "Size") and isinstance(first, Flow):
            sizes = first.sizes(self._batch, self._drafts.spec(first.key))
            whole = np.array(int(np.prod(sizes)), np.int64)
            made = shape_of(item, sizes) if item.kind == "Shape" else whole
            self._values[item.outputs[0]] = Known(made)
        elif not any(isinstance(each, Flow) for each in inputs):
            known = [each if isinstance(each, Known) else None for each in inputs]
            for name, value in zip(
                item.outputs, folded(item, known, self._content.version), strict=False
            ):
                self._values[name] = value
        else:
            self._translate(item, inputs)

    def _value(self, name: str) -> Flow | Known:
        if name not in self._values:
            raise OnnxError(f"{shown(name)} is one output more than its node makes")
        return self._values[name]

    def _translate(self, item: Item, inputs: tuple[Flow | Known | None, ...]) -> None:
        flows = [each for each in inputs if isinstance(each, Flow)]
        dtype = flows[0].dtype
        try:
            made, reason = self._by_row(item, inputs, flows), ""
            if item.kind == "Cast":
                dtype = np.dtype(np.float32)
        except (NotOurs, ShapeError, SettingError) as error:
            reason = re.sub(r"\{self\}|\bn\d+\b", "it", error.what)
        except MixesError as error:
            raise OnnxError(f"{item.title} cannot be read: {error}", remedy=_APART) from None
        except StriateError:
            raise
        except Exception as problem:  # settings of wrong types: whatever a row meets in them
            raise OnnxError(f"{item.title} has settings that mean nothing: {problem}") from None
        if reason and any(each.at for each in flows):
            where = "the axis of the pictures was moved before it, so that it cannot stay opaque"
            raise OnnxError(f"{item.title} cannot be read: {reason}", where=where)
        if reason:
            self._opaque(item, inputs, reason)
            return
        for name, one in zip(item.outputs, _each(made), strict=False):
            if name and one is not None:
                at = one.at if isinstance(one, Relocated) else flows[0].at
                key = recognized(self._drafts, one.key if isinstance(one, Relocated) else one)
                self._mains.append(key)
                self._values[name] = Flow(key, dtype, at)

    def _by_row(
        self, item: Item, inputs: tuple[Flow | Known | None, ...], flows: list[Flow]
    ) -> Outcome:
        if item.kind not in FOLLOWS and any(each.at for each in flows):
            raise MixesError("the axis of the pictures was moved before it")
        if item.kind not in ROWS:
            raise NotOurs("there is no operator for it here")
        if item.kind not in SAME_FOR_ALL and any(each.dtype.kind != "f" for each in flows):
            raise NotOurs("it computes with whole numbers")
        made = ROWS[item.kind](self._as_step(item, inputs))
        count = len(_each(made))
        if any(name and self._uses[name] for name in item.outputs[count:]):
            first = "first output" if count == 1 else f"first {count} outputs"
            raise NotOurs(f"more than its {first} is read")
        return made

    def _as_step(self, item: Item, inputs: tuple[Flow | Known | None, ...]) -> OnnxNode:
        def once(k: int) -> bool:
            return self._uses[item.inputs[k]] == 1

        return OnnxNode(
            item,
            inputs,
            self._content.version,
            self._batch,
            self._drafts,
            once,
            lambda text: self._notes.append(f"{item.title}: {text}"),
        )

    def _opaque(self, item: Item, inputs: tuple[Flow | Known | None, ...], reason: str) -> None:
        """A node that stays as it is, computed by the onnx package."""
        given = [
            KnownValue((1, *self._drafts.spec(each.key).shape), each.dtype)
            if isinstance(each, Flow)
            else None if each is None else each.array
            for each in inputs
        ]  # fmt: skip
        model, values = alone(item, given, self._content.version)
        flows = [each for each in inputs if isinstance(each, Flow)]
        kinds = tuple(each.dtype.name for each in flows)
        names = [name for name in item.outputs if name]
        for name, value in zip(names, values, strict=True):
            if not self._uses[name]:
                continue
            if len(value.shape) < 2 or value.shape[0] != 1:
                sizes = "x".join(map(str, value.shape)) or "one number"
                raise OnnxError(
                    f"{item.title} makes {sizes} of one picture, without an axis for pictures, "
                    f"and {reason}",
                    remedy=_APART,
                )
            function = OneNode(item.title, model.SerializeToString(), kinds, name)
            operator = Opaque(f"onnx.{item.kind}", value.shape[1:], function)
            key = self._drafts.add(item, operator, [each.key for each in flows], {})
            self._mains.append(key)
            self._values[name] = Flow(key, value.dtype)
            self._opaque_notes[key] = f"{item.title} stays opaque: {reason}"

    def _finished(self) -> Imported:
        ends = list[str]()
        for name in self._content.outputs:
            found = self._value(name)
            if isinstance(found, Flow) and found.at:
                raise OnnxError(f"the output {shown(name)} does not begin with the pictures")
            if isinstance(found, Flow) and found.key not in ends:
                ends.append(found.key)
        if not ends:
            raise OnnxError("no output of the file depends on its input")
        drafts = self._drafts.kept(ends)
        kept = {each.node.name for each in drafts}
        entrances = {key: name for key, name in self._entrances.items() if key in kept}
        names = named(drafts, self._mains, _apart(entrances))
        shares = _sharing(drafts, names)
        nodes = {
            each.node.name: Node(
                names[each.node.name],
                each.node.operator,
                tuple(names[key] for key in each.node.inputs),
                shares.get(each.node.name, ""),
            )
            for each in drafts
        }
        last = nodes.pop(ends[0])
        exits = tuple(Auxiliary(names[key], 0.0) for key in ends[1:])
        graph = Graph((*nodes.values(), last), exits)
        self._notes += [text for key, text in self._opaque_notes.items() if key in kept]
        return Imported(graph, self._weights(graph, drafts, names), tuple(self._all_notes()))

    def _weights(
        self, graph: Graph, drafts: list[Draft], names: Mapping[str, str]
    ) -> dict[str, dict[str, np.ndarray]]:
        found = {}
        for each in drafts:
            own = graph.own_weights(graph[names[each.node.name]])
            if own:
                found[names[each.node.name]] = {name: each.weights[name] for name in own}
        return found

    def _all_notes(self) -> list[str]:
        unread = [name for name in self._content.arrays if not self._uses[name]]
        if unread:
            more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
            self._notes.append(f"no node reads {', '.join(map(shown, unread[:3]))}{more}")
        if len(self._content.outputs) > 1:
            others = ", ".join(map(shown, self._content.outputs[1:4]))
            self._notes.append(f"the scores are {shown(self._content.outputs[0])}, not {others}")
        return self._notes


_TYPES = ("FLOAT", "DOUBLE", "FLOAT16", "INT32", "INT64", "UINT8", "INT8", "BOOL", "INT16")


def _each(made: Outcome) -> tuple[str | Relocated | None, ...]:
    """What a row made, for each output."""
    return made if isinstance(made, tuple) else (made,)


def _needed(content: Content) -> set[str]:
    """The names of all values that the outputs depend on."""
    needed = set(content.outputs)
    for item in reversed(content.items):
        if needed.intersection(item.outputs):
            needed.update(item.inputs)
    return needed


def _apart(names: Mapping[str, str]) -> dict[str, str]:
    """Names that differ."""
    found = dict[str, str]()
    for key, name in names.items():
        k, free = 1, name
        while free in found.values():
            k, free = k + 1, f"{name}_{k + 1}"
        found[key] = free
    return found


def _sharing(drafts: list[Draft], names: Mapping[str, str]) -> dict[str, str]:
    """For each draft whose trained weights are all those of an earlier one, that one's name."""
    keepers, found = dict[tuple[object, ...], str](), dict[str, str]()
    for each in drafts:
        kind = type(each.node.operator)
        trained = [name for name in each.weights if not name.startswith("running_")]
        if not trained or any(name not in each.origins for name in trained):
            continue
        shapes = tuple(each.weights[name].shape for name in trained)
        key = (kind, *((name, each.origins[name]) for name in trained), shapes)
        if key in keepers:
            found[each.node.name] = keepers[key]
        else:
            keepers[key] = names[each.node.name]
    return found
