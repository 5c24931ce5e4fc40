"""What a graph is in PyTorch: modules, losses, weights, values and gradients, plain source."""

from striate.pytorch.evaluate import NodeValues, values_and_gradients
from striate.pytorch.losses import Loss, loss_function
from striate.pytorch.network import Network
from striate.pytorch.source import source
from striate.pytorch.weights import load_weights, weights_of

__all__ = [
    "Loss",
    "Network",
    "NodeValues",
    "load_weights",
    "loss_function",
    "source",
    "values_and_gradients",
    "weights_of",
]
