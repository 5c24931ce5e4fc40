"""Three spatial axes: every engine computes them, or PyTorch's side says at once that it cannot."""

from __future__ import annotations

import pytest

from striate import parse, verify
from striate.errors import GraphError
from striate.pytorch import source


@pytest.mark.parametrize(
    "layers",
    [
        "BN",
        "CONV 4 3x3x3 same -> BN -> RELU -> MAXPOOL 2 -> CONV 3 2x1x2 stride=1x2x1",
        "DECONV 2 2x2x2 stride=2 -> GLOBALAVGPOOL",
        "ADAPTIVEMAXPOOL 2 -> GN 2 -> LN -> PRELU",
        "AVGPOOL 3 stride=2 pad=1 ceil=yes -> LRN 3 -> DROPOUT 0.5",
        "RESIZE 0.7 trilinear -> RESIZE 4x5x6",
        "STOCHASTICPOOL 2 -> { PASS | GLOBALAVGPOOL } MUL -> ADAPTIVEAVGPOOL 2",
    ],
)
def test_volumes_are_computed_alike(layers: str) -> None:
    graph = parse(f"INPUT 2x5x6x7 -> {layers} -> FC 3")
    assert verify(graph).ok
    assert "nn.Linear" in source(graph)


@pytest.mark.parametrize(
    "layer", ["CONV 2 2x2x2 same", "L2POOL 2", "SUBSAMPLE 2", "HISTOGRAMPOOL 2", "UNFOLD 2"]
)
def test_what_pytorch_has_no_module_for_is_refused(layer: str) -> None:
    graph = parse(f"INPUT 2x5x6x7 -> {layer} -> FC 3")
    for ask in (verify, source):
        with pytest.raises(GraphError, match="does not reach over the 3 axes"):
            ask(graph)
