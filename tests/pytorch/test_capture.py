"""Any module as a graph: equal to it, whatever the style it is written in, or refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from modules_to_capture import MODULES, Written
from torch import Tensor, nn

import striate
from striate.errors import CaptureError
from striate.graph import Graph
from striate.ops import Constant, Opaque


def made(name: str) -> tuple[nn.Module, Any]:
    """A module with weights and statistics that no layer begins with, in float64."""
    torch.manual_seed(len(name))
    module, example = MODULES[name]()
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    if isinstance(example[0], Tensor):
        return module.double(), tuple(each.double() for each in example)
    return module.double(), example


def _single(example: Any) -> Any:
    return tuple(x.float() if isinstance(x, Tensor) else x for x in example)


def pictures(captured: striate.Captured, count: int) -> list[Tensor]:
    torch.manual_seed(count)
    specs = [captured.graph.specs[name] for name in captured.inputs]
    return [torch.randn(count, *spec.shape, dtype=torch.float64) for spec in specs]


OPAQUE = {
    "summed_up": ["cumsum"],
    "masked": ["gt, where"],
    "celled": ["lstm"],
    "written_into": ["slice_scatter"],
}


@pytest.mark.parametrize("name", MODULES)
def test_a_captured_module_is_the_module(name: str) -> None:
    module, example = made(name)
    captured = striate.capture(module, example)
    network = captured.module()
    for count in (1, 4):
        x = pictures(captured, count)
        ordered = [x[captured.inputs.index(node.name)] for node in captured.graph.inputs]
        with torch.no_grad():
            wanted, found = module.eval()(*x), network(*ordered)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    opaque = [n.operator.name for n in captured.graph if isinstance(n.operator, Opaque)]
    assert opaque == OPAQUE.get(name, [])
    assert (captured.native["nodes"] == 1) == (not opaque)


@pytest.mark.parametrize("name", MODULES)
def test_weights_are_counted_once(name: str) -> None:
    module, example = made(name)
    captured = striate.capture(module, example)
    own = sum(p.numel() for p in module.parameters())
    counted = captured.graph.parameters
    account = captured.parameters
    assert account.module == own
    assert account.kept + account.added == counted
    if name == "celled":
        assert account.opaque == own
    elif name == "weight_norm":
        assert own - counted == 4
        assert (account.folded, account.added) == (112, 108)
        assert any("112 are folded" in each for each in captured.notes.remarks)
        assert "_weight_norm" in captured.notes.folded[0]
    elif name == "tied":
        assert counted - own == 24
    else:
        assert counted == own
    assert not captured.notes.unused


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_left_as_it_was(name: str) -> None:
    module, example = made(name)
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    attributes = [dict(each.__dict__) for each in module.modules()]
    striate.capture(module, example)
    assert attributes == [dict(each.__dict__) for each in module.modules()]
    assert all(each.training for each in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])


def test_what_a_run_leaves_in_a_module_is_cleared() -> None:
    def counts(s: Any, x: Tensor) -> Tensor:
        s.seen.add_(1)
        s.last = s.conv(x)
        return s.last.relu()

    module = Written(counts, conv=nn.Conv2d(3, 2, 3))
    module.register_buffer("seen", torch.zeros(1))
    striate.capture(module, (3, 6, 6))
    assert module.seen.item() == 0
    assert not hasattr(module, "last")


@pytest.mark.parametrize("name", [each for each in MODULES if each != "siamese"])
def test_every_number_is_explained(name: str) -> None:
    module, example = made(name)
    captured = striate.capture(module, example)
    x = pictures(captured, 1)[0].numpy()
    graph, random = captured.graph, np.random.default_rng(0)
    units = graph.specs[graph.scores.name]
    target = random.standard_normal(units.shape) if units.rank > 1 else 0
    ends = graph if units.rank > 1 else None
    for node in random.choice(np.array([n.name for n in graph]), 8):
        place = ",".join(str(random.integers(n)) for n in graph.specs[node].shape)
        explained = striate.why(captured, x, f"{node}[{place}]")
        assert explained.residual < 1e-4, (node, place)
        if ends is None:
            explained = striate.why(captured, x, f"{node}[{place}].grad", target=target)
            assert explained.residual < 1e-4, (node, place)


@pytest.mark.parametrize(
    "name",
    ["excited", "classed", "windowed", "reused", "weighed_in_windows", "taken_apart", "in_volumes"],
)
def test_both_engines_agree_on_what_is_captured(name: str) -> None:
    module, example = made(name)
    assert striate.verify(striate.capture(module, example)).ok


def test_names_are_the_paths_of_the_module() -> None:
    captured = striate.capture(*made("hyphenated"))
    names = [node.name for node in captured.graph]
    assert names[:3] == ["input", "layers.0.block1_0", "layers.0.norm_1"]
    captured = striate.capture(*made("reused"))
    assert [node.name for node in captured.graph] == ["input", "conv", "act", "conv_2", "act_2"]
    assert captured.graph["conv_2"].shares == "conv"


def graph_of(function: Any, **parts: Any) -> Graph:
    torch.manual_seed(1)
    return striate.capture(Written(function, **parts), (3, 6, 6)).graph


def test_a_branch_by_numbers_is_refused_with_its_line() -> None:
    def decides(s: Any, x: Tensor) -> Tensor:
        return s.conv(x) if x.mean() > 0 else -s.conv(x).relu()

    with pytest.raises(striate.StriateError, match="depends on the picture") as error:
        graph_of(decides, conv=nn.Conv2d(3, 2, 3))
    assert "if x.mean() > 0" in str(error.value)


def test_a_number_of_the_picture_is_refused_with_its_line() -> None:
    def scales(s: Any, x: Tensor) -> Tensor:
        return s.conv(x) * float(x.abs().max())

    with pytest.raises(striate.StriateError, match=r"a number \(.*depends on the picture") as error:
        graph_of(scales, conv=nn.Conv2d(3, 2, 3))
    assert "float(x.abs().max())" in str(error.value)


def test_numpy_in_the_middle_is_refused() -> None:
    def leaves(s: Any, x: Tensor) -> Tensor:
        return s.conv(x) + torch.from_numpy(np.maximum(s.conv(x).numpy(), 0))

    def ends(s: Any, x: Tensor) -> Tensor:
        return torch.from_numpy(np.maximum(s.conv(x).numpy(), 0))

    with pytest.raises(striate.StriateError, match="PyTorch did not see") as error:
        graph_of(leaves, conv=nn.Conv2d(3, 2, 3))
    assert "torch.from_numpy" in str(error.value)
    with pytest.raises(striate.StriateError, match="does not depend on its input"):
        graph_of(ends, conv=nn.Conv2d(3, 2, 3))


def test_a_write_into_a_view_that_no_operator_takes_is_refused_with_both_lines() -> None:
    def writes(s: Any, x: Tensor) -> Tensor:
        y = s.conv(x)
        y.diagonal(dim1=2, dim2=3).zero_()
        return y * 2

    def reads(s: Any, x: Tensor) -> Tensor:
        y = s.conv(x)
        z = y.diagonal(dim1=2, dim2=3)
        y.relu_()
        return z * 2

    for function, line in ((writes, "dim2=3).zero_()"), (reads, "y.relu_()")):
        with pytest.raises(striate.StriateError, match="written over") as error:
            graph_of(function, conv=nn.Conv2d(3, 2, 3))
        assert line in str(error.value)


def test_a_write_into_some_pictures_of_a_batch_is_refused() -> None:
    def writes(s: Any, x: Tensor, part: slice) -> Tensor:
        y = s.conv(x)
        y[part] += 1
        return y

    for part in (slice(1), slice(-1, None)):
        with pytest.raises(striate.StriateError, match="when others are beside it"):
            graph_of(lambda s, x, part=part: writes(s, x, part), conv=nn.Conv2d(3, 2, 3))


def test_a_mask_that_is_filled_by_parts_is_a_constant() -> None:
    def fills(s: Any, x: Tensor) -> Tensor:
        mask = x.new_zeros(1, 1, 6, 6)
        mask[..., :3] = 2
        return s.conv(x) * mask

    graph = graph_of(fills, conv=nn.Conv2d(3, 2, 3, padding=1))
    assert any(isinstance(node.operator, Constant) for node in graph)


def test_noise_is_refused() -> None:
    with pytest.raises(striate.StriateError, match="did not see"):
        graph_of(lambda s, x: s.conv(x + torch.randn_like(x)), conv=nn.Conv2d(3, 2, 3))


def test_pictures_that_are_mixed_are_refused() -> None:
    with pytest.raises(striate.StriateError, match="when others are beside it"):
        graph_of(lambda s, x: s.conv(x - x.mean()), conv=nn.Conv2d(3, 2, 3))


def test_what_is_not_read_and_returned_beside_is_said() -> None:
    module = Written(
        lambda s, x: {"scores": s.used(x), "more": x}, used=nn.Linear(3, 2), idle=nn.Linear(3, 2)
    )
    notes = striate.capture(module, (3,)).notes
    assert notes.unused == ("idle.weight", "idle.bias")
    assert "returns 2 values" in notes.remarks[0]


def test_it_is_shown() -> None:
    text = str(striate.capture(*made("summed_up")))
    assert "OPAQUE cumsum 4x6x6" in text
    assert "of multiply-adds" in text
    assert striate.table(striate.capture(*made("reused"))).totals["parameters"] == 84


def test_a_copy_of_the_module_is_not_needed() -> None:
    module, example = made("weight_norm")
    copied = copy.deepcopy(module)
    captured = striate.capture(module, example)
    module[0].bias.data.zero_()
    x = pictures(captured, 2)[0]
    with torch.no_grad():
        torch.testing.assert_close(captured.module()(x), copied.eval()(x))


def test_the_table_of_a_capture_ends_with_the_native_share() -> None:
    class Sorting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mix = nn.Conv2d(1, 2, 3), nn.Parameter(torch.randn(6, 6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.einsum("nchw,wk->nchk", self.conv(x).cumsum(2), self.mix)

    answer = striate.table(striate.capture(Sorting(), (1, 8, 8)))
    assert 0 < answer.native["nodes"] < 1
    assert "Native, with a formula here: " in " ".join(str(answer).split()[-13:])
    plain = striate.table(striate.capture(nn.Conv2d(1, 2, 3), (1, 8, 8)))
    assert " ".join(str(plain).split()).endswith("100 % of nodes, 100 % of multiply-adds.")


def test_a_module_is_captured_as_it_trains() -> None:
    def trains(s: Any, x: Tensor) -> Tensor:
        y = s.drop(s.norm(s.conv(x)).relu())
        keep = x.new_empty(len(x), 1, 1, 1).bernoulli_(0.8).div_(0.8)  # stochastic depth
        y = x + y * keep
        return (s.head(y.mean((2, 3))), s.side(y.mean((2, 3)))) if s.training else s.head(y)

    parts = {"conv": nn.Conv2d(3, 3, 3, padding=1), "norm": nn.BatchNorm2d(3)}
    heads = {"head": nn.Linear(3, 2), "side": nn.Linear(3, 2)}
    module = Written(trains, **parts, **heads, drop=nn.Dropout(0.3, inplace=True)).eval()
    module.norm.running_mean.normal_()
    captured = striate.capture(module, (3, 6, 6), training=True)
    assert [type(node.operator).__name__ for node in captured.graph][:5] == [
        "Input", "Conv", "BatchNorm", "ReLU", "Dropout"]  # fmt: skip
    assert captured.native["nodes"] == 1
    assert not module.training
    network, x = captured.module(), torch.randn(4, 3, 6, 6)
    network.train()
    module.train()
    before = module.norm.running_mean.clone()
    torch.manual_seed(3)
    found = network(x)
    assert not torch.equal(found, network(x))
    assert not torch.equal(network.get_submodule("norm").running_mean, before)
    module.drop.p = 0.0
    network.get_submodule("drop").p = 0.0
    module.function = lambda s, x: s.head((x + s.norm(s.conv(x)).relu()).mean((2, 3)))
    torch.testing.assert_close(network(x), module(x), rtol=1e-4, atol=1e-5)


def test_what_is_no_module_is_refused_in_words() -> None:
    with pytest.raises(CaptureError, match=r"'nets:Net' is no torch.nn.Module"):
        striate.capture("nets:Net", (1, 8, 8))  # type: ignore[arg-type]
