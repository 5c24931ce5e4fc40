"""Why is a loss what it is: maps of scores, weights, ignored places, wanted values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from striate.analysis.why.inquiry import Inquiry
from striate.notation import parse
from striate.pytorch import weights_of

NET = "INPUT 3x2x3 -> CONV 4 1 -> CROSSENTROPY smoothing=0.1 weights=1+2+1+0.5 ignore_index=255"
RNG = np.random.default_rng(0)
PLACES, SHARES = [[0, 255, 3], [1, 1, 2]], RNG.random((4, 2, 3))


@pytest.mark.parametrize("target", [None, PLACES, SHARES], ids=["predicted", "classes", "shares"])
def test_the_loss_of_a_map_adds_up(target: Any) -> None:
    graph = parse(NET)
    inquiry = Inquiry((graph, weights_of(graph.module())), RNG.random((3, 2, 3)), target=target)
    for what in ("loss", "conv1[1,0,1].grad", "conv1[3,0,2].grad", "conv1.weight[2,0,0,0].grad"):
        found = inquiry.why(what)
        assert found.reference_residual < 1e-14
        assert found.stored == pytest.approx(found.reference, rel=1e-5, abs=1e-7)
    assert inquiry.why("loss").formula == (
        "(Σ c[k] · q[k] · (log Σ exp(conv1[m]) - conv1[k])) / Σ w"
    )


def test_a_place_that_is_ignored_has_no_gradient() -> None:
    graph = parse(NET)
    weights = weights_of(graph.module())
    inquiry = Inquiry((graph, weights), RNG.random((3, 2, 3)), target=PLACES)
    assert [inquiry.why(f"conv1[{k},0,1].grad").reference for k in range(4)] == [0, 0, 0, 0]
