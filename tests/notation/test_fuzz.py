"""Whatever is written, the answer is a graph or an error of ours, and graphs come back the same."""

from __future__ import annotations

from drawing import TOKENS, graphs, soups, texts, tight_soups
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from striate.errors import StriateError
from striate.graph import Graph, Operator
from striate.notation import operator_text, parse, parse_operator, text
from striate.ops import BatchNorm, Conv, Dropout, MaxPool

FUZZ = settings(
    max_examples=100,
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


axes = st.integers(1, 9) | st.tuples(st.integers(1, 9), st.integers(1, 9))
cells = st.integers(0, 9)
paddings = (
    st.sampled_from(("valid", "same", "full"))
    | cells
    | st.tuples(cells, cells)
    | st.lists(st.tuples(cells, cells), min_size=1, max_size=3).map(tuple)
)


@FUZZ
@given(
    st.builds(
        Conv, st.just(6), axes, axes, paddings, axes, st.sampled_from((1, 2, 3)), st.booleans()
    )
    | st.builds(MaxPool, axes, st.none() | axes, paddings, axes, st.booleans())
    | st.builds(Dropout, st.floats(0, 1, exclude_max=True))
    | st.builds(BatchNorm, st.floats(1e-300, 1e300), st.floats(0, 1))
)
def test_every_operator_comes_back_from_its_text(operator: Operator) -> None:
    for rank in (0, 1, 2, 3):
        found = parse_operator(operator_text(operator, axes=rank))
        assert found == operator
        assert repr(found) == repr(operator)


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
