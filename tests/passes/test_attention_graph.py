"""ATTENTION, a word for a graph: against PyTorch's layer, and number by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from striate import reference
from striate.analysis.verify import verify
from striate.analysis.why.inquiry import Inquiry
from striate.builder import At, Attention, Dense, Input
from striate.errors import StriateError
from striate.exchange.fitting import fit_weights
from striate.exchange.json import from_json, to_json
from striate.graph import Graph
from striate.initialize import initialize
from striate.notation import parse, text

RNG = np.random.default_rng(4)


def computed(graph: Graph, theirs: nn.Module, *inputs: np.ndarray) -> np.ndarray:
    """What the formulas make of the inputs, with the weights of a layer of PyTorch's."""
    module = graph.module(seed=1)
    module.load_state_dict({f"attention1.{k}": v for k, v in theirs.state_dict().items()})
    weights = {
        name: {key: getattr(module.get_submodule(name), key).detach().numpy() for key in own}
        for name, own in initialize(graph).items()
    }
    values = reference.run(graph, weights, list(inputs)).values[graph.scores.name]
    with torch.no_grad():
        ours = module(*[torch.from_numpy(x).float() for x in inputs]).numpy()
    np.testing.assert_allclose(ours, values, rtol=0, atol=1e-5)
    return values


def rows(x: np.ndarray) -> torch.Tensor:
    """Steps x features, as PyTorch's layer takes them."""
    return torch.from_numpy(x).float().transpose(1, 2)


def test_a_sequence_attends_to_itself_as_in_pytorch() -> None:
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    x = RNG.standard_normal((2, 12, 5))
    for word, mask in (("", None), (" causal", torch.ones(5, 5).triu(1) > 0)):
        y, _ = theirs(rows(x), rows(x), rows(x), attn_mask=mask)
        found = computed(parse(f"INPUT 12x5 -> ATTENTION 3 heads{word}"), theirs, x)
        np.testing.assert_allclose(found, y.detach().transpose(1, 2), rtol=0, atol=1e-6)


def test_a_file_of_pytorchs_layer_fits(tmp_path: Path) -> None:
    theirs = nn.MultiheadAttention(12, 3)
    nn.init.normal_(theirs.in_proj_bias)
    torch.save({f"attend.{k}": v for k, v in theirs.state_dict().items()}, tmp_path / "theirs.pt")
    found = fit_weights(parse("INPUT 12x5 -> attend: ATTENTION 3 heads"), tmp_path / "theirs.pt")
    assert found.is_complete
    assert not found.unexpected
    wanted = theirs.in_proj_weight.detach().numpy()
    np.testing.assert_array_equal(found.weights["attend.key"]["weight"], wanted[12:24])


def test_queries_attend_to_other_keys_some_of_them_hidden() -> None:
    theirs = nn.MultiheadAttention(12, 2, kdim=7, vdim=7, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    queries, keys = RNG.standard_normal((2, 12, 5)), RNG.standard_normal((2, 7, 4))
    seen = np.array([[1.0, 0, 2, 1], [1, 1, 0, 0]])
    hidden = torch.from_numpy(seen == 0)
    wanted, _ = theirs(rows(queries), rows(keys), rows(keys), key_padding_mask=hidden)
    graph = parse("k: INPUT 7x4; seen: INPUT 4; INPUT 12x5 -> ATTENTION 2 heads keys=k mask=seen")
    by_name = {"k": keys, "seen": seen, "input": queries}
    found = computed(graph, theirs, *(by_name[node.name] for node in graph.inputs))
    np.testing.assert_allclose(found, wanted.detach().transpose(1, 2), rtol=0, atol=1e-6)


def test_additive_scores_by_hand() -> None:
    """Two keys, tanh of 0 and of 1, through a unit of weight 2: shares 1 and e^(2 tanh 1)."""
    graph = parse("k: INPUT 1x2; q: INPUT 1x1 -> a: ATTENTION additive keys=k project=no")
    ones = {"weight": np.ones((1, 1))}
    weights = {"a.query": ones, "a.key": ones, "a.scores": {"weight": np.full((1, 1), 2.0)}}
    by_name = {"k": np.array([[[-3.0, -2.0]]]), "q": np.array([[[3.0]]])}
    values = reference.run(graph, weights, [by_name[n.name] for n in graph.inputs]).values
    share = 1 / (1 + np.exp(2 * np.tanh(1)))
    np.testing.assert_allclose(values["a.weights"], [[[[share, 1 - share]]]], atol=1e-12)
    np.testing.assert_allclose(values["a.joined"], [[[-3 * share - 2 * (1 - share)]]], atol=1e-12)


def test_keys_are_compared_and_values_pooled() -> None:
    word = "ATTENTION dot project=no keys=k values=v"
    graph = parse(f"k: INPUT 2x2; v: INPUT 1x2; q: INPUT 2x1 -> {word}")
    by_name = {"k": [[[0.0, 0], [0, np.log(3)]]], "v": [[[4.0, 8.0]]], "q": [[[5.0], [1.0]]]}
    inputs = [np.array(by_name[node.name]) for node in graph.inputs]
    values = reference.run(graph, {}, inputs).values
    np.testing.assert_allclose(values["attention1.joined"], [[[0.25 * 4 + 0.75 * 8]]], atol=1e-12)


def test_tokens_say_what_they_are() -> None:
    first = "SLICE 0 7 axis=step -> EMBEDDING 9 4 -> CONV 3 3 same"
    graph = parse(f"t: INPUT 7 tokens -> {{ {first} | EMBEDDING 5 3 }} ADD")
    assert graph.vocabulary("t") == 5
    assert parse("INPUT 7 -> FC 2").vocabulary("input") is None
    inquiry = Inquiry((graph, initialize(graph)), np.array([1.0, 4, 0, 2, 2, 3, 1]))
    assert list(map(str, inquiry.why("add1[0,3]").sees)) == ["steps 2–4"]
    with pytest.raises(StriateError, match="6 is not a token, at place 1 of sequence 0"):
        Inquiry((graph, initialize(graph)), np.array([1.0, 6, 0, 2, 2, 3, 1])).why("add1[0,3]")


def test_where_all_is_hidden_nothing_is_pooled_and_it_is_said() -> None:
    graph = parse("t: INPUT 3 tokens -> EMBEDDING 9 4 -> ATTENTION mask=t")
    weights = initialize(graph)
    inquiry = Inquiry((graph, weights), np.zeros(3))
    found = inquiry.why("attention1.weights[0,1,2]")
    assert found.value == found.stored == 0
    assert found.terms[0].factors[0].what == "[t[2] > 0] (no key is seen)"
    module = graph.module(weights=weights)
    module(torch.zeros(1, 3)).sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in module.parameters())


TEXTS = (
    "INPUT 8x5 -> ATTENTION 2 heads causal -> FC 3",
    "INPUT 8x5 -> a: ATTENTION dot project=no -> { PASS | @a } ADD -> FC 3",
    "t: INPUT 5 tokens -> EMBEDDING 9 8 -> POSITIONS -> "
    "[{ PASS | ATTENTION 4 heads mask=t } ADD -> LAYERNORM axis=channel]*2 -> MEAN last -> FC 3",
    "INPUT 6x4 -> [a: ATTENTION additive size=3 dropout=0.1]*2 -> { @a | PASS } ADD -> FC 3",
)


@pytest.mark.parametrize("written", TEXTS)
def test_a_word_is_verified_written_and_explained(written: str) -> None:
    graph = parse(written)
    assert parse(text(graph)) == graph
    assert from_json(to_json(graph)) == graph
    assert verify(graph).ok
    size = graph.specs[graph.inputs[0].name].shape
    # Small, or shares are so near 1 that nothing but rounding is left of what they lack.
    x = RNG.integers(1, 9, size) if len(size) == 1 else 0.3 * RNG.standard_normal(size)
    inquiry = Inquiry((graph, initialize(graph)), x.astype(float), target=1)
    names = [node.name for node in graph if node.name.endswith(("scores", "weights", "pooled"))]
    for name in names:
        places = list(np.ndindex(*graph.specs[name].shape))
        for place in (places[0], places[len(places) // 2], places[-1]):
            for what in (f"{name}[{','.join(map(str, place))}]{g}" for g in ("", ".grad")):
                found = inquiry.why(what)
                assert found.reference_residual < 1e-12
                assert (found.relative_residual or 0) < 1e-4


def test_python_says_the_same() -> None:
    assert (Input(8, 5) >> Attention(heads=2, causal=True) >> Dense(3)).graph() == parse(TEXTS[0])
    part = Input(8, 5).named("q") >> Attention(At("q"), At("q"), heads=2).named("a") >> Dense(3)
    assert part.graph() == parse("q: INPUT 8x5 -> { PASS | PASS } a: ATTENTION 2 -> FC 3")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("INPUT 8x5 -> ATTENTION 3 heads", "8 features of attention1 cannot be dealt out to 3"),
        ("INPUT 8 -> ATTENTION", "attends to sequences, features x steps, but input is 8"),
        ("INPUT 8x5 -> ATTENTION keys=nothing", "no node before this is called nothing"),
        ("INPUT 8x5 -> ATTENTION 2 heads additive", "additive scores have one head, not 2"),
        ("INPUT 8x5 -> ATTENTION 0 heads", "heads is 0"),
        ("INPUT 8x5 -> ATTENTION 2 hats", "ATTENTION knows no hats"),
        ("INPUT 8x5 -> ATTENTION project=no size=4", "size=4 is how wide"),
        ("m: INPUT 4; INPUT 8x5 -> ATTENTION mask=m", "scores of 1x5x5 and a mask of 4"),
        ("INPUT 8x5 -> ATTENTION lengths=input", "scores of 1x5x5 and lengths of 8x5"),
        ("{ INPUT 8x5 | INPUT 8x6 } ATTENTION causal", "no query sees the last key"),
        ("{ INPUT 8x5 | k: INPUT 8x6 } ATTENTION keys=k", "given its keys twice"),
        ("{ INPUT 8x5 | INPUT 7x6 } ATTENTION project=no", "queries of 8 features by keys of 7"),
        ("INPUT 8x5 -> ATTENTION mask=input lengths=input", "hidden by the mask input and by"),
        ("INPUT 8x5 -> ATTENTION shares=a", "several layers, which share no weights"),
        ("INPUT 8x5 -> a: ATTENTION -> a: ATTENTION", "two nodes are called a"),
    ],
)
def test_what_is_no_attention_is_refused(written: str, said: str) -> None:
    with pytest.raises(StriateError, match=said):
        parse(written)
