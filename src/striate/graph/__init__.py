"""What a network is: specs, the operator contract, nodes, graphs. Standard library only."""

from striate.graph.assembly import Assembly
from striate.graph.graph import Auxiliary, Graph, Node
from striate.graph.operator import (
    OUTPUT,
    Call,
    Cost,
    Factor,
    Field,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Term,
    Use,
    Weight,
)
from striate.graph.spec import Spec
from striate.graph.window import Padding, Sizes, Window

__all__ = [
    "OUTPUT",
    "Assembly",
    "Auxiliary",
    "Call",
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
    "Sizes",
    "Spec",
    "Term",
    "Use",
    "Weight",
    "Window",
]
