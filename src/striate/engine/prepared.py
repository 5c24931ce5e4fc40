"""Convolutions of a frozen network, with what follows them. See `striate.fused.frozen_conv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from striate.fused import build, frozen_conv
from striate.fused.frozen_conv import FrozenConv
from striate.graph import Graph, Node
from striate.ops import Add, Conv, ReLU
from striate.pytorch.plan import Unit, alone


class Prepared:
    """Computes a convolution, perhaps plus another map, perhaps with ReLU, in one compiled call.

    Called with the modules, the map, and the other map. The compiled call has a copy of the
    weights, made when it is first used; `forget` drops it.
    """

    def __init__(self, adds: bool = False, relu: bool = False) -> None:
        self.adds, self.relu = adds, relu
        self.forget()

    def forget(self) -> None:
        """Read the weights again, and choose again."""
        self._conv: FrozenConv | None = None
        self._without = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Prepared, (self.adds, self.relu)  # a copy packs its own weights

    def __call__(self, conv: Any, *given: Any) -> Tensor:
        inputs = given[self.adds + self.relu :]
        if not self._without and all(map(is_plain, inputs)) and inputs[0].ndim == 4:
            if self._conv is None:
                self._prepare(conv)
            if self._conv is not None and inputs[0].shape[1] == conv.weight.shape[1]:
                return self._conv(*inputs)
        y: Tensor = conv(inputs[0])
        for module, more in zip(given, [inputs[1:]] * self.adds + [()] * self.relu, strict=False):
            y = module(y, *more)
        return y

    def _prepare(self, conv: Any) -> None:
        """Lay out the weights; where there are no kernels for them, never ask again."""
        self._without = True
        if build.mode() == "off" or conv.weight.dtype != torch.float32:
            return
        if build.found(frozen_conv.library) is None:
            return
        padding = tuple(conv.padding)
        self._conv = FrozenConv(conv.weight, conv.bias, conv.stride, padding, self.relu)
        self._without = False


def conv_unit(graph: Graph, nodes: Sequence[Node]) -> Prepared | None:
    """The call for a convolution, and the ReLU behind it."""
    conv = nodes[0].operator
    (x,) = graph.input_specs(nodes[0])
    if not isinstance(conv, Conv) or x.rank != 3 or conv.table is not None:
        return None
    if (conv.dilation, conv.groups) != (1, 1) or any(w.before != w.after for w in conv.field(x)):
        return None
    return Prepared(relu=len(nodes) > 1)


def with_additions(graph: Graph, found: list[Unit]) -> list[Unit]:
    """The units of a network, in order, each convolution with the addition behind it, and ReLU."""
    done: list[Unit] = []
    while found:
        unit, *found = found
        if found and _is_sum_of(graph, unit, found[0]):
            (add, *_), found = found[0].nodes, found[1:]
            rectified = bool(found) and _rectifies(graph, add, found[0])
            nodes = (*unit.nodes, add, *(found.pop(0).nodes if rectified else ()))
            (other,) = (name for name in add.inputs if name != unit.nodes[0].name)
            unit = Unit(nodes, Prepared(True, rectified), (other,))
        done.append(unit)
    return done


def _is_sum_of(graph: Graph, unit: Unit, following: Unit) -> bool:
    (conv, *more), add = unit.nodes, following.nodes[0]
    if not isinstance(unit.call, Prepared) or more or not isinstance(add.operator, Add):
        return False
    both = len(set(add.inputs)) == 2 == len(add.inputs) and conv.name in add.inputs
    alike = len({graph.specs[name].shape for name in add.inputs}) == 1
    return both and alike and graph.consumers[conv.name] == (add.name,)


def _rectifies(graph: Graph, add: Node, following: Unit) -> bool:
    relu = following.nodes[0]
    alone_reads = graph.consumers[add.name] == (relu.name,) and following.call is alone
    return isinstance(relu.operator, ReLU) and alone_reads and add.name != graph.scores.name


def is_plain(x: Tensor) -> bool:
    """Whether this is numbers that a kernel may read: nobody traces or transforms the call."""
    return (
        type(x) is Tensor
        and x.dtype is torch.float32
        and x.is_cpu
        and not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
    )
