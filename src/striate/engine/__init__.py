"""What of a network runs at once, and when it may: compiled kernels above the plain modules."""

from striate.engine.freeze import Frozen, freeze
from striate.engine.fusion import pays
from striate.engine.gradients import Gradients
from striate.engine.lower import lower
from striate.engine.optimizers import optimizer

__all__ = ["Frozen", "Gradients", "freeze", "lower", "optimizer", "pays"]
