"""What of a network runs at once, and when it may: compiled kernels above the plain modules."""

from striate.engine.frozen import Frozen, freeze
from striate.engine.gradients import LossGradients
from striate.engine.lower import lower
from striate.engine.optimizers import optimizer
from striate.engine.segments import pays

__all__ = ["Frozen", "LossGradients", "freeze", "lower", "optimizer", "pays"]
