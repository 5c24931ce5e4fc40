"""Which setting needs which other: one table, so that no setting is accepted and does nothing.

A requirement looks at the recipe alone, or at the recipe with the network, or with the number of
steps in an epoch, which the data decides. Each is asked as early as it can be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from striate.errors import IdleSettingError
from striate.graph import Graph
from striate.ops import Hinge, MapLoss, SigmoidCrossEntropy
from striate.ops.loss.class_loss import ClassLoss
from striate.passes.attach_loss import with_loss

if TYPE_CHECKING:
    from striate.training.recipe import Recipe


@dataclass(frozen=True)
class Requirement:
    """A setting that does nothing unless another one lets it.

    Args:
        setting: does nothing.
        other: is why.
        is_met: whether it does something.
        remedy: what to write instead.
    """

    setting: str
    other: str
    is_met: Callable[[Recipe], bool]
    remedy: str


@dataclass(frozen=True)
class OfNetwork:
    """A setting that does nothing with some networks; `why` says what such a network is."""

    setting: str
    is_met: Callable[[Recipe, Graph], bool]
    why: str
    remedy: str


OF_RECIPE = (
    Requirement(
        "momentum",
        "optimizer",
        lambda r: r.momentum is None or r.optimizer in ("momentum", "nesterov"),
        "Choose optimizer=momentum or nesterov, or leave momentum out.",
    ),
    Requirement(
        "step_epochs",
        "schedule",
        lambda r: r.step_epochs is None or r.schedule == "step",
        "Choose schedule=step, or leave step_epochs out.",
    ),
    Requirement(
        "step_factor",
        "schedule",
        lambda r: r.step_factor is None or r.schedule == "step",
        "Choose schedule=step, or leave step_factor out.",
    ),
    Requirement(
        "step_epochs",
        "epochs",
        lambda r: r.step_epochs is None or r.step_epochs < r.epochs,
        "The rate would never fall: let step_epochs be smaller than epochs.",
    ),
    Requirement(
        "schedule",
        "epochs",
        lambda r: r.schedule != "step" or r.epochs > 1,
        "The rate falls between epochs: train for 2 or more, or choose another schedule.",
    ),
    Requirement(
        "accumulate",
        "batch_size",
        lambda r: r.accumulate <= r.batch_size,
        "A batch cannot be computed in more parts than it has pictures.",
    ),
    Requirement(
        "patience",
        "epochs",
        lambda r: not r.patience or r.patience + 1 < r.epochs,
        "It could end the run only after its last epoch: let patience be smaller by two or more.",
    ),
    Requirement(
        "patience",
        "validation",
        lambda r: not (r.patience and r.validation == 0),
        "Patience looks at validation pictures: set some aside (validation=0.1).",
    ),
    Requirement(
        "patience_steps",
        "validation",
        lambda r: not (r.patience_steps and r.validation == 0),
        "Patience looks at validation pictures: set some aside (validation=0.1).",
    ),
)
"""What the recipe alone can answer."""


SMOOTHED = (ClassLoss, MapLoss, SigmoidCrossEntropy)
"""Losses whose targets can be smoothed."""


WEIGHED = (ClassLoss, Hinge)
"""Losses in which classes can count differently."""


def _smooths(recipe: Recipe, graph: Graph) -> bool:
    last = with_loss(graph).loss
    if not recipe.smoothing or last is None:
        return True
    known = last.operator
    return isinstance(known, SMOOTHED) and known.smoothing in (0.0, recipe.smoothing)


def _has_biases(recipe: Recipe, graph: Graph) -> bool:
    usual = type(recipe).bias_initializer
    return recipe.bias_initializer == usual or any("bias" in graph.weights(n) for n in graph)


def _weighs(recipe: Recipe, graph: Graph) -> bool:
    last = with_loss(graph).loss
    if not recipe.class_weights or last is None:
        return True
    return isinstance(last.operator, WEIGHED) and last.operator.class_weights is None


OF_NETWORK = (
    OfNetwork(
        "class_weights",
        _weighs,
        "the network ends in {end}",
        "Leave it out, or end the network with its scores (FC), or with a loss of classes that "
        "has no class_weights yet.",
    ),
    OfNetwork(
        "smoothing",
        _smooths,
        "the network ends in {end}",
        "Leave it out, or end the network with its scores (FC), or with a loss that has smoothing: "
        "CROSSENTROPY, LOGLOSS, MAPLOSS, SIGMOIDCROSSENTROPY.",
    ),
    OfNetwork(
        "bias_initializer",
        _has_biases,
        "no layer of the network has a bias",
        "Leave bias_initializer out.",
    ),
)
"""What the network decides."""


def check_recipe(recipe: Recipe) -> None:
    """Refuse a setting that does nothing beside the recipe's others.

    Raises:
        IdleSettingError: it names both.
    """
    for each in OF_RECIPE:
        if not each.is_met(recipe):
            value, other = getattr(recipe, each.setting), getattr(recipe, each.other)
            raise IdleSettingError(
                f"{each.setting} is {value}, which does nothing where {each.other} is {other}",
                setting=each.setting,
                remedy=each.remedy,
            )


def check_network(recipe: Recipe, graph: Graph) -> None:
    """Refuse a setting that does nothing with this network.

    Raises:
        IdleSettingError: it names both.
    """
    for each in OF_NETWORK:
        if not each.is_met(recipe, graph):
            raise IdleSettingError(
                f"{each.setting} is {getattr(recipe, each.setting)}, which does nothing where "
                f"{each.why.format(end=_end(graph))}",
                setting=each.setting,
                remedy=each.remedy,
            )


def check_length(recipe: Recipe, steps_per_epoch: int) -> None:
    """Refuse a step schedule whose first fall comes after the last step.

    Raises:
        IdleSettingError: it names both.
    """
    fall = recipe.epochs_per_fall * steps_per_epoch
    if recipe.schedule == "step" and fall >= recipe.last_step(steps_per_epoch):
        raise IdleSettingError(
            f"schedule is step, which does nothing where steps is {recipe.steps}",
            setting="schedule",
            remedy=f"The rate falls after {fall} steps: train longer, or let step_epochs be less.",
        )


def _end(graph: Graph) -> str:
    last = graph.nodes[-1].operator
    own = f" smoothing={last.smoothing:g}" if isinstance(last, SMOOTHED) else ""
    return f"{type(last).__name__.upper()}{own}"
