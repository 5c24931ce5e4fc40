"""EMBEDDING: for every token of a sequence a row of numbers that the network learns.

    y[c,t] = weight[x[t], c]

The tokens x are whole numbers, 0 ≤ x[t] < num_embeddings: `INPUT 20 tokens`. What comes out is a
sequence of features x steps, as a signal is channels x positions.

The gradients: every place that a token stands at adds its error to the token's row,

    ∂L/∂weight[n,c] = Σ_t [x[t] = n] · e[c,t]        ∂L/∂x = 0

since between whole numbers there is nothing to move to.

Source: Bengio, Ducharme, Vincent and Jauvin, "A Neural Probabilistic Language Model", Journal of
Machine Learning Research 3, 2003, section 2 (the matrix C).

>>> import numpy as np
>>> from striate.graph import Call
>>> rows = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
>>> call = Call((np.array([[2.0, 0.0, 2.0]]),), {"weight": rows})
>>> Embedding(3, 2).forward(call).tolist()
[[[5.0, 1.0, 5.0], [6.0, 2.0, 6.0]]]
>>> Embedding(3, 2).backward(call, np.ones((1, 2, 3))).weights["weight"].tolist()
[[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.graph.saves import INDEX
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Embedding(Operator):
    """A learned row for each token.

    Args:
        num_embeddings: how many different tokens there are.
        embedding_dim: how many numbers stand for one.

    Shapes: (steps,) or any other shape of tokens -> (embedding_dim, *that shape); weight
    (num_embeddings, embedding_dim).
    """

    label: ClassVar[str] = "embedding"

    num_embeddings: int
    embedding_dim: int

    def __post_init__(self) -> None:
        checked.count("num_embeddings", self.num_embeddings, 1000)
        checked.count("embedding_dim", self.embedding_dim, 64)

    @property
    def vocabulary(self) -> int:
        return self.num_embeddings

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((self.embedding_dim, *x.shape), ("channel", *x.names) if x.names else ())

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        size = (self.num_embeddings, self.embedding_dim)
        return {"weight": Weight(size, 1, 1, role="embedding")}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Routes:
        return Routes(tuple(Along(k + 1) for k in range(inputs[0].rank)))

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(own=INDEX * inputs[0].size)

    def forward(self, call: Call) -> Array:
        rows = call.weights["weight"][checked.tokens(call.x, self.num_embeddings)]
        return np.ascontiguousarray(np.moveaxis(rows, -1, 1))

    def backward(self, call: Call, error: Array) -> Gradients:
        weight = np.zeros_like(call.weights["weight"])
        tokens = checked.tokens(call.x, self.num_embeddings)
        np.add.at(weight, tokens, np.moveaxis(error, 1, -1))
        return Gradients((np.zeros_like(call.x),), {"weight": weight})

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, feature, *place = index
        token = round(call.x[(picture, *place)].item())
        ref = Ref("weight", (token, feature))
        return [Term((Factor(call.weights["weight"][ref.index].item(), refs=(ref,)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source != "weight":
            return []
        token, feature = ref.index
        places = np.argwhere(np.round(call.x) == token).tolist()
        return [Use((picture, feature, *place), (Factor(1.0, "1"),)) for picture, *place in places]

    def formula(self, index: Index, *inputs: Spec) -> str:
        feature, *place = map(str, index)
        return f"weight[{{0}}[{','.join(place)}],{feature}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        if ref.source != "weight":
            return "0"
        token, feature = ref.index
        return f"Σ {{self}}[{feature},t].grad where {{0}}[t] = {token}"
