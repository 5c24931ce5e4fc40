"""What `why` is asked and answers: targets, pictures, JSON, and questions that do not fit."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from explained import (
    CLASSES,
    LENET,
    MODELS,
    PHOTOGRAPHED,
    PICTURE,
    PIXELS,
    PREPROCESSING,
    weights_of,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_verify import chain

from striate.analysis.why.inquiry import Inquiry, why
from striate.errors import DataError, ExplanationError, StriateError, UnknownNameError
from striate.notation import parse
from striate.ops import Conv, Dense, Flatten, Input, LogLoss, Softmax


def test_the_answer_as_json_has_the_promised_form() -> None:
    found = why(MODELS["scores"], PICTURE, "conv2[3,1,2]")
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    promised = {"schema_version", "what", "formula", "value", "stored", "residual", "terms"}
    assert promised <= set(answer)
    assert answer["schema_version"] == 1
    assert answer["value"] == pytest.approx(sum(term["value"] for term in answer["terms"]))
    assert answer["residual"] == answer["stored"] - answer["value"]
    assert all(set(term) == {"value", "factors"} for term in answer["terms"])
    assert answer["terms"][0]["factors"][1]["what"] == "conv2.weight[3,0,0,0]"
    assert answer["terms"][0]["value"] == pytest.approx(
        np.prod([factor["value"] for factor in answer["terms"][0]["factors"]])
    )
    assert answer["products"] == 3 * 9 + 1


def test_largest_and_cancellation() -> None:
    found = why(MODELS["scores"], PICTURE, "conv2[3,1,2]")
    sizes = [abs(term.value) for term in found.largest(8)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(abs(term.value) for term in found.terms)
    assert found.magnitude >= abs(found.value)


def test_the_target_is_given_or_predicted_and_told() -> None:
    model = MODELS["scores"]
    said = Inquiry(model, PICTURE)
    scores = [said.why(f"fc2[{k}]").value for k in range(5)]
    best = int(np.argmax(scores))
    predicted = said.why("loss")
    assert predicted.target == CLASSES[best]
    assert "predicted class" in predicted.notes[0]
    for target in ("jay", "1", 1, np.int64(1), [0, 1, 0, 0, 0]):
        found = why(model, PICTURE, "loss", target=target)
        assert found.notes == ()
        assert found.value == pytest.approx(np.log(np.exp(scores).sum()) - scores[1])
    numbered = replace(model, classes=("4", "3", "2", "1", "0"))
    assert why(numbered, PICTURE, "loss", target="1").target == "1"
    assert why(numbered, PICTURE, "loss", target="1").formula.startswith("-fc2[3]")


def test_probabilities_and_class_names() -> None:
    inquiry = Inquiry(MODELS["scores"], PICTURE)
    shares = [inquiry.why(f"probability[{name}]") for name in CLASSES]
    assert sum(each.value for each in shares) == pytest.approx(1)
    assert shares[2].what == "probability[2]"
    assert inquiry.why("logit[jay]").what == inquiry.why("fc2[jay]").what == "fc2[1]"
    ended = Inquiry(MODELS["probabilities"], PICTURE)
    assert ended.why("probability[crow]").what == "softmax1[0]"
    assert ended.why("logit[0]").what == "fc1[0]"


def test_pictures_come_as_files_bytes_arrays_and_tensors(tmp_path: Path) -> None:
    from PIL import Image

    image = Image.fromarray(PIXELS)
    image.save(tmp_path / "bird.png")
    exact = PREPROCESSING.normalize_array(PIXELS[None])
    forms = [
        tmp_path / "bird.png", str(tmp_path / "bird.png"), image, PIXELS, PIXELS[None],
        PIXELS[None, None], exact, exact[None], exact[0], torch.from_numpy(exact),
        torch.from_numpy(PIXELS[None]),
    ]  # fmt: skip
    values = [why(PHOTOGRAPHED, form, "fc1[2]").value for form in forms]
    assert values == pytest.approx([values[0]] * len(forms), rel=1e-12)
    given_ = why(PHOTOGRAPHED, exact, "input[0,1,1]")
    assert given_.formula == "given"
    assert why(PHOTOGRAPHED, PIXELS, "input[0,1,1]").value == pytest.approx(given_.value)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("conv3[0,0,0]", "nothing is called conv3\n  Did you mean conv"),
        ("conv1", r"conv1 is 3x13x11 (channel, row, column): which number of it?"),
        ("conv1[0,1]", "but conv1[0,1] has 2 indices\n  Write conv1[1,6,5]"),
        ("conv1[3,0,0]", "so it has no [3,0,0]\n  Write conv1[1,6,5]: indices run from 0 to 2 and"),
        ("conv1[-1,0,0]", "so it has no [-1,0,0]"),
        ("conv1.wieght[0]", "conv1 has no wieght\n  Did you mean weight"),
        ("relu1.weight[0]", "relu1 has no weight\n  It has no weights"),
        ("loss[1]", "loss is one number, but loss[1] has 1 index\n  Write loss"),
        ("bn1.running_var[0].grad", "counted, not learned"),
        ("probability[1].grad", "probability does not lead to the loss"),
        ("fc2[eagle]", "so it has no [eagle]"),
        ("relu(conv2[0,0,0])", "names no number\n  Ask for node[channel,row,column]"),
        ("", "names no number"),
        ("conv1[0,0,0", "names no number"),
        ("pixel[0,0,0]", "nothing is called pixel"),
    ],
)
def test_a_wrong_question_is_told_what_would_fit(what: str, message: str) -> None:
    with pytest.raises(ExplanationError) as error:
        why(MODELS["scores"], PICTURE, what)
    assert message in str(error.value)


def test_what_has_no_loss_or_no_class_is_told() -> None:
    maps = chain(Input((1, 6, 7)), Conv(2, 3))
    inquiry = Inquiry((maps, weights_of(maps)), np.ones((1, 6, 7)))
    assert inquiry.why("conv1[1,2,3]").reference_residual < 1e-14
    with pytest.raises(ExplanationError, match="no loss, so no number has a gradient"):
        inquiry.why("conv1[1,2,3].grad")
    with pytest.raises(ExplanationError, match="nothing is called loss"):
        inquiry.why("loss")
    with pytest.raises(ExplanationError, match="no probabilities"):
        inquiry.why("probability[0]")
    with pytest.raises(UnknownNameError, match="Did you mean raven"):
        why(MODELS["scores"], PICTURE, "loss", target="ravens")
    for target in (5, -1, 1.5, [1, 2], "12345678901"):
        with pytest.raises(StriateError, match="class"):
            why(MODELS["scores"], PICTURE, "loss", target=target)
    ended = Inquiry(MODELS["probabilities"], PICTURE)
    with pytest.raises(ExplanationError, match="aux does not lead to the loss"):
        ended.why("aux[1].grad")


def test_the_class_of_a_picture_is_the_target_where_the_network_has_it() -> None:
    assert why("INPUT 1x8x8 -> FC 10", "digits#1", "loss").target == "2"
    assert why("INPUT 1x8x8 -> FC 2", "digits#1", "loss").target in ("0", "1")
    assert why("INPUT 1x8x8 -> CONV 3 3x3", "digits#1", "input[0,0,0]").target == ""


def test_a_picture_that_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExplanationError, match="takes 2x13x11, but the array is 3x2"):
        why(MODELS["scores"], np.zeros((3, 2)), "fc2[0]")
    with pytest.raises(ExplanationError, match="about one"):
        why(MODELS["scores"], np.zeros((4, 2, 13, 11)), "fc2[0]")
    with pytest.raises(DataError, match="does not say how a picture becomes"):
        why(MODELS["scores"], "bird.png", "fc2[0]")
    with pytest.raises(DataError):
        why(PHOTOGRAPHED, tmp_path / "none.png", "fc1[0]")
    for nothing in (None, object(), {"a": 1}):
        with pytest.raises(StriateError):
            why(PHOTOGRAPHED, nothing, "fc1[0]")


ASKING = Inquiry(MODELS["scores"], PICTURE)
PARTS = st.sampled_from(
    ["conv1", "fc2", "input", "loss", "probability", ".weight", ".bias", ".grad", "[0,1,2]", "[1]",
     "[", "]", ",", "relu'", "(", ")", "logsumexp", " ", "·", "1/0", "9" * 30, "²", "٣", "-1"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=20))
@example("1/0")
@example("fc2[٣]")
@example("9" * 400)
def test_no_question_ends_in_anything_but_our_errors(what: str) -> None:
    with suppress(StriateError):
        assert isinstance(ASKING.why(what).value, float)


def test_only_what_is_needed_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("evaluated")

    monkeypatch.setattr(Dense, "forward", never)
    monkeypatch.setattr(Conv, "backward", never)
    assert why(MODELS["scores"], PICTURE, "tanh1[0,1,1]").reference_residual < 1e-14


def test_log_loss_of_one_class_walks_on() -> None:
    graph = chain(Input((6,)), Dense(3), Softmax(), LogLoss())
    inquiry = Inquiry((graph, weights_of(graph)), np.arange(6.0) / 3, target=2)
    (term,) = inquiry.why("loss").terms
    logarithm = inquiry.why(term.factors[1].what)
    assert logarithm.what == "log(softmax1[2])"
    assert logarithm.arguments[0].what == "softmax1[2]"
    assert np.exp(logarithm.value) == pytest.approx(logarithm.arguments[0].value)


def test_flat_weights_are_understood() -> None:
    model = MODELS["scores"]
    flat = {f"{n}.{k}": v for n, own in model.weights.items() for k, v in own.items()}
    assert why((LENET, flat), PICTURE, "fc2[1]").value == why(model, PICTURE, "fc2[1]").value


def test_flatten_is_walked_through_to_its_map() -> None:
    found = why(MODELS["scores"], PICTURE, "flatten1[5]")
    assert [f.what for f in found.terms[0].factors] == [found.formula]
    assert isinstance(LENET["flatten1"].operator, Flatten)


SEQUENCE = "INPUT 4x20 -> CONV 6 3 -> RELU -> FLATTEN -> FC 3"
CHANNELS_LAST = "INPUT 4x20 -> PERMUTE 1x0 -> SOFTMAX -> MEAN channel -> FC 3"


@pytest.mark.parametrize(
    ("text", "what", "seen"),
    [
        (SEQUENCE, "conv1[2,3]", "sees steps 3–5 of the input"),
        (SEQUENCE, "flatten1[20]", "sees steps 2–4 of the input"),
        (SEQUENCE, "fc1[1]", "sees steps 0–19 of the input"),
        (f"{SEQUENCE} -> LOGSOFTMAX", "logsoftmax1[0]", "sees steps 0–19 of the input"),
        ("INPUT 4x20 -> FLATTEN -> SOFTMAX", "softmax1[20]", "sees steps 0–19 of the input"),
        ("INPUT 4x20 -> CONV 6 3 -> SOFTMAX", "softmax1[2,3]", "sees steps 3–5 of the input"),
        ("INPUT 4x20 -> SOFTMAX axis=step", "softmax1[2,3]", "sees steps 0–19 of the input"),
        (CHANNELS_LAST, "softmax1[4,1]", "sees step 4 of the input"),
        (CHANNELS_LAST, "mean1[4]", "sees step 4 of the input"),
        ("INPUT 2x6x7 -> CONV 3 3 -> MEAN row", "mean1[1,2]", "sees rows 0–5, columns 2–4 of the"),
        ("INPUT 2x6x7 -> MAX channel", "max1[1,2]", "sees row 1, column 2 of the input"),
    ],
)
def test_what_a_unit_sees_is_told_by_the_names_of_the_axes(text: str, what: str, seen: str) -> None:
    graph = parse(text)
    picture = np.random.default_rng(6).standard_normal(graph.specs["input"].shape)
    assert seen in str(why((graph, weights_of(graph)), picture, what))


def test_questions_are_offered_with_the_axes_of_the_network() -> None:
    graph = parse(SEQUENCE)
    with pytest.raises(ExplanationError, match=r"node\[channel,step\], node\[unit\], node\.w"):
        why((graph, weights_of(graph)), np.ones((4, 20)), "conv1[2")
