"""Training: one loop, one run folder, exact resume."""

from striate.training.evaluate import Evaluation, Mistake, evaluate
from striate.training.events import EpochRow, Event, Listener, Loading, Result, Started, Stepped
from striate.training.recipe import SETTINGS, Recipe
from striate.training.resuming import read_config
from striate.training.run import resume, train

__all__ = [
    "SETTINGS",
    "EpochRow",
    "Evaluation",
    "Event",
    "Listener",
    "Loading",
    "Mistake",
    "Recipe",
    "Result",
    "Started",
    "Stepped",
    "evaluate",
    "read_config",
    "resume",
    "train",
]
