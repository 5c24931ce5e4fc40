"""What others compute, as a module among ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator
from striate.ops.foreign.opaque import Foreign, Opaque
from striate.pytorch.foreign import TorchFunction
from striate.pytorch.modules.making import Maker
from striate.pytorch.recipe import ModuleRecipe

World: TypeAlias = tuple[torch.dtype, torch.device]


class Attached(nn.Module):
    """A function that came with the network; its weights, if it has some, are not trained."""

    def __init__(self, operator: Opaque) -> None:
        super().__init__()
        self.operator = operator
        self._made: dict[World, Callable[..., Tensor]] = {}

    def forward(self, *inputs: Tensor) -> Tensor:
        function = self.operator.computed_by
        if not isinstance(function, TorchFunction):
            return _Bridge.apply(function, *inputs)  # type: ignore[no-untyped-call]
        world = inputs[0].dtype, inputs[0].device
        if world not in self._made:
            self._made[world] = function.at(*world)
        found = self._made[world](*inputs)
        self.operator.check(found.shape, len(inputs[0]))
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}

    def extra_repr(self) -> str:
        return self.operator.name


class _Bridge(torch.autograd.Function):
    """A function of arrays among tensors."""

    @staticmethod
    def forward(ctx: Any, function: Foreign, *inputs: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(*inputs)
        return inputs[0].new_tensor(function.value(*(each.numpy(force=True) for each in inputs)))

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        arrays = [each.numpy(force=True) for each in ctx.saved_tensors]
        found = ctx.function.gradients(errors[0].numpy(force=True), *arrays)
        return (None, *(errors[0].new_tensor(each) for each in found))


ROWS: Mapping[type[Operator], Maker] = {
    ops.Opaque: lambda operator, inputs: ModuleRecipe(Attached, (operator,)),
}
