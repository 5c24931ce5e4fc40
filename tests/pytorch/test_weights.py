from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from agreement import random_weights
from nets import branching, lenet
from striate.engine import lower
from striate.errors import WeightsError
from striate.pytorch import load_weights, weights_of


def test_weights_travel_both_ways() -> None:
    graph = branching()
    weights = random_weights(graph, np.random.default_rng(0))
    module = lower(graph, weights).double()
    load_weights(module, weights)
    found = weights_of(module)
    assert found.keys() == weights.keys()
    for node, own in weights.items():
        assert found[node].keys() == own.keys()
        for name, array in own.items():
            assert np.array_equal(found[node][name], array)
            assert found[node][name].flags.c_contiguous


def test_weights_are_copies() -> None:
    module = lower(lenet())
    weights = weights_of(module)
    weights["conv1"]["weight"][:] = 7
    assert not (module.conv1.weight == 7).any()


def test_the_layout_of_a_module_does_not_matter() -> None:
    module = lower(lenet())
    turned = lower(lenet(), weights_of(module)).to(memory_format=torch.channels_last)
    assert np.array_equal(
        weights_of(turned)["conv2"]["weight"], weights_of(module)["conv2"]["weight"]
    )


def test_wrappers_are_looked_through() -> None:
    module = lower(lenet())
    assert weights_of(torch.compile(module, backend="eager")).keys() == weights_of(module).keys()


def test_a_single_layer_has_no_node_name() -> None:
    assert weights_of(nn.Linear(2, 3)).keys() == {""}


def test_misfits_are_named() -> None:
    module = lower(lenet())
    weights = weights_of(module)
    weights["conv_1"] = weights.pop("conv1")
    with pytest.raises(WeightsError) as caught:
        load_weights(module, weights)
    assert str(caught.value) == (
        "the weights do not fit the network\n"
        "  missing: conv1.weight, conv1.bias\n"
        "  unexpected: conv_1.weight, conv_1.bias\n"
        "  Did you mean conv1.weight or conv1.bias?"
    )


def test_a_wrong_shape_changes_nothing() -> None:
    module = lower(lenet())
    weights = weights_of(module)
    before = module.conv1.weight.clone()
    weights["conv1"]["weight"][:] = 7
    weights["fc2"]["weight"] = weights["fc2"]["weight"].T
    with pytest.raises(WeightsError, match=r"fc2\.weight has the shape 9x5, but .* needs 5x9"):
        load_weights(module, weights)
    assert torch.equal(module.conv1.weight, before)
