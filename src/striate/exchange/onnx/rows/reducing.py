"""Reductions: one number in place of all those along some axes."""

from __future__ import annotations

from collections.abc import Callable

from striate import ops
from striate.exchange.onnx.step import MixesError, OnnxNode, OnnxRow, OnnxRows, Outcome
from striate.graph import Operator

Reducer = type[ops.Mean] | type[ops.Sum] | type[ops.Max] | type[ops.Min]


def reduced(step: OnnxNode, reducer: Reducer, x: str) -> str:
    """The first input, or what was made of it, reduced along the axes that the node names."""
    named, keep = step.numbers("axes", 1), bool(step.get("keepdims", 1))
    rank = step.spec.rank
    if named is None and step.get("noop_with_empty_axes", 0):
        return x
    if named is None:
        raise MixesError("it works along the axis of the pictures")
    axes = step.axes(named)
    if reducer is ops.Mean and rank > 1 and axes == tuple(range(1, rank)) and keep:
        return step.add(ops.GlobalAveragePool(), x)
    return step.add(reducer(" ".join(map(str, axes)), keep), x)


def _row(
    reducer: Reducer,
    before: Callable[[], Operator] | None = None,
    after: Callable[[], Operator] | None = None,
) -> OnnxRow:
    def row(step: OnnxNode) -> Outcome:
        x = step.x if before is None else step.add(before())
        found = reduced(step, reducer, x)
        return found if after is None else step.add(after(), found)

    return row


ROWS: OnnxRows = {
    "ReduceMean": _row(ops.Mean),
    "ReduceSum": _row(ops.Sum),
    "ReduceMax": _row(ops.Max),
    "ReduceMin": _row(ops.Min),
    "ReduceL1": _row(ops.Sum, ops.Abs),
    "ReduceL2": _row(ops.Sum, ops.Square, ops.Sqrt),
    "ReduceSumSquare": _row(ops.Sum, ops.Square),
    "ReduceLogSum": _row(ops.Sum, after=ops.Log),
    "ReduceLogSumExp": _row(ops.Sum, ops.Exp, ops.Log),
}
