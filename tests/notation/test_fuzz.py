"""Whatever is written, the answer is a graph or an error of ours, and graphs come back the same."""

from __future__ import annotations

from drawing import TOKENS, graphs, soups, texts, tight_soups
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from striate.errors import StriateError
from striate.graph import Graph
from striate.notation import parse, text

FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FUZZ
@given(graphs())
def test_every_graph_comes_back_from_its_text(graph: Graph) -> None:
    written = text(graph)
    assert parse(written) == graph
    assert text(parse(written)) == written


@FUZZ
@given(texts())
def test_every_legal_text_has_a_canonical_one(written: str) -> None:
    graph = parse(written)
    assert parse(text(graph)) == graph


@FUZZ
@given(soups | tight_soups | st.text(max_size=60))
def test_any_soup_of_words_is_a_graph_or_an_error_of_ours(soup: str) -> None:
    _survives(soup)


@FUZZ
@given(texts(), st.data())
def test_any_change_of_a_legal_text_is_a_graph_or_an_error_of_ours(
    written: str, data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(written)))
        end = data.draw(st.integers(start, min(len(written), start + 6)))
        insert = data.draw(st.sampled_from(("", *TOKENS)))
        written = written[:start] + insert + written[end:]
    _survives(written)


def _survives(written: str) -> None:
    try:
        graph = parse(written)
    except StriateError as refused:
        answer = refused
    else:
        assert parse(text(graph)) == graph
        return
    assert answer.what
    assert len(str(answer)) < 1000
