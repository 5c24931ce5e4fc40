"""What a network is: specs, the operator contract, nodes, graphs. Standard library only."""

from striate.graph.assembly import Assembly
from striate.graph.composition import Composition
from striate.graph.field import Along, Field, Reach, Routes
from striate.graph.graph import Auxiliary, Graph, Node
from striate.graph.operator import (
    OUTPUT,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Term,
    Use,
    Weight,
)
from striate.graph.saves import Saves
from striate.graph.spec import Spec
from striate.graph.window import Padding, Sizes, Window

__all__ = [
    "OUTPUT",
    "Along",
    "Assembly",
    "Auxiliary",
    "Call",
    "Composition",
    "Cost",
    "Factor",
    "Field",
    "Gradients",
    "Graph",
    "Index",
    "Node",
    "Operator",
    "Padding",
    "Reach",
    "Ref",
    "Routes",
    "Saves",
    "Sizes",
    "Spec",
    "Term",
    "Use",
    "Weight",
    "Window",
]
