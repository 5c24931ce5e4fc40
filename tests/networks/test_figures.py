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


def test_a_mistyped_name_gets_a_hint() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean .*vgg16"):
        network("vgg61")
