"""Every published figure of the catalog, against the table."""

from __future__ import annotations

import pytest

from striate.analysis.table import Table, table
from striate.errors import UnknownNameError
from striate.networks import NETWORKS, CatalogNetwork, network
from striate.notation import parse

EACH = pytest.mark.parametrize("known", NETWORKS.values(), ids=NETWORKS)


def _table(known: CatalogNetwork) -> Table:
    return table(parse(known.notation))


@EACH
def test_published_totals(known: CatalogNetwork) -> None:
    totals, figures = _table(known).totals, known.figures
    if figures.parameters is not None:
        assert totals["parameters"] == figures.parameters
    if figures.connections is not None:
        assert totals["connections"] == figures.connections
    if figures.parameters_without_exits is not None:
        assert _table(network(f"{known.name}_plain")).totals["parameters"] == (
            figures.parameters_without_exits
        )
    if figures.giga_multiply_adds is not None:
        assert round(totals["multiply_adds"] / 1e9, 2) == figures.giga_multiply_adds


@EACH
def test_published_layers(known: CatalogNetwork) -> None:
    rows = {row.name: row for row in _table(known).rows}
    for name, published in known.figures.layers.items():
        for key, number in published.items():
            assert getattr(rows[name], key) == number, (name, key)


@EACH
def test_published_receptive_fields(known: CatalogNetwork) -> None:
    rows = {row.name: row for row in _table(known).rows}
    for name, size in known.figures.receptive_fields.items():
        assert {span.size for span in rows[name].receptive_field.spans} == {size}


@EACH
def test_the_smaller_form_has_the_same_layers(known: CatalogNetwork) -> None:
    if known.small:
        large, small = parse(known.notation), parse(known.small)
        assert [node.operator.label for node in large] == [node.operator.label for node in small]


@EACH
def test_a_source_is_named(known: CatalogNetwork) -> None:
    assert len(known.source) > 20


def test_the_unet_by_hand() -> None:
    """Figure 1 layer by layer: (input channels, output channels, taps, side of the map)."""
    down = [(1, 64, 9, 570), (64, 64, 9, 568), (64, 128, 9, 282), (128, 128, 9, 280)]
    down += [(128, 256, 9, 138), (256, 256, 9, 136), (256, 512, 9, 66), (512, 512, 9, 64)]
    bottom = [(512, 1024, 9, 30), (1024, 1024, 9, 28)]
    up = [(1024, 512, 9, 54), (512, 512, 9, 52), (512, 256, 9, 102), (256, 256, 9, 100)]
    up += [(256, 128, 9, 198), (128, 128, 9, 196), (128, 64, 9, 390), (64, 64, 9, 388)]
    last = [(64, 2, 1, 388)]
    # Each cell of the smaller map is stamped by 2x2 kernels that do not overlap.
    doubled = [(1024, 512, 4, 28), (512, 256, 4, 52), (256, 128, 4, 100), (128, 64, 4, 196)]
    layers = [*down, *bottom, *up, *last, *doubled]
    assert len(layers) == 23
    answer = _table(network("unet"))
    assert answer.totals["parameters"] == sum(a * b * k + b for a, b, k, _ in layers)
    assert answer.totals["multiply_adds"] == sum(a * b * k * n * n for a, b, k, n in layers)
    made = [row.output.spatial[0] for row in answer.rows if row.operator == "CONV"]
    assert made == [n for *_, n in (*down, *bottom, *up, *last)]


def test_a_mistyped_name_gets_a_hint() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean .*vgg16"):
        network("vgg61")
