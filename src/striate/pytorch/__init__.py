"""A graph as an ordinary PyTorch module, fast by default, and as plain PyTorch text."""

from striate.pytorch.losses import Loss, loss_function
from striate.pytorch.lower import Network, lower
from striate.pytorch.weights import load_weights, weights_of

__all__ = [
    "Loss",
    "Network",
    "load_weights",
    "loss_function",
    "lower",
    "weights_of",
]
