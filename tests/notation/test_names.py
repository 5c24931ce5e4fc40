"""Nodes may be called in any script: every door writes and reads the names, and why finds them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import striate
from striate.builder import Dense, Input
from striate.data.preprocess import Preprocessing
from striate.errors import GraphError, NotationError
from striate.exchange.json import from_json, to_json
from striate.graph.check import is_name
from striate.initialize import initialize
from striate.pytorch import source

TEXT = (
    "输入: INPUT 1x8x8 -> 卷积1: CONV 4 3x3 -> слой.0: RELU -> नोड: MAXPOOL 2 "
    "-> { @卷积1 -> GLOBALAVGPOOL -> FC 3 | café: FC 3 } ADD"
)


@pytest.fixture(scope="module")
def graph() -> striate.Graph:
    return striate.parse(TEXT)


def test_text_and_json_come_back(graph: striate.Graph) -> None:
    assert {"输入", "卷积1", "слой.0", "नोड", "café"} <= set(graph.specs)
    assert striate.parse(striate.text(graph)) == graph
    assert from_json(json.loads(json.dumps(to_json(graph)))) == graph


letters = st.text(st.characters(categories=("Lu", "Ll", "Lo", "Mn", "Mc", "Nd")), min_size=1)
names = (
    st.lists(letters, min_size=1, max_size=3)
    .map(".".join)
    .map(lambda name: unicodedata.normalize("NFKC", name))
)


@given(names.filter(is_name))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_any_name_comes_back(name: str) -> None:
    graph = striate.parse(f"INPUT 5 -> {name}: FC 3 -> {{ RELU | @{name} -> TANH }} ADD")
    assert name in graph
    assert striate.parse(striate.text(graph)) == graph


def test_modules_and_source_have_them(graph: striate.Graph) -> None:
    module = graph.module(seed=1)
    made: dict[str, object] = {}
    exec(source(graph), made)
    twin = made["Network"]()  # type: ignore[operator]
    twin.load_state_dict(module.state_dict())
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(twin(x), module(x))
    assert module.get_parameter("卷积1.weight") is module.state_dict(keep_vars=True)["卷积1.weight"]


def test_why_and_verify_have_them(graph: striate.Graph) -> None:
    assert striate.verify(graph).ok
    x = np.random.default_rng(0).standard_normal((1, 8, 8))
    subject = (graph, initialize(graph, seed=0))
    for what in ("卷积1[1,2,3]", "слой.0[1,2,3]", "नोड[0,1,1]", "卷积1.weight[0,0,1,1].grad"):
        answer = striate.why(subject, x, what, target=0)
        assert answer.what == what
        assert answer.reference_residual < 1e-12
        for each in answer.askable[:3]:
            assert answer.ask(each).what == each


def test_a_name_is_one_in_all_of_its_forms() -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    graph = striate.parse(f"INPUT 5 -> {apart}: FC 3 -> {{ RELU | @{composed} }} ADD")
    assert composed in graph
    answer = striate.why((graph, initialize(graph, seed=0)), np.ones(5), f"{apart}[0]")
    assert answer.what == f"{composed}[0]"
    with pytest.raises(GraphError, match="is not a name") as caught:
        (Input(5) >> Dense(3).named(apart)).graph()
    assert composed in str(caught.value.remedy)
    with pytest.raises(NotationError, match="two nodes are called"):
        striate.parse(f"INPUT 5 -> {apart}: FC 3 -> {composed}: RELU")


@pytest.mark.parametrize("name", ["²", "🙂", "a\u200bb", "a\u202eb", "٣", "a b", "a..b", "·"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(GraphError, match="is not a name"):
        (Input(5) >> Dense(3).named(name)).graph()


def test_the_caret_stands_under_the_place() -> None:
    with pytest.raises(NotationError) as caught:
        striate.parse("输入: INPUT 5 -> 层: FCC 3")
    line, carets = str(caught.value.where).splitlines()
    assert line.index("FCC") + 3 == carets.index("^")  # three letters before it are two wide


def test_a_model_file_keeps_them(tmp_path: Path) -> None:
    graph = striate.parse("INPUT 1x8x8 -> 卷积: CONV 2 3x3 -> 输出: FC 2")
    usual = Preprocessing(1, 8, 8, (0.0,), (1.0,))
    model = striate.Model(graph, initialize(graph, seed=0), ("一", "二"), usual)
    model.save(tmp_path / "模型.safetensors")
    again = striate.Model.load(tmp_path / "模型.safetensors")
    assert again.graph == graph
    np.testing.assert_array_equal(again.weights["卷积"]["weight"], model.weights["卷积"]["weight"])
