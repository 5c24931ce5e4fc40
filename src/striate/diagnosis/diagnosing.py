"""`diagnose`: gather the evidence, ask every check, answer with verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from striate.data import DataSet
from striate.data.sources import Source
from striate.diagnosis.checks import CHECKS
from striate.diagnosis.evidence import Missing
from striate.diagnosis.gathering import gathered
from striate.diagnosis.verdict import Diagnosis, Verdict
from striate.lookup import NetworkLike
from striate.ops.arrays import Weights
from striate.training.recipe import Recipe


def diagnose(
    subject: NetworkLike,
    data: DataSet | Source = "",
    recipe: Recipe | None = None,
    *,
    data_dir: Path | str | None = None,
    first: Weights | None = None,
    **settings: Any,
) -> Diagnosis:
    """What is wrong with a network, its training or its pictures: numbers, cause and fix.

    Args:
        subject: a run folder; a model or its file; or a network (a graph, a text, a name, a
            file), which gets first weights.
        data: a data set, its name, a folder, a file or arrays (x, y); else what the run or model
            learned from, where that lies on this computer. A network alone is tried with drawn
            numbers, and what needs pictures is not checked.
        recipe: how it is trained; `settings` change single entries. Else as the run, the model or
            the catalog says.
        data_dir: where named data sets lie.
        first: first weights of a network, in place of drawn ones.

    Raises:
        StriateError: the subject or the pictures cannot be read, or do not fit.

    >>> from striate.diagnosis import diagnose
    >>> found = diagnose("INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10 -> SOFTMAX -> SOFTMAX")
    >>> [each.kind for each in found.verdicts]
    ['softmax_twice']
    """
    evidence = gathered(subject, data, recipe, data_dir, settings, first)
    verdicts: list[Verdict] = []
    unchecked: list[str] = []
    for check in CHECKS:
        try:
            found = list(check.find(evidence))
        except Missing as missing:
            unchecked.append(f"{check.kind}: {missing}")
            continue
        verdicts += [
            Verdict(check.kind, each.layer or None, each.evidence, check.cause, each.fix)
            for each in found
        ]
    return Diagnosis(tuple(verdicts), len(CHECKS) - len(unchecked), tuple(unchecked))
