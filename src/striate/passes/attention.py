"""ATTENTION: every query becomes a mean of values, weighted by how well it fits their keys.

    out[:,q] = W_o · (for each head side by side) Σ_k weights[h,q,k] · V_h[:,k] + b_o
    weights[h,q,:] = softmax of scores[h,q,:] over the keys that are seen

with queries W_q x + b_q, keys W_k y + b_k and values W_v z + b_v of features x steps, dealt out to
the heads in equal parts, and

    scaled     scores[h,q,k] = Q_h[:,q] · K_h[:,k] / √(features of a head)
    dot        scores[h,q,k] = Q_h[:,q] · K_h[:,k]
    additive   scores[0,q,k] = v · tanh(W_q x[:,q] + W_k y[:,k])

It is a word for a graph: `attention1.query`, `.key` and `.value` are dense layers, `.scores` and
`.weights` matrices of heads x queries x keys, `.pooled` the weighted means, `.out_proj` the last
layer. The weights are those of torch.nn.MultiheadAttention, whose in_proj_weight holds the three
layers' one below the other.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, equation 1 and
section 3.2.2 (scaled, heads); Luong, Pham and Manning, "Effective Approaches to Attention-based
Neural Machine Translation", EMNLP 2015, arXiv:1508.04025, equation 8 (dot); Bahdanau, Cho and
Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR 2015,
arXiv:1409.0473, appendix A.1.2 (additive).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from striate import ops
from striate.errors import SettingError, ShapeError
from striate.graph import Assembly, Composition, Operator
from striate.ops import checked


@final
@dataclass(frozen=True)
class Attention(Composition):
    """Attention of queries to keys and values: of one sequence to itself unless others are given.

    Args:
        heads: parts that attend apart from each other.
        score: how well a query fits a key.
        causal: whether a query sees only keys up to its own place.
        size: features of queries and keys, and of projected values; 0 for those of the queries.
        project: whether values go through a dense layer before, and what is pooled after; for
            scaled and dot scores queries and keys too.
        bias: whether these layers have a number added per unit.
        dropout: the share of weights that training drops.
        keys, values: nodes that they come from, where no branch says so; values are the keys.
        mask: a node that says by numbers above 0 which keys are seen, as MASKEDSOFTMAX reads it.
        lengths: a node that says how many are.

    Shapes: features x queries, where keys and values are other features x keys -> as many features
    as the queries have (without `project` as the values have) x queries.
    """

    label: ClassVar[str] = "attention"
    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    names: ClassVar[tuple[str, ...]] = ("keys", "values", "mask", "lengths")

    heads: int = 1
    score: Literal["scaled", "dot", "additive"] = "scaled"
    causal: bool = False
    size: int = 0
    project: bool = True
    bias: bool = True
    dropout: float = 0.0
    keys: str = ""
    values: str = ""
    mask: str = ""
    lengths: str = ""

    def __post_init__(self) -> None:
        checked.count("heads", self.heads, 4)
        if type(self.size) is not int or self.size < 0:
            raise SettingError(f"size is {self.size}", remedy="Give 1 or more features, or none.")
        if self.score == "additive" and self.heads > 1:
            raise SettingError(
                f"additive scores have one head, not {self.heads}",
                remedy="Leave heads out, or take scaled or dot scores.",
            )
        if self.size and not self.project and self.score != "additive":
            raise SettingError(
                f"size={self.size} is how wide queries and keys are projected, but project=no",
                remedy="Leave one of them out.",
            )
        if self.mask and self.lengths:
            raise SettingError(
                f"keys are hidden by the mask {self.mask} and by the lengths {self.lengths}",
                remedy="Give one of them; a mask says everything that lengths do.",
            )

    def lay(self, assembly: Assembly, name: str, inputs: Sequence[str]) -> list[str]:
        sheet = _AttentionDraft(assembly, name)
        queries, keys, values, hidden = self._sources(name, inputs)
        for each in (queries, keys, values):
            if assembly.spec(each).rank != 2:
                raise ShapeError(
                    f"{name} attends to sequences, features x steps, but {each} is "
                    f"{assembly.spec(each)}",
                    remedy="RESHAPE 64x1 makes one step of 64 numbers; EMBEDDING steps of tokens.",
                )
        width = self.size or assembly.spec(queries).channels
        if width % self.heads:
            raise ShapeError(
                f"the {width} features of {name} cannot be dealt out to {self.heads} heads",
                remedy=f"Take a number of heads that divides {width}, or a size that "
                f"{self.heads} divides, as size={-(-width // self.heads) * self.heads}.",
            )
        features = assembly.spec(queries).channels
        scores = self._scores(sheet, queries, keys, width)
        weights = self._weights(sheet, scores, hidden)
        if self.project:
            values = sheet.dense("value", width, values, self.bias)
        pooled = self._pooled(sheet, weights, values)
        if self.project:
            sheet.dense("out_proj", features, pooled, self.bias)
        return sheet.names

    def _sources(self, name: str, inputs: Sequence[str]) -> tuple[str, str, str, list[str]]:
        """The nodes of queries, keys, values and, if there is one, of the mask."""
        branches = list(inputs[: len(inputs) - len(self.read())])
        given = dict(
            zip(
                (each for each in self.names if getattr(self, each)),
                inputs[len(branches) :],
                strict=True,
            )
        )
        for place, role in enumerate(("keys", "values"), 1):
            if role in given and len(branches) > place:
                raise SettingError(
                    f"{name} is given its {role} twice, as a branch and as {getattr(self, role)}",
                    remedy="Leave one out.",
                )
        queries = branches[0]
        keys = branches[1] if len(branches) > 1 else given.get("keys", queries)
        values = branches[2] if len(branches) > 2 else given.get("values", keys)
        return queries, keys, values, [given[each] for each in self.names[2:] if each in given]

    def _scores(self, sheet: _AttentionDraft, queries: str, keys: str, width: int) -> str:
        """heads x queries x keys."""
        if self.score == "additive":
            return self._additive(sheet, queries, keys, width)
        if self.project:
            queries = sheet.dense("query", width, queries, self.bias)
            keys = sheet.dense("key", width, keys, self.bias)
        elif sheet.spec(queries).channels != sheet.spec(keys).channels:
            raise ShapeError(
                f"{sheet.name} multiplies queries of {sheet.spec(queries).channels} features by "
                f"keys of {sheet.spec(keys).channels}, unprojected",
                remedy="Give them equal features, or leave project=no out.",
            )
        heads = sheet.heads("query_heads", queries, self.heads)
        rows = sheet.add("query_rows", ops.Permute((0, 2, 1)), heads)
        columns = sheet.heads("key_heads", keys, self.heads)
        if self.score == "dot":
            return sheet.add("scores", ops.MatMul(), rows, columns)
        products = sheet.add("products", ops.MatMul(), rows, columns)
        scale = (width // self.heads) ** -0.5
        return sheet.add("scores", ops.Affine(scale, 0.0), products)

    def _additive(self, sheet: _AttentionDraft, queries: str, keys: str, width: int) -> str:
        """A layer of tanh over every pair of a query and a key, and one unit behind it."""
        query = sheet.dense("query", width, queries, False)
        key = sheet.dense("key", width, keys, False)
        steps = sheet.spec(query).shape[1], sheet.spec(key).shape[1]
        down = sheet.add("query_column", ops.Reshape((width, steps[0], 1)), query)
        across = sheet.add("key_row", ops.Reshape((width, 1, steps[1])), key)
        hidden = sheet.add("hidden", ops.Tanh(), sheet.add("pairs", ops.Add(), down, across))
        return sheet.dense("scores", 1, hidden, False)

    def _weights(self, sheet: _AttentionDraft, scores: str, hidden: list[str]) -> str:
        if hidden or self.causal:
            masked = ops.MaskedSoftmax(causal=self.causal, lengths=bool(self.lengths))
            weights = sheet.add("weights", masked, scores, *hidden)
        else:
            weights = sheet.add("weights", ops.Softmax("last"), scores)
        return sheet.add("dropped", ops.Dropout(self.dropout), weights) if self.dropout else weights

    def _pooled(self, sheet: _AttentionDraft, weights: str, values: str) -> str:
        """Values x weights, the heads side by side again."""
        columns = sheet.add("weight_columns", ops.Permute((0, 2, 1)), weights)
        parts = sheet.heads("value_heads", values, self.heads)
        pooled = sheet.add("pooled", ops.MatMul(), parts, columns)
        steps = sheet.spec(pooled).shape[-1]
        return sheet.add("joined", ops.Reshape((sheet.spec(values).channels, steps)), pooled)


class _AttentionDraft:
    """The nodes of one attention, as they are added."""

    def __init__(self, assembly: Assembly, name: str) -> None:
        self.spec = assembly.spec
        self.name = name
        self.names: list[str] = []
        self._assembly = assembly

    def add(self, own: str, operator: Operator, *inputs: str) -> str:
        self.names.append(self._assembly.add(operator, inputs, f"{self.name}.{own}"))
        return self.names[-1]

    def dense(self, own: str, units: int, value: str, bias: bool) -> str:
        """A dense layer at every step."""
        return self.add(own, ops.Dense(units, bias, "first"), value)

    def heads(self, own: str, value: str, heads: int) -> str:
        """Features x steps as heads x their features x steps."""
        features, steps = self.spec(value).shape
        if features % heads:
            raise ShapeError(
                f"the {features} features of {value} cannot be dealt out to {heads} heads",
                remedy=f"Take a number of heads that divides {features}.",
            )
        return self.add(own, ops.Reshape((heads, features // heads, steps)), value)


COMPOSITIONS: tuple[type[Composition], ...] = (Attention,)
"""Words that stand for several nodes."""


def unpacked(given: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """Weights by key, those of a torch.nn.MultiheadAttention under the names of ATTENTION.

    Its in_proj_weight and in_proj_bias hold queries, keys and values one below the other; where
    keys have other features, there are three matrices.

    Args:
        wanted: the keys that there are; what fits none of them keeps its own.
    """
    found: dict[str, Any] = {}
    for key, value in given.items():
        folder, dot, name = key.rpartition(".")
        parts = [f"{folder}{dot}{part}" for part in PACKED.get(name, ())]
        if parts and set(parts) <= set(wanted):
            size = len(value) // len(parts)
            found |= {part: value[k * size :][:size] for k, part in enumerate(parts)}
        else:
            found[key] = value
    return found


PACKED = {
    "in_proj_weight": ("query.weight", "key.weight", "value.weight"),
    "in_proj_bias": ("query.bias", "key.bias", "value.bias"),
    "q_proj_weight": ("query.weight",),
    "k_proj_weight": ("key.weight",),
    "v_proj_weight": ("value.weight",),
}
"""Names of torch.nn.MultiheadAttention, and of the layers of ATTENTION that they hold."""
