"""Memory to infer and to train: counted by hand, against the allocator, and within a budget."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch

from striate.analysis.memory import DTYPES, MOST, Memory, memory
from striate.bench.allocator import prediction_peak, training_peak
from striate.capacity import bytes_of
from striate.errors import SettingError
from striate.graph import Graph
from striate.networks import NETWORKS
from striate.notation import parse

DENSE = "INPUT 10 -> FC 8 -> RELU -> FC 4"
POINTWISE = (
    "INPUT 3x32x32 -> CONV 16 1x1 -> BN -> RELU -> MAXPOOL 2 "
    "-> { CONV 16 1x1 -> RELU | PASS } ADD -> AVGPOOL 2 -> FC 64 -> RELU -> FC 10"
)
"""Convolutions that no type and no batch gives a workspace."""


@pytest.mark.parametrize(("dtype", "width"), DTYPES.items())
def test_a_network_counted_by_hand(dtype: str, width: int) -> None:
    answer = memory(DENSE, batch=2, optimizer="momentum", dtype=dtype)
    weights = (10 * 8 + 8) + (8 * 4 + 4)
    assert answer.training.weights == answer.optimizer_bytes == width * weights
    # Most is there when relu1 is made: the pictures, its input and itself.
    assert answer.infer_bytes == width * (weights + 2 * (10 + 8 + 8))
    # Of fc1 nothing; relu1, the scores, and the loss with the two numbers that it keeps.
    assert answer.saved_by_operator == {
        "INPUT": 0,
        "FC": width * 2 * 4,
        "RELU": width * 2 * 8,
        "loss": width * (2 * 4 + 1 + 1),
    }
    # At the backward of fc1: two of everything learned, momentum, scores with loss, fc1's error.
    assert answer.train_bytes == width * (3 * weights + 2 * 10 + 8 + 1 + 16)
    assert answer.peak == ("backward", "fc1")


def test_few_pictures_take_most_in_the_update() -> None:
    answer = memory("INPUT 100 -> a: FC 90 bias=no -> b: FC 10 bias=no", batch=1, optimizer="adam")
    largest, parameters = 9_000, 9_900
    pictures, after = 100, 10 + 1  # the scores and the loss stay
    assert answer.peak == ("update", "a")
    assert answer.train_bytes == 4 * (4 * parameters + 2 * largest + pictures + after)
    assert memory("INPUT 100 -> FC 90 -> FC 10", batch=999).peak.phase == "backward"


def test_places_of_winners_have_one_size_in_every_type() -> None:
    text = "INPUT 1x4x4 -> CONV 1 1x1 -> MAXPOOL 2"
    saved = [memory(text, batch=3, dtype=each).saved_by_operator["MAXPOOL"] for each in DTYPES]
    assert saved == [3 * (width * 4 + 8 * 4) for width in DTYPES.values()]


def test_predictions_know_no_dropout_side_exits_and_losses() -> None:
    plain = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> {} FC 3"
    bare = memory(plain.format("")).infer_bytes
    assert memory(plain.format("DROPOUT 0.5 -> ")).infer_bytes == bare
    assert memory(plain.format("DROPOUT 0.5 -> ")).infer_bytes == bare
    assert memory(plain.format("{ FC 500 } AUX 0.3 -> ")).infer_bytes == bare


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("batch", [1, 40])
def test_steps_take_what_is_said(optimizer: str, batch: int, without_onednn: None) -> None:
    graph = parse(POINTWISE)
    said = memory(graph, batch=batch, optimizer=optimizer).train_bytes
    assert said == pytest.approx(training_peak(graph, batch, optimizer=optimizer), rel=0.01)


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_take_what_is_said(dtype: str, without_onednn: None) -> None:
    graph, kind = parse(POINTWISE), getattr(torch, dtype)
    said = memory(graph, batch=40, dtype=dtype)
    real = training_peak(graph, 40, optimizer="adam", dtype=kind)
    off = 0.1 if dtype == "bfloat16" else 0.01  # some kernels compute in float32 on the way
    assert said.train_bytes == pytest.approx(real, rel=off)
    assert said.infer_bytes == pytest.approx(prediction_peak(graph, 40, dtype=kind), rel=off)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])
def test_catalog_networks_take_what_is_said(name: str) -> None:
    graph = parse(NETWORKS[name].notation.replace("3x224x224", "3x96x96"))
    said = memory(graph, batch=8)
    assert said.train_bytes == pytest.approx(training_peak(graph, 8, optimizer="adam"), rel=0.03)
    assert said.infer_bytes == pytest.approx(prediction_peak(graph, 8), rel=0.05)


@pytest.fixture
def without_onednn() -> Iterator[None]:
    """PyTorch's own convolutions."""
    (before, *_) = torch.backends.mkldnn.set_flags(False)
    yield
    torch.backends.mkldnn.set_flags(before)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As `docs/memory.md` measures: each thread has a workspace of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("budget", ["2 MiB", 3_000_000, "40MB"])
def test_the_largest_batch_fits_and_one_more_does_not(budget: str | int) -> None:
    found = memory(POINTWISE, optimizer="momentum", budget=budget)
    room, largest = bytes_of(budget), found.largest
    assert largest is not None
    assert room == found.budget
    for k, fits in enumerate((True, False)):
        assert (_step(POINTWISE, largest["train"] + k).train_bytes <= room) is fits
        assert (_step(POINTWISE, largest["infer"] + k).infer_bytes <= room) is fits


def _step(network: str | Graph, batch: int) -> Memory:
    return memory(network, batch=batch, optimizer="momentum")


def test_a_budget_may_have_no_room_or_more_than_anybody_asks() -> None:
    assert memory(DENSE, budget=100).largest == {"train": 0, "infer": 0}
    assert not memory(DENSE, budget=100).fits
    assert memory("INPUT 1 -> RELU", budget="8EiB").largest == {"train": MOST, "infer": MOST}


def test_the_table_and_the_memory_say_the_same() -> None:
    from striate.analysis.table import table

    answer, shown = memory(POINTWISE, batch=1), table(POINTWISE, batch=1)
    assert answer.infer_bytes == shown.weight_bytes + shown.peak_bytes
    assert answer.train_bytes == shown.training.with_optimizer("adam")


def test_json_has_the_promised_keys() -> None:
    form = json.loads(json.dumps(memory(DENSE, batch=2).to_json()))
    assert form["schema_version"] == 1
    numbers = ("infer_bytes", "train_bytes", "weights", "gradients", "optimizer", "saved")
    assert all(type(form[key]) is int for key in numbers)
    assert form["peak_at"] in ("fc1", "fc2", "relu1")
    assert form["saved"] == sum(form["saved_by_operator"].values())
    assert form["saved"] == sum(form["saved_by_layer"].values())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adm"}, "Did you mean adam"),
        ({"dtype": "int8"}, "There are: float32, float64, bfloat16"),
        ({"budget": "lots"}, "'lots' says no number of bytes\n  Write 8GiB"),
        ({"budget": "0GB"}, "no number of bytes"),
        ({"batch": 0}, "0 pictures"),
    ],
)
def test_wrong_requests_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        memory(DENSE, **settings)  # type: ignore[arg-type]
