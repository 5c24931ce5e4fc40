"""Training: one loop, one run folder, exact resume."""

from striate.training.evaluate import Evaluation, Mistake, evaluate
from striate.training.events import Event, Listener, Result, Row, Started, Stepped
from striate.training.loop import read_config, resume, train
from striate.training.recipe import SETTINGS, Recipe

__all__ = [
    "SETTINGS",
    "Evaluation",
    "Event",
    "Listener",
    "Mistake",
    "Recipe",
    "Result",
    "Row",
    "Started",
    "Stepped",
    "evaluate",
    "read_config",
    "resume",
    "train",
]
