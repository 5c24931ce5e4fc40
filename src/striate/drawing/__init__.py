"""Figures of networks, of what they compute, and of how they were trained.

Each function returns a matplotlib figure, which `save` writes as PNG, SVG or PDF. matplotlib is
loaded when the first figure is drawn.
"""

from striate.drawing.maps import errors, kernels, maps
from striate.drawing.network import network
from striate.drawing.style import save, suffix_of

__all__ = ["errors", "kernels", "maps", "network", "save", "suffix_of"]
