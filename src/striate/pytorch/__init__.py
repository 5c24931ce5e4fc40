"""A graph as an ordinary PyTorch module, fast by default, and as plain PyTorch text."""

from striate.pytorch.evaluate import Evaluation, values_and_gradients
from striate.pytorch.fold import folded
from striate.pytorch.freeze import Frozen, freeze
from striate.pytorch.fusion import pays
from striate.pytorch.gradients import Gradients
from striate.pytorch.losses import Loss, loss_function
from striate.pytorch.lower import Network, lower
from striate.pytorch.optimizers import optimizer
from striate.pytorch.source import source
from striate.pytorch.weights import load_weights, weights_of

__all__ = [
    "Evaluation",
    "Frozen",
    "Gradients",
    "Loss",
    "Network",
    "folded",
    "freeze",
    "load_weights",
    "loss_function",
    "lower",
    "optimizer",
    "pays",
    "source",
    "values_and_gradients",
    "weights_of",
]
