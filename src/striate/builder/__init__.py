"""Networks as Python: the operators of the notation, joined by >>, repeated by *.

    net = Input(1, 28, 28) >> (Conv(32, 5, padding="same") >> ReLU() >> MaxPool(2)) * 2 >> Dense(10)
    graph = net.graph()

    A >> B                      in series
    (A >> B) * 3                three times in series
    Add(A >> B, Pass())         branches from one value, then a merge
    Auxiliary(A >> B, 0.3)      a side exit whose loss counts 0.3; the series goes on from before it
    Conv(16, 5).named("C3")     a name for a node
    Conv(16, 5).sharing("C3")   a node with the weights of another
    At("C3") >> A               a branch that starts from an earlier node

A part holds settings and no weights: a variable that is used twice stands for two nodes with the
same settings and weights of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate import ops
from striate.builder.makers import maker, step
from striate.builder.parts import At, ExitPart, Part, Pass
from striate.graph import Composition, Operator
from striate.passes.attention import COMPOSITIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from striate.builder.parts import OperatorPart

    def __getattr__(name: str) -> Callable[..., OperatorPart]: ...


def Input(*size: int, tokens: bool = False) -> Part:  # noqa: N802 - it stands among the operators
    """The entrance of a network: channels, height, width; channels, length; or features.

    Args:
        tokens: whether the numbers are tokens of so many steps, for an Embedding.
    """
    return step(ops.Input, (size,), {"tokens": True} if tokens else {})


_PARTS: tuple[type[Operator] | type[Composition], ...] = (*ops.OPERATORS, *COMPOSITIONS)
_MAKERS = {each.__name__: maker(each) for each in _PARTS if each is not ops.Input}
globals().update(_MAKERS)

__all__ = ["At", "ExitPart", "Input", "Part", "Pass", *_MAKERS]
