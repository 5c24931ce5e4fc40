"""Verdicts: the numbers of some by hand, what commands say, and what is not checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from striate import diagnose, parse, train
from striate.diagnosis.of_network import smallest_fields
from striate.initialize import initialize
from striate.lookup import Weighted

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10"


def test_a_dead_layer_by_hand() -> None:
    graph = parse(SMALL)
    weights = initialize(graph)
    weights["conv1"]["bias"][1:] = -1e3
    (found,) = diagnose(Weighted(graph, weights), "digits").verdicts
    assert (found.kind, found.layer) == ("dead_relu", "relu1")
    assert found.evidence == "3 of 4 units are 0 for all 256 pictures"
    assert "LEAKYRELU" in found.fix
    weights["conv1"]["bias"][2:] = 0  # one of four is no verdict
    assert diagnose(Weighted(graph, weights), "digits").ok


def test_no_number_is_named_where_it_begins() -> None:
    graph = parse(SMALL)
    weights = initialize(graph)
    weights["fc1"]["weight"][0, :3] = np.nan
    (found,) = diagnose(Weighted(graph, weights), "digits").verdicts
    assert (found.kind, found.layer) == ("loss_not_finite", "fc1")
    assert found.evidence == "3 of its 1,450 weights are no finite number"


def test_what_needs_pictures_is_named() -> None:
    found = diagnose(SMALL)
    assert found.ok
    assert "leak: needs pictures: --data" in found.unchecked
    assert not [each for each in diagnose(SMALL, "digits").unchecked if "--data" in each]


def test_the_smallest_field_goes_through_the_shortcut() -> None:
    graph = parse(
        "INPUT 1x9x9 -> { CONV 1 3x3 same | PASS } ADD -> CONV 1 3x3 same stride=2 -> FC 2"
    )
    fields = smallest_fields(graph)
    assert fields["add1"] == ((1.0, 1.0), (1.0, 1.0))
    assert fields["conv2"] == ((3.0, 3.0), (2.0, 2.0))


def test_a_run_by_its_rows(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(SMALL, "digits", run=run, epochs=2, quiet=True)
    assert diagnose(run).ok
    rows = (run / "metrics.csv").read_text().splitlines()
    names = rows[0].split(",")
    last = dict(zip(names, rows[2].split(","), strict=True))
    last |= {"train_loss": "9.5", "train_accuracy": "0.9", "validation_accuracy": "0.5"}
    (run / "metrics.csv").write_text("\n".join([*rows[:2], ",".join(last.values())]) + "\n")
    found = {each.kind: each for each in diagnose(run).verdicts}
    assert set(found) == {"rate_too_high", "overfitting"}
    assert found["rate_too_high"].fix.endswith("learning_rate=0.0001")
    assert "90.0% of the training pictures are right and 50.0%" in found["overfitting"].evidence


def test_who_starts_from_learned_weights_need_not_guess(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(SMALL, "digits", run=first, epochs=4, quiet=True)
    train(SMALL, "digits", run=second, epochs=1, start=str(first), quiet=True)
    found = diagnose(second)
    assert found.ok
    assert [each for each in found.unchecked if each.startswith("first_loss: ")]
