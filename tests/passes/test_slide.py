"""Sliding over a larger picture says what every crop says."""

from __future__ import annotations

import numpy as np
import pytest

from striate import reference
from striate.errors import GraphError, ShapeError
from striate.initialize import initialize
from striate.notation import parse
from striate.passes.slide import convolutional

NETWORKS = {
    "INPUT 2x11x13 -> CONV 3 4x2 -> TANH -> MAXPOOL 2 -> DROPOUT 0.5 -> FC 7 -> RELU -> FC 5": 2,
    "INPUT 1x13x11 -> CONV 3 3x3 stride=2 -> BN -> AVGPOOL 2 -> FC 4 -> PRELU -> FC 3": 4,
    "INPUT 2x7x6 -> FLATTEN -> SIGMOID -> FC 4 -> SOFTMAX": 1,
    "INPUT 1x9x8 -> { CONV 2 3x3 | CONV 3 3x3 } CONCAT -> LRN 3 -> FC 6": 1,
    "INPUT 2x7x6 -> CONV 4 3x3 -> SOFTMAX -> SLICE 1 3 -> FC 3 -> LOGSOFTMAX": 1,
}


@pytest.mark.parametrize("notation", NETWORKS)
def test_the_map_of_scores_equals_the_crops_scores(notation):
    graph, stride = parse(notation), NETWORKS[notation]
    rng = np.random.default_rng(3)
    weights = {
        node: {
            name: rng.uniform(0.2, 0.9, w.shape) * rng.choice([-1, 1], w.shape)
            if "var" not in name
            else rng.uniform(0.5, 2, w.shape)
            for name, w in own.items()
        }
        for node, own in initialize(graph).items()
    }
    _, height, width = graph.specs["input"].shape
    large, own = convolutional(graph, weights, (height + 3 * stride, width + 2 * stride))
    pictures = rng.normal(size=(2, *large.specs["input"].shape))
    scores = reference.run(large, own, pictures).values[large.scores.name]
    assert scores.shape[2:] == (4, 3)
    for i, j in np.ndindex(4, 3):
        y, x = i * stride, j * stride
        crop = pictures[:, :, y : y + height, x : x + width]
        alone = reference.run(graph, weights, crop).values[graph.scores.name]
        np.testing.assert_allclose(scores[:, :, i, j], alone, rtol=0, atol=1e-10)


def test_losses_and_flattening_go_and_names_stay():
    graph = parse("INPUT 1x8x7 -> CONV 2 3x3 -> FC 4 -> CROSSENTROPY")
    large, own = convolutional(graph, initialize(graph), (10, 9))
    assert [node.name for node in large] == ["input", "conv1", "fc1"]
    assert own["fc1"]["weight"].shape == (4, 2, 6, 5)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("CONV 2 3x3 same -> FC 4", "conv1 cannot slide over a larger picture: it pads"),
        ("CONV 2 3x3 -> GLOBALAVGPOOL -> FC 4", "reads the whole map"),
        ("CONV 2 3x3 -> MEAN -> FC 4", "mean1 cannot slide .* reads a whole axis"),
        ("FC 4 -> SOFTMAX axis=last", "softmax1 cannot slide .* reads a whole axis"),
        ("FLATTEN -> BN -> FC 4", "units of a flattened map"),
        ("FLATTEN -> SOFTMAX", "units of a flattened map"),
        ("FC 4 axis=last -> FC 4", "moves positions"),
    ],
)
def test_what_would_answer_otherwise_is_refused(layers, said):
    graph = parse(f"INPUT 1x8x7 -> {layers}")
    with pytest.raises(GraphError, match=said):
        convolutional(graph, initialize(graph), (12, 12))


@pytest.mark.parametrize("size", [(7, 9), (9,), (9, 9, 9)])
def test_a_size_that_does_not_fit_is_refused(size):
    graph = parse("INPUT 1x8x7 -> FC 4")
    with pytest.raises(ShapeError, match="does not slide"):
        convolutional(graph, initialize(graph), size)
