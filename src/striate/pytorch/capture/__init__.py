"""Any PyTorch module as a graph that can be seen through."""

from striate.pytorch.capture.captured import Captured
from striate.pytorch.capture.capturing import capture

__all__ = ["Captured", "capture"]
