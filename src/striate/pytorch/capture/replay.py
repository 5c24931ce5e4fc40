"""Calls of PyTorch as a function of tensors: what computes an opaque node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as trees

from striate.pytorch.capture.layout import BatchLayout
from striate.pytorch.capture.pairing import Made, PairedCall, Scaled
from striate.pytorch.capture.recording import Recorded, RecordedConstant


class _Held(NamedTuple):
    """A constant of a replayed call: the name of its buffer, and where it meets the batch."""

    name: str
    batch: int | None


class Replayed(nn.Module):
    """A function that makes recorded calls again, on values (N, …), for a batch of any size.

    Args:
        calls: in order; the last one makes the answer.
        inputs: the values that they read.
        answer: which of the values they make.
        dtype: the type that the module computed in; another one takes its place throughout.
    """

    def __init__(
        self, calls: Sequence[PairedCall], inputs: Sequence[Made], answer: Made, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self._inputs = tuple(inputs)
        self._answer = answer
        self._recorded = dtype
        self._calls = [(each, self._held(each)) for each in calls]
        read = (name for each in calls for c in each.constants for name in (c.weight, *c.origins))
        self.origins = tuple(dict.fromkeys(name for name in read if name))

    def _held(self, call: PairedCall) -> dict[str, Any]:
        def hold(leaf: Any) -> Any:
            if not isinstance(leaf, RecordedConstant):
                return leaf
            name = f"constant{len(self._buffers)}"
            self.register_buffer(name, leaf.tensor.detach().clone())
            return _Held(name, leaf.batch)

        return {name: _mapped(hold, each) for name, each in call.args.items()}

    def forward(self, *inputs: Tensor) -> Tensor:
        pictures, dtype = len(inputs[0]), inputs[0].dtype
        values: dict[int, Tensor] = {}
        for made, value in zip(self._inputs, inputs, strict=True):
            layout = made.layout or BatchLayout()
            tensor = layout.tensor(value, len(made.shape))
            kept = made.dtype.is_floating_point
            values[made.number] = tensor if kept else tensor.to(made.dtype)
        for call, args in self._calls:
            found = self._called(call, args, values, pictures, dtype)
            tensors = [x for x in trees.tree_leaves(found) if isinstance(x, Tensor)]
            values |= {made.number: x for made, x in zip(call.outputs, tensors, strict=True)}
        layout = self._answer.layout or BatchLayout()
        return layout.value(values[self._answer.number], pictures).to(dtype)

    def _called(
        self,
        call: PairedCall,
        args: dict[str, Any],
        values: dict[int, Tensor],
        pictures: int,
        dtype: torch.dtype,
    ) -> Any:
        mutable = call.function._schema.is_mutable

        def given(leaf: Any) -> Any:
            if isinstance(leaf, Recorded):
                return values[leaf.number].clone() if mutable else values[leaf.number]
            if isinstance(leaf, _Held):
                return self._spread(leaf, pictures)
            if isinstance(leaf, Scaled):
                return leaf.at(pictures)
            return dtype if isinstance(leaf, torch.dtype) and leaf == self._recorded else leaf

        found = {name: _mapped(given, each) for name, each in args.items()}
        schema = call.function._schema.arguments
        ordered = [found[each.name] for each in schema if not each.kwarg_only]
        named = {each.name: found[each.name] for each in schema if each.kwarg_only}
        return call.function(*ordered, **named)

    def _spread(self, held: _Held, pictures: int) -> Tensor:
        """A constant; for all pictures where it was spread over a batch."""
        tensor: Tensor = getattr(self, held.name)
        if held.batch is None:
            return tensor
        return torch.cat([tensor] * pictures, dim=held.batch)


def _mapped(change: Any, tree: Any) -> Any:
    """`tree` with every leaf changed; lists are the only branches that arguments have."""
    if isinstance(tree, list):
        return [_mapped(change, each) for each in tree]
    return change(tree)
