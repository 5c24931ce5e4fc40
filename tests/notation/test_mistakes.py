"""Malformed texts: each is recognized, shown with a caret, and told what to write."""

from __future__ import annotations

import re

import pytest

from striate.errors import GraphError, NotationError, SettingError, ShapeError, StriateError
from striate.notation import parse, parse_operator
from striate.notation.mistakes import MISTAKES, KnownMistake, clue_in

LABELLED = [(mistake, example) for mistake in MISTAKES for example in mistake.examples]


def error_of(text: str) -> StriateError:
    with pytest.raises(StriateError) as caught:
        parse(text)
    return caught.value


def marked(error: StriateError) -> str:
    """What the caret stands under."""
    line, carets = error.where.splitlines()[:2]
    assert set(carets) <= {" ", "^"}
    return line[carets.index("^") : len(carets)]


@pytest.mark.parametrize(("mistake", "example"), LABELLED, ids=[text for _, text in LABELLED])
def test_each_example_is_answered_by_its_own_mistake(mistake: KnownMistake, example: str) -> None:
    error = error_of(example)
    assert isinstance(error, NotationError)
    pattern, _, rest = mistake.what.partition("{found}")
    assert error.what.startswith(pattern)
    assert error.what.endswith(rest)
    assert error.remedy == mistake.remedy
    assert "^" in error.where or not example.strip()


def test_no_two_mistakes_are_recognized_by_the_same() -> None:
    clues: dict[tuple[str, str], str] = {}
    for mistake, example in LABELLED:
        clue = clue_in(example)
        assert clues.setdefault(clue, mistake.what) == mistake.what, example


def test_no_example_is_there_twice_for_the_same_clue() -> None:
    clues = [clue_in(example) for _, example in LABELLED]
    assert len(set(clues)) == len(clues)


def test_an_unknown_operator() -> None:
    assert str(error_of("INPUT 1x28x28 -> CONVV 6 5x5 -> RELU")) == (
        "no layer is written CONVV\n"
        "  INPUT 1x28x28 -> CONVV 6 5x5 -> RELU\n"
        "                   ^^^^^\n"
        "  Did you mean CONV? `striate show --operators` lists all."
    )


def test_a_window_that_does_not_fit() -> None:
    error = error_of("INPUT 1x28x28 -> CONV 6 5x5 -> MAXPOOL 2 -> CONV 16 15x15")
    assert isinstance(error, ShapeError)
    assert str(error).startswith(
        "the 15x15 window of conv2 does not fit its 12x12 input (no padding)\n"
        "  INPUT 1x28x28 -> CONV 6 5x5 -> MAXPOOL 2 -> CONV 16 15x15\n"
        "                                              ^^^^^^^^^^^^^\n"
        "  1x28x28 -> conv1 6x24x24 -> pool1 6x12x12 -> conv2\n"
    )


MALFORMED = (
    ("INPUT 5 -> CONF 6", "CONF", "no layer is written CONF", "Did you mean CONV"),
    ("INPUT 5 -> maxpol 2", "maxpol", "no layer", "Did you mean MAXPOOL"),
    ("INPUT 5 -> ZEBRA", "ZEBRA", "no layer", "`striate show --operators`"),
    ("INPUT 1x9x9 -> CONV 6 5x5 strude=2", "strude", "CONV has no setting strude",
     "Did you mean stride?"),
    ("INPUT 1x9x9 -> CONV 6 5x5 padd=2", "padd", "no setting", "Did you mean pad?"),
    ("INPUT 1x9x9 -> CONV 6 5x5 Saem", "Saem", "knows no Saem", "Did you mean same?"),
    ("INPUT 5 -> RELU relu", "relu", "RELU knows no relu", "Put -> before relu."),
    ("INPUT 1x9x9 -> MEAN row column", "column", "MEAN knows no column", 'axis="row column"'),
    ("INPUT 1x9x9 -> MEAN 1 2", "2", "MEAN takes no further number", 'axis="row column"'),
    ("INPUT 5 -> { PASS | RELU } SUM", "SUM", "SUM takes 1 input, not 2", "CONCAT, ADD or MUL"),
    ("INPUT 1x9x9 -> CONV 6 5x5 7", "7", "takes no further number", "Write CONV"),
    ("INPUT 5 -> RELU 7", "7", "RELU takes no number", "Write RELU."),
    ("INPUT 1x9x9 -> CONV", "CONV", "CONV needs out channels", "Write CONV out_ch"),
    ("INPUT -> RELU", "INPUT", "INPUT needs size", "Write INPUT size"),
    ("INPUT 1x9x9 -> CONV 6 5 kernel=3", "kernel=3", "kernel is given twice", ""),
    ("INPUT 1x9x9 -> CONV six", "six", "out_channels cannot be six", "whole number"),
    ("INPUT 1x9x9 -> CONV 6.5", "6.5", "out_channels cannot be 6.5", "whole number"),
    ("INPUT 1x9x9 -> CONV 6 3x", "3x", "is not a number", "whole number"),
    ("INPUT 1x9x9 -> CONV 6 bias=2", "2", "bias cannot be 2", "yes or no"),
    ("INPUT 1x9x9 -> CONV 6 same=1", "same", "no setting same", ""),
    ("RELU", "RELU", "nothing reaches RELU", "Start with INPUT"),
    ("{ PASS | INPUT 5 } ADD", "ADD", "nothing reaches it", "Start with INPUT"),
    ("INPUT 5 -> INPUT 6", "INPUT 6", "can only start", "PASS | INPUT 10"),
    ("[INPUT 5]*2", "INPUT 5", "can only start", ""),
    ("INPUT 5 -> ADD", "ADD", "takes 2 or more inputs, not 1", "{ A | B } ADD"),
    ("INPUT 5 -> { RELU } ADD", "ADD", "2 or more inputs, not 1", ""),
    ("INPUT 5 -> { RELU | PASS } FC 3", "FC 3", "takes 1 input, not 2", "CONCAT, ADD"),
    ("INPUT 5 -> { FC 3 | FC 4 } AUX", "AUX", "one branch", "once for each exit"),
    ("INPUT 5 -> { FC 3 } AUX 0", "AUX 0", "above 0", "AUX 0.3"),
    ("INPUT 5 -> { FC 3 } AUX 1e400", "AUX 1e400", "above 0", "AUX 0.3"),
    ("INPUT 5 -> { FC 3 } AUX much", "AUX much", "above 0", ""),
    ("INPUT 5 -> { FC 3 } AUX 1 2", "AUX 1 2", "one number", ""),
    ("INPUT 5 -> AUX 0.3", "AUX", "AUX stands after a brace", ""),
    ("INPUT 5 -> a: PASS", "PASS", "PASS has no name", ""),
    ("INPUT 5 -> [RELU]*-1", "-1", "cannot be repeated -1 times", ""),
    ("INPUT 5 -> [RELU]*0", "0", "repeated 0 times is not there", "Leave it out"),
    ("INPUT 5 -> [RELU -> { [TANH]*0 | PASS } ADD]*2", "0", "repeated 0 times", "Leave it out"),
    ("INPUT 5 -> [PASS]*3", "3", "only passes on", "leave it out"),
    ("INPUT 5 -> [[PASS -> PASS] -> PASS]*3", "3", "only passes on", ""),
    ("INPUT 5 -> [RELU]*2.5", "2.5", "cannot be repeated 2.5 times", ""),
    ("INPUT 5 -> [RELU]*1000000000", "1000000000", "more than 30,000", "Repeat less"),
    ("INPUT 5 -> [[RELU]*1000]*1000", "1000", "1,000,001 operators", ""),
    ("INPUT 5 -> [PASS]*1000000000", "1000000000", "more than 30,000", ""),
    ("INPUT 5 -> a: RELU -> a: TANH", "a", "two nodes are called a", "another name"),
    ("INPUT 5 -> RELU -> relu1: TANH", "relu1", "two nodes are called relu1", ""),
    ("INPUT 5 -> a-b: RELU", "a-b", "a-b is not a name", "letters, digits"),
    ("INPUT 5 -> { @inptu | PASS } ADD", "@inptu", "no node before this is called inptu",
     "Did you mean input?"),
    ("INPUT 5 -> { @later | PASS } ADD -> later: RELU", "@later", "no node before", ""),
    ("INPUT 5 -> RELU -> @C3", "@C3", "no node before this is called C3", "C3: CONV 16 5x5"),
    ("INPUT 5 -> RELU -> @inptu", "@inptu", "no node before", "Did you mean input?"),
    ("INPUT 5 -> RELU -> @input", "@input", "can only start", "{ PASS | @input }"),
    ("INPUT 5 -> SOFTMAX -> LOGLOSS -> RELU", "RELU", "after a loss", ""),
    ("INPUT 5 -> { CROSSENTROPY | CROSSENTROPY } ADD", "ADD", "after a loss", ""),
)  # fmt: skip
"""Text, what the caret stands under, part of what is wrong, part of the remedy."""

ILLEGAL = (
    ("INPUT 1x9x9 -> CONV -6", SettingError, "CONV -6", "1 or more", "one number"),
    ("INPUT 1x9x9 -> CONV 6 3 groups=4", SettingError, "CONV 6 3 groups=4", "do not split", ""),
    ("INPUT 1x9x9 -> CONV 6 0", SettingError, "CONV 6 0", "kernel is 0", ""),
    ("INPUT 0x9", SettingError, "INPUT 0x9", "is empty", ""),
    ("INPUT 1x28 -> CONV 6 5x5", ShapeError, "CONV 6 5x5",
     "kernel of CONV has 2 numbers, but its 1x28 input has one spatial axis", "one number"),
    ("INPUT 1x28 -> CONV 6 5 stride=2x2", ShapeError, "CONV 6 5 stride=2x2", "stride of CONV", ""),
    ("INPUT 1x28 -> CONV 6 5 pad=2x2", ShapeError, "CONV 6 5 pad=2x2", "padding of CONV", ""),
    ("INPUT 1x9x9 -> CONV 6 3x3x3", ShapeError, "CONV 6 3x3x3", "2 spatial axes", "or 2 numbers"),
    ("INPUT 5 -> CONV 6 5x5", ShapeError, "CONV 6 5x5", "flat", ""),
    ("INPUT 5 -> { FC 3 | PASS } ADD", ShapeError, "ADD", "", ""),
    ("INPUT 5 -> FC 3; INPUT 6", GraphError, "FC 3", "fc1 leads nowhere", ""),
    ("INPUT 5 -> FC 3 -> { FC 4 } AUX", GraphError, "FC 4", "depends on the output fc1", ""),
    ("INPUT 28x28 -> CONV 6 5x5", ShapeError, "CONV 6 5x5", "one spatial axis",
     "The first number of 28x28 counts channels: one channel of 28x28 is INPUT 1x28x28."),
    ("INPUT 28x28 -> RELU -> AVGPOOL 2x2", ShapeError, "AVGPOOL 2x2", "", "INPUT 1x28x28"),
    ("INPUT 32x30x3 -> CONV 6 5x5", ShapeError, "CONV 6 5x5", "does not fit its 30x3 input",
     "Channels come first: 32x30 pixels are INPUT 3x32x30."),
)  # fmt: skip
"""The same for texts that are well written, with the kind of error."""


@pytest.mark.parametrize(
    ("text", "kind", "caret", "what", "remedy"),
    [*((text, NotationError, *rest) for text, *rest in MALFORMED), *ILLEGAL],
)
def test_texts_that_mean_nothing(
    text: str, kind: type[StriateError], caret: str, what: str, remedy: str
) -> None:
    error = error_of(text)
    assert type(error) is kind
    assert what in error.what
    assert remedy in error.remedy
    assert (marked(error) if error.where else "") == caret


def test_the_line_and_column_are_told() -> None:
    error = error_of("INPUT 5\n-> RELU\n->  FCC 3\n-> TANH")
    assert isinstance(error, NotationError)
    assert (error.line, error.column) == (3, 5)
    assert error.where == "->  FCC 3\n    ^^^"


@pytest.mark.parametrize("place", [0, 30, 60])
def test_a_long_line_is_shown_around_the_caret(place: int) -> None:
    parts = ["RELU"] * 60
    parts.insert(place, "RELUU")
    error = error_of("INPUT 5 -> " + " -> ".join(parts))
    assert marked(error) == "RELUU"
    assert max(map(len, error.where.splitlines())) <= 100


def test_control_characters_are_not_printed() -> None:
    assert error_of("INPUT 5 \x1b[31m\x00").where.splitlines()[0] == "INPUT 5 ·[31m·"


@pytest.mark.parametrize("text", [None, 5, b"INPUT 5", ["INPUT 5"]])
def test_what_is_no_text(text: object) -> None:
    with pytest.raises(NotationError, match="written as text"):
        parse(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("bracket", ["[", "{", "[{"])
def test_deep_nesting_ends_in_an_error(bracket: str) -> None:
    assert "more than 100 deep" in error_of("INPUT 5 -> " + bracket * 50_000).what


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 5" + " -> RELU" * 100_000,
        "INPUT 5" + " → PASS" * 100_000,
        "INPUT 5 -> { " + "RELU | " * 100_000 + "PASS } ADD",
        "INPUT 5" + "; @input" * 100_000,
        "INPUT 5 -> " + " -> ".join(["[RELU]*100"] * 301),
    ],
)
def test_texts_of_too_many_operators_are_refused(text: str) -> None:
    assert re.search(r"\d{2,3},\d{3} operators, more than 30,000", error_of(text).what)


@pytest.mark.parametrize(
    ("text", "axes"), [("INPUT 2" + "x1" * 40, "41 axes"), ("INPUT 999999999999999999x9", "10^18")]
)
def test_values_that_no_memory_holds(text: str, axes: str) -> None:
    assert axes in error_of(text).what


@pytest.mark.parametrize(
    ("text", "what", "under"),
    [
        ("INPUT 1 -> [RELU ; RELU]", "; ends a chain, but a bracket is open here", ";"),
        ("INPUT 1 -> { [RELU ; RELU] } AUX", "; ends a chain, but a bracket is open here", ";"),
        ("INPUT 1 -> { [RELU] ; RELU", "the brace { is never closed", "{"),
        ("INPUT 1 -> [RELU -> { RELU ; [ ]", "the brace { is never closed", "{"),
    ],
)
def test_a_chain_that_ends_within_brackets(text: str, what: str, under: str) -> None:
    error = error_of(text)
    assert (error.what, marked(error)) == (what, under)


def test_enormous_texts_end_in_an_error() -> None:
    assert "characters is no network" in error_of("INPUT 5" + " " * 1_000_000).what


@pytest.mark.parametrize("part", ['\\"', "A-", "1x", "1 x ", "|", "[", "x y z = ", "relu1: "])
def test_long_soups_of_one_word_are_answered_soon(part: str) -> None:
    for start in ("INPUT 5 -> ", 'INPUT "', "INPUT "):
        assert len(str(error_of(start + part * 20_000))) < 1000


def test_numbers_of_any_length_end_in_an_error() -> None:
    for text in ("INPUT " + "9" * 10_000, "INPUT 5 -> [RELU]*" + "9" * 10_000):
        assert len(str(error_of(text))) < 500


def test_other_alphabets_digits_are_no_numbers() -> None:
    assert "cannot stand here" in error_of("INPUT ٣x٣").what


def test_one_operator_alone_is_marked_too() -> None:
    with pytest.raises(SettingError) as caught:
        parse_operator("CONV 6 0")
    assert caught.value.where == "CONV 6 0\n^^^^^^^^"
