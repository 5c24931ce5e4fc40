"""The table: hand-counted examples, sums that add up, and the form that programs read."""

from __future__ import annotations

import csv
import json

from striate.analysis.table import table
from striate.notation import parse


def test_the_five_totals_network_counts_exact_multiply_adds() -> None:
    answer = table(
        parse(
            "INPUT 1x28x28 -> CONV 32 3x3 same -> RELU -> MAXPOOL 2 -> CONV 64 3x3 same -> RELU"
            " -> MAXPOOL 2 -> FC 128 -> RELU -> FC 10"
        )
    )
    assert answer.totals["multiply_adds"] == 4_241_152


def test_lecuns_first_layers() -> None:
    rows = {row.name: row for row in table(parse("INPUT 1x32x32 -> C1: CONV 6 5x5")).rows}
    assert (rows["C1"].parameters, rows["C1"].connections) == (156, 122_304)


def test_totals_are_the_sums_of_the_columns() -> None:
    answer = table(parse("INPUT 3x9x8 -> CONV 4 3x3 -> BN -> RELU -> AVGPOOL 2 -> FC 5 -> SOFTMAX"))
    form = json.loads(json.dumps(answer.to_json()))
    assert form["schema_version"] == 1
    for key in ("parameters", "connections", "multiply_adds"):
        assert form["totals"][key] == sum(layer[key] for layer in form["layers"])
    assert form["totals"]["parameters"] == (4 * 27 + 4) + 2 * 4 + (4 * 3 * 3 * 5 + 5)


def test_json_has_the_promised_keys() -> None:
    (layer, *_) = table(parse("INPUT 1x8x8 -> CONV 2 3x3")).to_json()["layers"][1:]
    assert layer["output"] == [2, 6, 6]
    assert layer["operator"] == "CONV"
    assert layer["receptive_field"] == {"size": [3, 3], "stride": [1, 1], "offset": [0, 0]}


def test_statistics_are_no_parameters() -> None:
    (_, bn) = table(parse("INPUT 5x4x4 -> BN")).rows
    assert bn.parameters == 10


def test_peak_memory_drops_what_is_used_up() -> None:
    answer = table(parse("INPUT 10 -> FC 20 -> FC 30 -> FC 5"))
    assert answer.peak_bytes == 4 * (10 + 20 + 30)  # whoever asks keeps the picture
    assert answer.totals["activation_bytes"] == 4 * (10 + 20 + 30 + 5)


def test_what_lies_behind_an_unknown_field_is_one_line() -> None:
    text = "INPUT 1x8x8 -> CONV 2 3x3 -> DECONV 2 2x2 stride=2 -> {} CONV 1 3x3"
    reason = "deconv1 has windows that differ from place to place"
    for more, names in (("", "deconv1 and conv2"), ("RELU ->", "deconv1 and 2 more, to conv2")):
        answer = table(text.format(more))
        assert answer.not_counted == (f"receptive field of {names}: {reason}",)


def test_rows_for_a_spreadsheet_are_plain_numbers_that_add_up() -> None:
    answer = table("INPUT 1x28x28 -> CONV 32 5x5 same -> RELU -> MAXPOOL 2 -> FC 100 -> FC 10")
    rows = list(csv.DictReader(answer.csv().splitlines()))
    assert [row["name"] for row in rows] == [row.name for row in answer.rows]
    for key, total in answer.totals.items():
        assert sum(int(row[key]) for row in rows) == total
    assert (rows[1]["output"], rows[1]["size"]) == ("32x28x28", "5x5")


def test_what_others_compute_is_no_number_and_lowers_the_native_share() -> None:
    opaque = 'INPUT 1x8x8 -> CONV 2 3x3 -> sums: OPAQUE "torch.cumsum" 2x6x6 -> FC 3'
    answer = table(opaque)
    assert answer.native == {"nodes": 0.8, "multiply_adds": None}
    assert answer.to_json()["native"] == {"nodes": 0.8, "multiply_adds": None}
    row = list(csv.DictReader(answer.csv().splitlines()))[2]
    assert (row["operator"], row["parameters"]) == ("OPAQUE", "")
    assert table("lenet5").native == {"nodes": 1.0, "multiply_adds": 1.0}
    assert "Native" not in str(answer)  # whoever wrote OPAQUE knows
