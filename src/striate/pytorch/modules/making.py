"""How settings of operators become arguments of PyTorch's classes: what all families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import nn

from striate.errors import GraphError
from striate.graph import Spec, Window
from striate.pytorch.recipe import ModuleRecipe

Maker: TypeAlias = Callable[[Any, tuple[Spec, ...]], ModuleRecipe]
"""From the settings of an operator and the specs of its inputs to a recipe."""


def plain(kind: type[nn.Module]) -> Maker:
    """An operator without settings."""
    return lambda operator, inputs: ModuleRecipe(kind)


def by_rank(x: Spec, *kinds: type[nn.Module]) -> type[nn.Module]:
    """The class for one, two … spatial axes.

    Raises:
        GraphError: there is none for so many.
    """
    rank = len(x.spatial)
    if rank > len(kinds):
        raise GraphError(
            f"{{self}} does not reach over the {rank} axes of {x} in PyTorch",
            remedy=f"Give it an input of {len(kinds)} spatial axes or fewer.",
        )
    return kinds[rank - 1]


def dim(operator: Any, inputs: tuple[Spec, ...]) -> int:
    """The dimension of a tensor that the axis of an operator is."""
    return inputs[0].axis(operator.axis) + 1


def window_settings(axes: tuple[Window, ...]) -> dict[str, Any]:
    """The strides and dilations of windows, as PyTorch takes them."""
    return {
        "stride": short(w.stride for w in axes),
        "dilation": short(w.dilation for w in axes),
    }


def strides(axes: tuple[Window, ...]) -> dict[str, Any]:
    """The strides of windows, as PyTorch takes them."""
    return {"stride": short(w.stride for w in axes)}


def unless(usual: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from PyTorch's defaults."""
    return {name: value for name, value in settings.items() if value != usual[name]}


def short(numbers: Any) -> int | tuple[int, ...]:
    """One number where all axes have the same, else one per axis."""
    sizes = tuple(numbers)
    return sizes[0] if len(set(sizes)) == 1 else sizes


def sides(pairs: list[tuple[int, int]]) -> tuple[int, ...]:
    """(before, after) per axis, flattened from the last axis to the first, as F.pad takes them."""
    return tuple(side for pair in reversed(pairs) for side in pair)
