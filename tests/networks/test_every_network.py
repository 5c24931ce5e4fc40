"""The formulas and PyTorch agree on every network of the catalog, small pictures for large ones."""

from __future__ import annotations

import pytest

from striate.analysis.verify import verify
from striate.networks import NETWORKS
from striate.notation import parse

QUICK = [name for name in NETWORKS if name.startswith(("lenet", "cnn_"))]


def _checked(name: str) -> None:
    known = NETWORKS[name]
    answer = verify(parse(known.small or known.notation))
    assert answer.ok, [node for node in answer.nodes if node.error >= answer.bound]


@pytest.mark.parametrize("name", QUICK)
def test_the_lenets(name: str) -> None:
    _checked(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in QUICK])
def test_the_large_ones(name: str) -> None:
    _checked(name)
