"""Batch normalizations of a network that learns, each with the ReLU behind it.

See `striate.fused.batch_norm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from striate.engine.originals import are_original, is_heard
from striate.engine.patterns import Pattern
from striate.engine.prepared import is_plain
from striate.fused import batch_norm as fused
from striate.graph import Graph, Node
from striate.ops import Add, BatchNorm, MaxPool, ReLU
from striate.pytorch.plan import Call


def _call(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """Batch normalization of maps, and ReLU."""
    return partial(run) if graph.specs[nodes[0].name].rank == 3 else None


def _pooled_call(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """The same with max-pooling in between, which `striate.engine.fast` has moved there."""
    return partial(run_pooled) if graph.specs[nodes[0].name].rank == 3 else None


def _sum_call(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """Batch normalization, the sum of it and one more map, and ReLU."""
    bn, add, _ = nodes
    shapes = {spec.shape for spec in graph.input_specs(add)}
    if len(add.inputs) != 2 or len(shapes) > 1 or graph.specs[bn.name].rank != 3:
        return None
    return partial(run_sum, second=add.inputs[1] == bn.name)


PATTERNS = (
    Pattern((BatchNorm, Add, ReLU), _sum_call),
    Pattern((BatchNorm, MaxPool, ReLU), _pooled_call),
    Pattern((BatchNorm, ReLU), _call),
)


def run(bn: nn.Module, relu: nn.Module, x: Tensor) -> Tensor:
    """The value of a normalization and ReLU."""
    y = _normalized((bn, relu), x)
    return relu(bn(x)) if y is None else y


def run_pooled(bn: nn.Module, pool: nn.Module, relu: nn.Module, x: Tensor) -> Tensor:
    """The value of a normalization, max-pooling and ReLU, which the kernel computes before it."""
    usual = type(pool) is nn.MaxPool2d and not is_heard(pool)
    y = _normalized((bn, relu), x) if usual else None
    return relu(pool(bn(x))) if y is None else pool(y)


def run_sum(
    bn: nn.Module, add: nn.Module, relu: nn.Module, x: Tensor, other: Tensor, *, second: bool
) -> Tensor:
    """The value at the end of a residual block; `second` where the normalization is added last."""
    y = _normalized((bn, add, relu), x, other)
    if y is None:
        normal = bn(x)
        y = relu(add(other, normal) if second else add(normal, other))
    return y


def _normalized(modules: Sequence[object], x: Tensor, *more: Tensor) -> Tensor | None:
    """The kernel's value; None where it does not stand for these modules, or does not win."""
    bn = modules[0]
    if not isinstance(bn, nn.BatchNorm2d) or not bn.training or not are_original(modules, "relu"):
        return None
    if not all(map(is_plain, (x, *more))) or not fused.supports(x, bn.weight, bn.bias, *more):
        return None
    if not fused.available() or not fused.wins(x, bool(more)):
        return None
    y, statistics = fused.batch_norm(x, bn.weight, bn.bias, bn.eps, *more)
    _remember(bn, statistics)
    return y


def _remember(bn: nn.BatchNorm2d, statistics: Tensor) -> None:
    """As `nn.BatchNorm2d` does in a training step."""
    mean, _, variance = statistics
    bn.num_batches_tracked.add_(1)  # type: ignore[union-attr]
    for running, now in ((bn.running_mean, mean), (bn.running_var, variance)):
        running.mul_(1 - bn.momentum).add_(now, alpha=bn.momentum)  # type: ignore[union-attr, operator]
