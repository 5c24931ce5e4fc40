"""ADAPTIVEAVGPOOL: average pooling that is told its output size.

    y = AVGPOOL with windows of n/size cells, side by side

so that what follows always finds the same size, whatever the picture's. The gradient is that of
average pooling: ∂L/∂x = e / (cells of the window). The size must divide the map: PyTorch also
takes others, with windows that differ from output to output and overlap.

Source: He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", 2014,
arXiv:1406.4729, section 2.3 (bins in proportion to the picture).

>>> str(AdaptiveAveragePool(7).shape(Spec((512, 14, 21))))
'512x7x7'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.errors import ShapeError
from striate.graph import (
    Call,
    Cost,
    Gradients,
    Index,
    Operator,
    Ref,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.window import checked_sizes, spread
from striate.ops.pooling.average_pool import AveragePool
from striate.ops.pooling.settings import needs_maps
from striate.ops.sliding import Array


@final
@dataclass(frozen=True)
class AdaptiveAveragePool(Operator):
    """Average pooling to a given size.

    Args:
        size: cells of the output, one number or one an axis; they divide the input's.

    Shapes: (C, *spatial) -> (C, *size).
    """

    label: ClassVar[str] = "pool"

    size: Sizes = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checked_sizes("size", self.size))

    def shape(self, *inputs: Spec) -> Spec:
        return self._pool(inputs[0]).shape(*inputs)

    def cost(self, *inputs: Spec) -> Cost:
        return self._pool(inputs[0]).cost(*inputs)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return self._pool(inputs[0]).field(*inputs)

    def forward(self, call: Call) -> Array:
        return self._pool(Spec(call.x.shape[1:])).forward(call)

    def backward(self, call: Call, error: Array) -> Gradients:
        return self._pool(Spec(call.x.shape[1:])).backward(call, error)

    def terms(self, call: Call, index: Index) -> list[Term]:
        return self._pool(Spec(call.x.shape[1:])).terms(call, index)

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return self._pool(Spec(call.x.shape[1:])).uses(call, ref)

    def formula(self, index: Index, *inputs: Spec) -> str:
        return self._pool(inputs[0]).formula(index, *inputs)

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return self._pool(inputs[0]).gradient_formula(ref, *inputs)

    def _pool(self, x: Spec) -> AveragePool:
        """The average pooling that this is for an input of a given size."""
        needs_maps(x)
        sizes = spread("size", self.size, len(x.spatial))
        if any(n % size for n, size in zip(x.spatial, sizes, strict=True)):
            shown = "x".join(map(str, sizes))
            raise ShapeError(
                f"{{self}} cannot share its {'x'.join(map(str, x.spatial))} input out evenly "
                f"among {shown} windows",
                remedy="Choose a size that divides the map, or AVGPOOL with a kernel and a stride.",
            )
        return AveragePool(tuple(n // size for n, size in zip(x.spatial, sizes, strict=True)))
