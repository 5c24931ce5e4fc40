"""Bugs of `planted_bugs` in weights that nodes share: (what, file, right text, wrong text)."""

from __future__ import annotations

SHARING_BUGS = (
    (
        "shared weights: counted at each node that uses them",
        "graph/graph.py",
        "if self.keeper(node, n) == node.name}",
        "if n}",
    ),
    (
        "shared weights: the gradient of the last sharer alone",
        "reference/backward.py",
        "kept[key] + gradient if key in kept else gradient",
        "gradient",
    ),
    (
        "shared weights: products of the keeper alone",
        "reference/products.py",
        "in trace.graph.users(number.node, number.weight)",
        "in [number.node]",
    ),
    (
        "shared weights: statistics shared too",
        "graph/graph.py",
        "if not node.shares or not self.weights(node)[weight].trainable:",
        "if not node.shares:",
    ),
    (
        "shared weights: a Parameter for each module",
        "pytorch/tree.py",
        "graph.keeper(node, name) != node.name]",
        "False]",
    ),
    (
        "shared weights: gradients of one compiled call overwrite each other",
        "engine/gradients.py",
        "== CrossEntropy() and not shared",
        "== CrossEntropy()",
    ),
)
