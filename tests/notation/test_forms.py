"""The table of how operators are written is complete, and says what is true."""

from __future__ import annotations

import pytest

from striate.graph import Operator
from striate.graph.settings import settings_of
from striate.notation import operators
from striate.notation.forms import AUX, FORMS, PASS, by_keyword
from striate.ops import OPERATORS
from striate.passes.attention import COMPOSITIONS


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_a_line_knows_the_settings(operator: type[Operator]) -> None:
    lines = [form for form in FORMS if form.operator == operator.__name__]
    known = settings_of(operator)
    assert set(lines[0].positional) <= set(known), "a positional setting does not exist"
    required = [name for name, setting in known.items() if setting.required]
    assert set(required) <= set(lines[0].positional)


def test_no_word_means_two_things() -> None:
    words = [word for form in FORMS for word in (form.keyword, *form.aliases)]
    assert len(set(words)) == len(words)
    assert not {PASS, AUX} & set(words)
    assert all(word == word.upper() for word in words)


def test_the_list_has_a_line_and_a_meaning_for_each() -> None:
    listed = operators()
    assert len(listed) == len(OPERATORS) + len(COMPOSITIONS)
    assert {each.keyword for each in listed} <= set(by_keyword())
    for each in listed:
        assert each.signature.startswith(each.keyword)
        assert 10 < len(each.meaning) < 120, each.keyword
        assert "\n" not in each.meaning


def test_a_signature_names_all_settings() -> None:
    conv = next(each for each in operators() if each.keyword == "CONV")
    assert conv.signature.startswith("CONV out_channels [kernel=3] [stride=1]")
    assert "[valid|same|full|pad=…]" in conv.signature
