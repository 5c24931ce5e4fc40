"""One fault of each kind is found, the table has them all, and first weights raise nothing.

`benchmarks/diagnose_faults.py` plants every fault in every network, and has healthy runs.
"""

from __future__ import annotations

import shlex

import pytest

from diagnosis.faults import FAULTS, NETWORKS, Fault, digits, planted
from striate import Graph, Recipe, diagnose
from striate.cli.train import SETTING
from striate.diagnosis.checks import CHECKS
from striate.lookup import subject_of

FIRST = {fault.kind: fault for fault in reversed(FAULTS)}


@pytest.mark.parametrize("fault", FIRST.values(), ids=FIRST)
def test_each_kind_is_found(fault: Fault) -> None:
    found = fault.plant(NETWORKS[fault.networks[0]])
    verdicts = [each for each in found.verdicts if each.kind == fault.kind]
    assert verdicts, found
    for each in verdicts:
        assert any(character.isdigit() for character in each.evidence)
        _check_command(each.fix)


def _check_command(fix: str) -> None:
    """A command of ours, with a network that can be read and settings that there are."""
    program, verb, *words = shlex.split(fix)
    assert (program, verb) in {("striate", "train"), ("striate", "data")}, fix
    settings = {}
    for word in words:
        if SETTING.fullmatch(word):
            name, _, value = word.partition("=")
            settings[name] = value
    Recipe.from_dict(settings)
    if verb == "train" and words[0] != "--config":
        assert isinstance(subject_of(words[0]), Graph)


def test_every_check_has_a_fault() -> None:
    assert set(FIRST) == {check.kind for check in CHECKS}
    assert len({check.kind for check in CHECKS}) == len(CHECKS)
    assert len(list(planted())) >= 40
    assert len(NETWORKS) == 8


@pytest.mark.parametrize("name", NETWORKS)
def test_first_weights_raise_nothing(name: str) -> None:
    found = diagnose(NETWORKS[name], digits())
    assert found.ok, found
    assert found.unchecked == ("overfitting: needs a trained network",)
