"""Functions of PyTorch as what computes opaque operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from striate.errors import GraphError, SettingError, StriateError, did_you_mean
from striate.graph import Graph, Index
from striate.graph.settings import shown
from striate.ops import Opaque
from striate.ops.arrays import Array

TensorFunction: TypeAlias = Callable[..., Tensor]


def attach(graph: Graph, functions: Mapping[str, TensorFunction]) -> Graph:
    """The same network with functions for its opaque nodes.

    Args:
        graph: a network, from wherever it came; text and JSON keep no functions.
        functions: node -> a function of tensors (N, …), or a module. A module is used as it
            predicts; its weights are its own and are not trained.

    Raises:
        GraphError: no node is called so, or it is not opaque.
        SettingError: what is to compute one is no function.

    >>> from striate.notation import parse
    >>> graph = parse('INPUT 4 -> sums: OPAQUE "torch.cumsum" 4')
    >>> from striate.reference import run
    >>> attached = attach(graph, {"sums": lambda x: x.cumsum(1)})
    >>> run(attached, {}, np.ones((1, 4))).values["sums"].tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    opaque = [node.name for node in graph if isinstance(node.operator, Opaque)]
    for name in functions:
        if name not in opaque:
            known = ", ".join(opaque) or "none"
            raise GraphError(
                f"{name} is no opaque node",
                remedy=did_you_mean(name, opaque) or f"Opaque are: {known}.",
            )
        if not callable(functions[name]):
            raise SettingError(
                f"{name} cannot be computed by {shown(functions[name])}",
                remedy="Give a function of tensors, or a module.",
            )
    nodes = (
        replace(node, operator=_with(node.operator, functions[node.name]))
        if node.name in functions and isinstance(node.operator, Opaque)
        else node
        for node in graph
    )
    return Graph(tuple(nodes), graph.auxiliary)


def _with(operator: Opaque, function: TensorFunction) -> Opaque:
    return replace(operator, function=TorchFunction(function, operator.name))


@dataclass(frozen=True)
class TorchFunction:
    """A function of tensors, for arrays: its value, and its gradients by autograd.

    Args:
        function: takes tensors (N, …) and returns one; a module is used as it predicts.
        name: what messages call it; its own name unless given.
    """

    function: TensorFunction
    name: str = ""

    def at(self, dtype: torch.dtype, device: torch.device) -> TensorFunction:
        """The function for tensors of a type on a device; a module has its weights there.

        It is given copies, into which it may write, and returns real numbers of that type and
        device, or raises a StriateError.
        """
        made = self.function
        if isinstance(made, nn.Module):
            with self._in_words():
                made = deepcopy(made).to(device, dtype).eval().requires_grad_(False)

        def function(*tensors: Tensor) -> Tensor:
            with self._in_words():
                found: object = made(*(each.clone() for each in tensors))
            return self._checked(found, tensors[0])

        return function

    def value(self, *inputs: Array) -> Array:
        """The output (N, …) of arrays (N, …)."""
        with torch.no_grad():
            found: Array = self._called(_tensors(inputs)).numpy()
        return found

    def gradients(self, error: Array, *inputs: Array) -> tuple[Array, ...]:
        """The gradient of each input, from that of the output.

        Raises:
            StriateError: autograd cannot differentiate it.
        """
        leaves = [each.requires_grad_() for each in _tensors(inputs)]
        value = self._called(leaves)
        if not value.requires_grad:
            raise self._no_gradient()
        found = torch.autograd.grad(
            value, leaves, torch.from_numpy(np.array(error)), materialize_grads=True
        )
        return tuple(each.numpy() for each in found)

    def derivative(self, slot: int, index: Index, *inputs: Array) -> Array:
        """The derivative of every output by one number of one input, shaped as the output.

        Raises:
            StriateError: autograd cannot differentiate it twice, which this takes.
        """
        tensors = _tensors(inputs)
        direction = torch.zeros_like(tensors[slot])
        direction[index] = 1

        def along(x: Tensor) -> Tensor:
            return self._called([*tensors[:slot], x, *tensors[slot + 1 :]])

        try:
            jvp: Any = torch.autograd.functional.jvp
            _, slopes = jvp(along, tensors[slot], direction)
        except RuntimeError:
            raise self._no_gradient() from None
        found: Array = slopes.numpy()
        return found

    def _called(self, tensors: list[Tensor]) -> Tensor:
        return self.at(tensors[0].dtype, tensors[0].device)(*tensors)

    @property
    def _known_as(self) -> str:
        return self.name or getattr(self.function, "__name__", type(self.function).__name__)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Whatever the function raises, as an error that names it."""
        try:
            yield
        except Exception as error:
            first = str(error).partition("\n")[0]
            raise StriateError(
                f"{self._known_as} failed: {type(error).__name__}: {first}",
                remedy="Mend it, or attach another function.",
            ) from error

    def _checked(self, found: object, like: Tensor) -> Tensor:
        if not isinstance(found, Tensor):
            made = f"a {type(found).__name__}"
        elif found.is_complex() or found.layout != torch.strided or found.device != like.device:
            made = f"one of {found.dtype}, {found.layout}, on {found.device}"
        else:
            return found.to(like.dtype)
        raise StriateError(
            f"{self._known_as} was to make a tensor of real numbers on {like.device}, but made"
            f" {made}",
            remedy="Attach a function that returns one dense tensor.",
        )

    def _no_gradient(self) -> StriateError:
        what = f"PyTorch has no derivative of {self._known_as}"
        return StriateError(what, remedy="Ask for a value.")


def _tensors(arrays: tuple[Array, ...]) -> list[Tensor]:
    return [torch.from_numpy(np.array(each)) for each in arrays]
