"""The figure of an architecture: every node once, nothing over anything, the same bytes twice."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from striate import drawing
from striate.drawing.blocks import FoldedBlocks, chains, nodes
from striate.drawing.flow import dot, mermaid
from striate.drawing.layout import LETTER, PAD, PlacedBox, place, size_of
from striate.drawing.network import KINDS
from striate.drawing.style import LIGHT
from striate.errors import StriateError
from striate.graph import Graph
from striate.lookup import graph_of
from striate.ops import OPERATORS

SEVERAL = """a: INPUT 1x8x8 -> shared: CONV 4 3x3 same -> RELU;
b: INPUT 1x8x8 -> CONV 4 3x3 same shares=shared -> RELU;
{ @relu1 | @relu2 | @a -> CONV 4 1x1 } CONCAT -> FC 3"""
NETWORKS = (
    "INPUT 3",
    "mnist_rows_gru",
    "lenet5",
    "resnet50",
    "googlenet",
    "unet",
    "densenet121",
    "efficientnet_b0",
    "vit_tiny",
    "shufflenet_v2_x1_0",
    "INPUT 1x8x8 -> [CONV 4 3x3 same -> RELU]*5 -> { CONV 2 1x1 | PASS | CONV 2 3x3 same } CONCAT",
    "INPUT 4x8x8 -> { [CONV 4 3x3 same -> RELU]*3 | PASS } ADD -> FC 2",
    SEVERAL,
)


def test_every_family_of_operators_has_a_color_and_a_name() -> None:
    families = {each.__module__.split(".")[2] for each in OPERATORS} | {"input"}
    assert families <= KINDS.keys() <= LIGHT.families.keys()


@pytest.mark.parametrize("is_open", [None, True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_stands_in_one_box(name: str, is_open: bool | None) -> None:
    graph = graph_of(name)
    found = [each for chain in chains(graph, is_open=is_open) for each in nodes(chain)]
    assert sorted(found) == sorted(node.name for node in graph)


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_stands_over_anything(name: str, is_open: bool) -> None:
    layout = place(chains(graph_of(name), is_open=is_open))
    for a, b in combinations(layout.boxes, 2):
        assert _is_apart(a, b), (a.words, b.words)
    for frame in layout.frames:
        for box in layout.boxes:
            assert _is_apart(frame, box) or _is_within(box, frame), (frame, box.words)
    for box in layout.boxes:
        assert box.left >= 0
        assert box.left + box.width <= layout.width + 1e-6
        assert box.top + box.height <= layout.height
        for words in box.words:
            assert len(words.text) * LETTER * size_of(words) <= box.width - 2 * PAD + 1e-6
    for points, _ in layout.ways:
        for start, end in pairwise(points):
            assert not any(_crosses(start, end, box) for box in layout.boxes)


def _is_apart(a: PlacedBox, b: PlacedBox) -> bool:
    beside = a.left + a.width <= b.left or b.left + b.width <= a.left
    return beside or a.top + a.height <= b.top or b.top + b.height <= a.top


def _is_within(a: PlacedBox, b: PlacedBox) -> bool:
    across = b.left < a.left and a.left + a.width < b.left + b.width
    return across and b.top < a.top and a.top + a.height < b.top + b.height


def _crosses(start: tuple[float, float], end: tuple[float, float], box: PlacedBox) -> bool:
    """Whether a straight line goes through the inside of a box."""
    slack = 1e-6
    (x, y), (to, down) = start, end
    left, right, top, bottom = min(x, to), max(x, to), min(y, down), max(y, down)
    across = left < box.left + box.width - slack and box.left + slack < right + slack
    return across and top < box.top + box.height - slack and box.top + slack < bottom


def test_counts_are_those_of_the_graph() -> None:
    graph = graph_of("resnet18")
    (main,) = chains(graph)
    total = sum(_parameters(graph, item) for item in main)
    assert total == graph.parameters


def _parameters(graph: Graph, item: object) -> int:
    from striate.drawing.blocks import boxes

    times = item.times if isinstance(item, FoldedBlocks) else 1
    body = item.body if isinstance(item, FoldedBlocks) else (item,)
    return times * sum(box.parameters for box in boxes(body))  # type: ignore[arg-type]


def test_equal_blocks_are_drawn_once() -> None:
    (main,) = chains(graph_of("resnet50"))
    assert [each.times for each in main if isinstance(each, FoldedBlocks)] == [2, 3, 5, 2]
    (main,) = chains(graph_of("INPUT 1x8x8 -> [CONV 4 3x3 same -> RELU]*5 -> FC 2"))
    (repeat,) = (each for each in main if isinstance(each, FoldedBlocks))
    assert repeat.times == 4  # the first reads one channel and has fewer weights


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    for suffix in ("png", "svg", "pdf"):
        files = [tmp_path / f"{k}.{suffix}" for k in range(2)]
        for file in files:
            drawing.save(drawing.network("lenet5"), file)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert len(files[0].read_bytes()) > 5000


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "net.png"
    file.write_text("mine")
    with pytest.raises(StriateError, match="exists already"):
        drawing.save(drawing.network("INPUT 3 -> FC 2"), file)
    assert file.read_text() == "mine"
    with pytest.raises(StriateError, match="cannot be written"):
        drawing.save(drawing.network("INPUT 3 -> FC 2"), tmp_path / "net.bmp")


def test_the_texts_for_others_have_every_box_and_arrow() -> None:
    for name in NETWORKS:
        found = chains(graph_of(name))
        said, other = mermaid(name), dot(name)
        layout = place(found)
        drawn = [each for each in layout.boxes if each.box and each.box.family != "reference"]
        keys = re.findall(r"^ +(b\d+)\[", said, re.MULTILINE)
        assert len(keys) == len(set(keys)) == len(drawn)
        assert re.findall(r"^ +(b\d+) \[", other, re.MULTILINE) == keys
        arrows = re.findall(r"(b\d+) --> (b\d+)", said)
        assert arrows == re.findall(r"(b\d+) -> (b\d+);", other)
        assert {end for _, end in arrows} | {start for start, _ in arrows} <= set(keys)
        assert other.count("{") == other.count("}")
