"""The table of checks: what each looks for, and why what it finds happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from striate.diagnosis import of_gradients, of_network, of_pictures, of_training, of_values
from striate.diagnosis.evidence import Evidence
from striate.diagnosis.verdict import Finding


@dataclass(frozen=True)
class DiagnosticCheck:
    """One thing to look for.

    Args:
        kind: its name in a verdict.
        find: what it finds in the evidence; it raises `Missing` where it cannot look.
        cause: why that happens.
    """

    kind: str
    find: Callable[[Evidence], Iterable[Finding]]
    cause: str


CHECKS = (
    DiagnosticCheck(
        "loss_not_finite",
        of_values.not_finite,
        "A step was so large that numbers overflowed, or a logarithm or division met zero.",
    ),
    DiagnosticCheck(
        "softmax_twice",
        of_network.softmax_twice,
        "Shares go through a softmax again: their differences are at most 1, so that the answer "
        "stays near guessing and gradients are small.",
    ),
    DiagnosticCheck(
        "first_loss",
        of_training.first_loss,
        "First weights are too large, or the input is: the network begins sure of itself and "
        "wrong, and has to unlearn that first.",
    ),
    DiagnosticCheck(
        "not_normalized",
        of_pictures.not_normalized,
        "Pictures enter far from mean 0 and deviation 1, which first weights and rates are made "
        "for; or the network is given other pictures than it learned from.",
    ),
    DiagnosticCheck(
        "labels_shuffled",
        of_pictures.shuffled,
        "Pictures and labels have lost their order, or come from two lists sorted differently.",
    ),
    DiagnosticCheck(
        "too_few_pictures",
        of_pictures.too_few,
        "A class of so few pictures is learned by heart. Collect more, or vary those there are.",
    ),
    DiagnosticCheck(
        "leak",
        of_pictures.leaking,
        "The same picture lies in two splits, so that what is measured is memory.",
    ),
    DiagnosticCheck(
        "dead_relu",
        of_values.dead_units,
        "Biases far below zero, or a step too large, pushed units to where they never fire and "
        "no gradient brings them back.",
    ),
    DiagnosticCheck(
        "saturated",
        of_values.saturated,
        "Inputs far from zero lie where the curve is flat: hardly a gradient passes.",
    ),
    DiagnosticCheck(
        "dead_branch",
        of_values.dead_branches,
        "The branch adds the same to every picture, and no gradient changes that.",
    ),
    DiagnosticCheck(
        "vanishing_gradient",
        of_gradients.vanishing,
        "Each layer behind it hands less of the gradient on: flat activations, small weights.",
    ),
    DiagnosticCheck(
        "exploding_gradient",
        of_gradients.exploding,
        "Each layer behind it hands more of the gradient on: weights that are too large.",
    ),
    DiagnosticCheck(
        "update_too_large",
        of_gradients.updates_too_large,
        "A step rewrites the weights instead of correcting them.",
    ),
    DiagnosticCheck(
        "update_too_small",
        of_gradients.updates_too_small,
        "At this size of a step the weights stay about what they were.",
    ),
    DiagnosticCheck(
        "rate_too_high",
        of_training.rate_too_high,
        "Steps jump over the minimum, each to a higher place.",
    ),
    DiagnosticCheck(
        "rate_too_low",
        of_training.rate_too_low,
        "Steps are too short to get anywhere in these epochs.",
    ),
    DiagnosticCheck(
        "overfitting",
        of_training.overfitting,
        "The network learns its pictures by heart: more or varied pictures, weight decay, or a "
        "smaller network hold it back.",
    ),
    DiagnosticCheck(
        "tiny_batch",
        of_network.tiny_batches,
        "Mean and deviation of so few pictures are mostly noise, and differ from those that "
        "predict.",
    ),
    DiagnosticCheck(
        "field_outgrows_picture",
        of_network.outgrown,
        "Every unit sees all of the picture already, and its window mostly padding: such layers "
        "cost, and add little.",
    ),
)
