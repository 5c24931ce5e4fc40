"""Figures of networks, of what they compute, and of how they were trained.

Each function returns a matplotlib figure, which `save` writes as PNG, SVG or PDF. matplotlib is
loaded when the first figure is drawn.
"""

from striate.drawing.network import network
from striate.drawing.style import save

__all__ = ["network", "save"]
