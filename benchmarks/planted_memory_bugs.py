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
        "analysis/lives.py",
        "if last[name] == step.name and name not in stay:",
        "if False:",
    ),
    (
        "memory to train: what was kept is never dropped",
        "analysis/lives.py",
        "(gradient, *step.arrays, *again)",
        "(gradient, *again)",
    ),
    (
        "memory to train: gradients of weights that two nodes share held twice",
        "analysis/lives.py",
        "            if weight in self.found:",
        "            if False:",
    ),
    (
        "memory: the optimizer's update forgotten",
        "analysis/training_memory.py",
        "return max(self.peak, self._update(name)) +",
        "return self.peak +",
    ),
    (
        "memory: places of winners as wide as the numbers",
        "graph/saves.py",
        "INDEX = Bytes(0, 8)",
        "INDEX = Bytes(2)",
    ),
    (
        "memory: predictions make noise for dropout",
        "analysis/lives.py",
        "_PASSED if operator.passes_on and not training else operator.kept(*specs)",
        "operator.kept(*specs)",
    ),
    (
        "memory: a budget is passed by one picture",
        "analysis/memory.py",
        "(fits, middle)\n    return fits\n",
        "(fits, middle)\n    return fits + 1\n",
    ),
    (
        "table: a network that came from elsewhere does not say how much is native",
        "analysis/table.py",
        "not isinstance(subject, Graph) and not is_model(subject)",
        "False",
    ),
    (
        "named: several inputs in the order they were given in",
        "pytorch/named.py",
        "return (named[name] for name in takes[: len(named)])",
        "return (shape for _, shape in inputs)",
    ),
    (
        "named: what the code prints is an answer",
        "pytorch/named.py",
        "with redirect_stdout(sys.stderr):",
        "with redirect_stdout(sys.stdout):",
    ),
)
