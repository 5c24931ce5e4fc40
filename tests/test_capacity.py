"""Memory that is not there: asked before it is taken, with the node and the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from striate import capacity
from striate.analysis.verify import verify
from striate.analysis.why.inquiry import why
from striate.data.preprocess import Preprocessing
from striate.errors import DataError, NotEnoughMemoryError
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse
from striate.training import train

WIDE = parse("INPUT 1x8x8 -> CONV 100000 3x3 -> RELU -> FC 10")


def test_what_a_system_says_is_a_number_of_bytes() -> None:
    room = capacity.available()
    assert room is None or room > 1 << 20


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available", lambda: 1 << 30)


@pytest.mark.usefixtures("small_machine")
def test_training_says_it_before_there_is_a_folder(tmp_path: object) -> None:
    with pytest.raises(NotEnoughMemoryError) as refused:
        train(WIDE, "digits", run=f"{tmp_path}/run", batch_size=1000)
    assert str(refused.value) == (
        "there is not enough memory: conv1, 100000x6x6 for each of 1,000 pictures, needs 26.8 GiB\n"
        "  About 1.0 GiB are free. Take fewer pictures at a time, smaller ones, or a smaller "
        "network."
    )


@pytest.mark.usefixtures("small_machine")
def test_weights_alone() -> None:
    with pytest.raises(NotEnoughMemoryError, match=r"fc1\.weight of 999999999x64 needs 238\.4 GiB"):
        initialize(parse("INPUT 1x8x8 -> FC 999999999 -> FC 10"))
    with pytest.raises(NotEnoughMemoryError, match=r"all weights together needs 1\.1 GiB"):
        initialize(parse("INPUT 10000 -> [FC 10000]*3"))


@pytest.mark.usefixtures("small_machine")
def test_prediction_verification_and_questions() -> None:
    graph = parse("INPUT 1x9000x8000 -> MAXPOOL 1000 -> FC 2")
    model = Model(
        graph, initialize(graph), ("a", "b"), Preprocessing(1, 9000, 8000, (0.0,), (1.0,))
    )
    tiny = np.zeros((2, 2), np.uint8)
    with pytest.raises(NotEnoughMemoryError, match=r"input, 1x9000x8000 for each of 7 pictures"):
        model.predict([tiny] * 7)
    with pytest.raises(NotEnoughMemoryError, match="for each of 3 pictures"):
        verify(graph)
    huge = parse("INPUT 1x30000x30000 -> GLOBALAVGPOOL -> FC 2")
    with pytest.raises(NotEnoughMemoryError, match="input, 1x30000x30000 for each of 1 picture,"):
        why((huge, initialize(huge)), tiny, "fc1[0]")


def test_a_picture_of_more_pixels_than_any_file_is_no_input_of_a_model() -> None:
    with pytest.raises(DataError, match="30000 x 30000 = 900,000,000 pixels, more than 80,000,000"):
        Preprocessing(1, 30_000, 30_000, (0.0,), (1.0,))


def test_what_runs_out_inside_is_said_in_the_same_words() -> None:
    bytes_ = 4 * 100_000 * 36 * 20
    said = f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes_} bytes."
    for error in (RuntimeError(said), MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")):
        with pytest.raises(NotEnoughMemoryError, match="conv1"), capacity.enough(WIDE, 20):
            raise error
    with pytest.raises(RuntimeError, match="mine"), capacity.enough(WIDE, 2):
        raise RuntimeError("mine")


def test_the_allocator_still_says_what_is_looked_for() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert capacity.is_shortage(refused.value)
    assert capacity._ASKED.search(str(refused.value))
