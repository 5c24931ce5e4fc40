"""The products and connections of an operator, listed one by one from its own terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from promises import Case
from striate.graph import OUTPUT, Call, Index, Ref, Spec
from striate.ops import TransposedConv
from striate.ops.recurrent.recurrence import Recurrence
from striate.reference.products import terms_of


def unpadded(case: Case) -> Case:
    """The same windows over an input that has the zeros of the padding in it, and the same steps
    from states of zeros."""
    if isinstance(case.operator, Recurrence):
        return from_zeros(case, case.operator)
    if case.operator.only_moves or not hasattr(case.operator, "padding"):
        return case
    if isinstance(case.operator, TransposedConv):
        return case  # where padding cuts the output there is none in the input
    (x,) = case.specs
    axes = case.operator.field(x)
    sides = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    values = np.pad(case.call.x, [(0, 0), (0, 0), *sides])
    rounded = {"ceil": False} if hasattr(case.operator, "ceil") else {}
    operator = replace(case.operator, padding="valid", **rounded)
    assert operator.cost(Spec(values.shape[1:])) == case.operator.cost(x)
    call = Call((values,), case.call.weights)
    call = call.with_output(operator.forward(call))
    return Case(operator, (Spec(values.shape[1:]),), call, case.error)


def from_zeros(case: Case, layer: Recurrence) -> Case:
    """The same steps from initial states that are written out."""
    first = np.zeros((case.call.pictures, layer.units * len(layer.directions)))
    inputs = (case.call.x, *[first] * len(layer.states))
    specs = tuple(Spec(x.shape[1:]) for x in inputs)
    assert layer.cost(*specs) == layer.cost(*case.specs)
    call = Call(inputs, case.call.weights)
    call = replace(call, inner=layer.inner_values(call))
    return Case(layer, specs, call.with_output(layer.forward(call)), case.error)


def listed(case: Case) -> tuple[int, int]:
    """Multiply-adds and connections of one picture, listed one by one.

    A sum's products are its terms: those with two factors are multiplied and added, all are
    connections. Where a single term stands for a window, or names a winner only, those cells are
    connected that can move the output.
    """
    if case.call.inner:
        return listed_inside(case)
    products = connections = 0
    for index in np.ndindex(1, *case.call.y.shape[1:]):
        terms = case.operator.terms(case.call, index)
        # A coefficient that a whole map shares multiplies a sum: that is no product to add up.
        kernels = case.call.weights.get("weight", np.empty(0)).ndim > 1
        weighted = [
            term
            for term in terms
            if (kernels and {0, "weight"} <= sources(term)) or {0, 1} <= sources(term)
        ]
        products += len(weighted)
        alone = len(terms) == 1 and not case.call.weights
        connections += rivals(case, index) if alone else len(terms)
    return products, connections


def listed_inside(case: Case) -> tuple[int, int]:
    """The same where inner values are summed: by kernels, all else is function values."""
    kernels = {name for name, weight in case.call.weights.items() if weight.ndim > 1}
    products = connections = 0
    for source in (OUTPUT, *case.call.inner):
        for index in np.ndindex(1, *case.array(source).shape[1:]):
            terms = terms_of(case.operator, case.call, Ref(source, index))
            weighted = [term for term in terms if sources(term) & kernels]
            products += len(weighted)
            connections += len(terms) if weighted else 0
    return products, connections


def sources(term: object) -> set[int | str]:
    return {ref.source for factor in term.factors for ref in factor.refs}


def rivals(case: Case, index: Index) -> int:
    """How many cells, made large or small one at a time, change one output."""
    picture = case.call.x[index[0]]
    cells = np.arange(picture.size)
    moved = np.zeros(len(cells), dtype=bool)
    for extreme in (1e3, -1e3):
        x = np.repeat(picture[None], len(cells), axis=0)
        x[(cells, *np.unravel_index(cells, picture.shape))] = extreme
        y = case.operator.forward(case.changed(0, x))[(slice(None), *index[1:])]
        moved |= y != case.call.y[index]
    return int(moved.sum())
