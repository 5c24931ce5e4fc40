"""Bugs of `planted_bugs` in attention and its parts: (what, file, right text, wrong text)."""

from __future__ import annotations

EMBEDDING = "ops/sequence/embedding.py"
LAID = "passes/attention.py"
MASKED = "ops/activation/masked_softmax.py"

ATTENTION_BUGS = (
    (
        "masked softmax: the mask inverted",
        MASKED,
        "else spread > 0",
        "else spread <= 0",
    ),
    (
        "masked softmax: a query sees the key behind it",
        MASKED,
        "seen &= places[axis] <= places[axis - 1]",
        "seen &= places[axis] <= places[axis - 1] + 1",
    ),
    (
        "masked softmax: one key more than the length",
        MASKED,
        "seen &= places[axis] < spread if",
        "seen &= places[axis] < spread + 1 if",
    ),
    (
        "masked softmax: the reason names the query's own place",
        MASKED,
        "return (index[0], *(int(n)",
        "return (0, *(int(n)",
    ),
    (
        "masked softmax: divided by zero where all is hidden",
        "ops/activation/shares.py",
        "np.where(total == 0, 1, total)",
        "np.where(total == 0, 0, total)",
    ),
    (
        "embedding: the row of the next token",
        EMBEDDING,
        'rows = call.weights["weight"][checked',
        'rows = call.weights["weight"][-1 + checked',
    ),
    (
        "embedding: a token that stands twice counts once",
        EMBEDDING,
        "np.add.at(weight, tokens, np.moveaxis(error, 1, -1))",
        "weight[tokens] += np.moveaxis(error, 1, -1)",
    ),
    (
        "positions: sine and cosine swapped",
        "ops/sequence/positional_encoding.py",
        "np.where(features[:, None] % 2, np.cos(angle), np.sin(angle))",
        "np.where(features[:, None] % 2, np.sin(angle), np.cos(angle))",
    ),
    (
        "attention: heads mixed with their features",
        LAID,
        "ops.Reshape((heads, features // heads, steps))",
        "ops.Reshape((features // heads, heads, steps))",
    ),
    (
        "attention: scores scaled by the features of all heads",
        LAID,
        "scale = (width // self.heads) ** -0.5",
        "scale = width**-0.5",
    ),
    (
        "attention: shares over the queries",
        LAID,
        'ops.Softmax("last")',
        "ops.Softmax(1)",
    ),
    (
        "attention: keys taken for values",
        LAID,
        'given.get("values", keys)',
        'given.get("keys", keys)',
    ),
    (
        "attention: a checkpoint's queries and keys swapped",
        LAID,
        '("query.weight", "key.weight", "value.weight")',
        '("key.weight", "query.weight", "value.weight")',
    ),
    (
        "attention: the scale left out where one function computes it",
        "engine/attended.py",
        "partial(attend, scale,",
        "partial(attend, 1.0,",
    ),
)
