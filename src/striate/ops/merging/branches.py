"""What operators that merge branches check about their inputs."""

from __future__ import annotations

from striate.errors import ShapeError
from striate.graph import Spec


def same(inputs: tuple[Spec, ...], verb: str) -> Spec:
    """The one spec that all branches have.

    Raises:
        ShapeError: they differ.
    """
    if len(set(inputs)) > 1:
        sizes = " and ".join(map(str, inputs))
        raise ShapeError(
            f"{{self}} {verb} maps of one size, but its inputs are {sizes}",
            remedy="Give the branches equal channels (CONV with kernel 1) and equal strides.",
        )
    return inputs[0]
