"""The one table from operators to PyTorch modules, a file for each family of operators.

Each file holds the classes that PyTorch lacks and `ROWS`: an operator's function takes its settings
and the specs of its inputs and returns a `ModuleRecipe`. A class stands alone and needs nothing but
torch: plain source (`striate.pytorch.source`) copies the text of those it uses.
"""

from __future__ import annotations

from collections.abc import Mapping

from striate.errors import GraphError
from striate.graph import Graph, Node, Operator
from striate.ops import Input
from striate.pytorch.modules import (
    activation,
    convolution,
    foreign,
    merging,
    normalization,
    output,
    pooling,
    recurrent,
    reducing,
    sequence,
    shaping,
    special_pooling,
    transposed_convolution,
)
from striate.pytorch.modules.making import Maker
from striate.pytorch.recipe import ModuleRecipe

MODULES: Mapping[type[Operator], Maker] = {
    **convolution.ROWS,
    **transposed_convolution.ROWS,
    **pooling.ROWS,
    **special_pooling.ROWS,
    **reducing.ROWS,
    **recurrent.ROWS,
    **sequence.ROWS,
    **activation.ROWS,
    **normalization.ROWS,
    **merging.ROWS,
    **shaping.ROWS,
    **output.ROWS,
    **foreign.ROWS,
}
"""Every operator that computes something between the input and the loss."""

ABSENT: Mapping[type[Operator], str] = {
    Input: "what a network is called with needs no module",
}
"""Operators without a line, and why. Losses stand in `striate.pytorch.losses`."""


def recipe(graph: Graph, node: Node) -> ModuleRecipe:
    """How the module of `node` is made.

    Raises:
        GraphError: PyTorch has no module for it: a loss, an input, or three spatial axes.
    """
    try:
        maker = MODULES[type(node.operator)]
    except KeyError:
        kind = type(node.operator).__name__
        raise GraphError(f"{node.name} ({kind}) has no PyTorch module") from None
    try:
        return maker(node.operator, graph.input_specs(node))
    except GraphError as error:
        what = error.what.replace("{self}", node.name)
        raise GraphError(what, where=error.where, remedy=error.remedy) from None
