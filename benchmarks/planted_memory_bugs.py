"""Bugs of `planted_bugs` in what training keeps: (what, file, right text, wrong text)."""

from __future__ import annotations

MEMORY_BUGS = (
    (
        "kept: the input of a rectifier",
        "ops/activation/relu.py",
        "Saves(output=True)",
        "Saves(inputs=True)",
    ),
    (
        "kept: winners of max-pooling as bytes",
        "ops/pooling/max_pool.py",
        "Saves(inputs=True, each=INDEX)",
        "Saves(inputs=True, each=1)",
    ),
    (
        "kept: padding that is a copy forgotten",
        "ops/convolution/conv.py",
        "own=NUMBER * sliding.padded_size(x, axes)",
        "own=NUMBER * x.size",
    ),
    (
        "kept: the gradient of what is subtracted handed on",
        "ops/merging/subtract.py",
        "hands_on=(0,) if first.size == y.size else ()",
        "hands_on=True",
    ),
    (
        "memory to train: values live on after their last reader",
        "analysis/training_memory.py",
        "if last[name] == step.name and name not in stay:",
        "if False:",
    ),
    (
        "memory to train: what was kept is never dropped",
        "analysis/training_memory.py",
        "(gradient, *step.arrays, *again)",
        "(gradient, *again)",
    ),
    (
        "memory to train: gradients of weights that two nodes share held twice",
        "analysis/training_memory.py",
        "            if weight in self.found:",
        "            if False:",
    ),
)
