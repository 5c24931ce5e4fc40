"""Figures of networks, of what they compute, and of how they were trained.

Each function returns a matplotlib figure, which `save` writes as PNG, SVG or PDF. matplotlib is
loaded when the first figure is drawn.
"""

from striate.drawing.compare import compare
from striate.drawing.field import field
from striate.drawing.graph import graph
from striate.drawing.heat import heat
from striate.drawing.invariance import invariance
from striate.drawing.learned import confusion, curves, mistakes
from striate.drawing.maps import errors, kernels, maps
from striate.drawing.network import network
from striate.drawing.style import save, suffix_of
from striate.drawing.why import why

__all__ = [
    "compare",
    "confusion",
    "curves",
    "errors",
    "field",
    "graph",
    "heat",
    "invariance",
    "kernels",
    "maps",
    "mistakes",
    "network",
    "save",
    "suffix_of",
    "why",
]
