"""Networks as Python: the operators of the notation, joined by >>, repeated by *.

    net = Input(1, 28, 28) >> (Conv(32, 5, padding="same") >> ReLU() >> MaxPool(2)) * 2 >> Dense(10)
    graph = net.graph()

    A >> B                      in series
    (A >> B) * 3                three times in series
    Add(A >> B, Pass())         branches from one value, then a merge
    Auxiliary(A >> B, 0.3)      a side exit whose loss counts 0.3; the series goes on from before it
    Conv(16, 5).named("C3")     a name for a node
    At("C3") >> A               a branch that starts from an earlier node

A part holds settings and no weights: a variable that is used twice stands for two nodes with the
same settings and weights of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from striate import ops
from striate.builder.makers import merge_part, operator_part, step
from striate.builder.parts import At, Auxiliary, Part, Pass

__all__ = ["At", "Auxiliary", "Input", "Part", "Pass"]

OPERATORS = {operator.__name__: operator for operator in ops.OPERATORS}


def Input(*size: int) -> Part:  # noqa: N802 - it stands among the operators
    """The entrance of a network: channels, height, width; channels, length; or features."""
    return step(ops.Input, (size,), {})


def __getattr__(name: str) -> Callable[..., Part]:
    """The operator of that name as a part: every operator there is has one."""
    if name not in OPERATORS:
        raise AttributeError(f"module 'striate.builder' has no attribute {name!r}")
    operator = OPERATORS[name]
    merges = operator.arity[0] > 1 or operator.arity[1] is None
    made = merge_part(operator) if merges else operator_part(operator)
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted({*__all__, *OPERATORS})
