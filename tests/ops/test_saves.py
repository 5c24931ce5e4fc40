"""What an operator says that training keeps, against what autograd keeps of its PyTorch module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from inspect import getsourcefile
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_promises import quickly
from torch import Tensor, nn

from promises import Case, cases
from striate.graph import Operator, Saves
from striate.graph.saves import WIDTH
from striate.ops import CTC, LSTM, OPERATORS, HardSigmoid, Opaque, ReLU
from striate.pytorch.losses import BatchLoss
from striate.pytorch.modules import ABSENT, MODULES

KEPT = [kind for kind in OPERATORS if kind not in ABSENT]

BOUND = {
    CTC: "the length of a target decides, which nobody knows before it is there",
    LSTM: "oneDNN lays out what it keeps of the steps",
    Opaque: "whoever computes it keeps what it likes",
}
"""What says the most that can be kept, and why not what is."""


@dataclass(frozen=True)
class Kept:
    """What one training call keeps: as `Saves`, with its bytes summed."""

    inputs: tuple[int, ...]
    output: bool
    beside: int
    views: bool
    handed: tuple[int, ...]

    def line(self, case: Case) -> str:
        """The line that would say so, as far as one case can tell."""
        numbers = case.call.y.size
        each, rest = divmod(self.beside, numbers)
        told = {
            "inputs": self.inputs == tuple(range(len(case.specs))) and case.specs != (),
            "output": self.output,
            "each": 0 if rest else each,
            "own": self.beside // case.call.pictures if rest else 0,
            "views": self.views,
            "hands_on": bool(self.handed),
        }
        named = ", ".join(f"{name}={value}" for name, value in told.items() if value)
        return f"saves: ClassVar[Saves] = Saves({named})"


def said(case: Case) -> Kept:
    """What the operator says."""
    saves = case.operator.kept(*case.specs)
    y = case.operator.shape(*case.specs)
    return Kept(
        saves.of(case.specs),
        saves.output,
        saves.beside(case.call.pictures, y, case.call.x.itemsize if case.call.inputs else WIDTH),
        saves.views,
        saves.handed(case.specs, y),
    )


def measured(case: Case) -> Kept:
    """What autograd keeps, by the memory that it lies in."""
    inputs = [torch.tensor(x, requires_grad=True) for x in case.call.inputs]
    found: list[Tensor] = []
    weights: Iterable[Tensor]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: found.append(t) or t, lambda t: t):
        if case.operator.is_loss:
            target = torch.tensor(case.call.target)
            weights, y = [target], BatchLoss(case.operator)(inputs[0], target)  # type: ignore[arg-type]
        else:
            module = MODULES[type(case.operator)](case.operator, case.specs).module().train()
            module.to(inputs[0].dtype if inputs else torch.float32)
            weights, y = tensors(module), module(*inputs or [torch.zeros(case.call.pictures, 1)])
    places = [place(x) for x in inputs]
    there = {place(each) for each in weights}
    sizes = {place(t): t.untyped_storage().nbytes() for t in found if place(t) not in there}
    error = torch.ones_like(y)
    gradients = torch.autograd.grad(y, inputs, error, materialize_grads=True) if inputs else ()
    return Kept(
        tuple(k for k, at in enumerate(places) if at in sizes),
        place(y) in sizes and place(y) not in places,
        sum(size for at, size in sizes.items() if at not in {*places, place(y)}),
        place(y) in {*places, *there},
        tuple(k for k, gradient in enumerate(gradients) if place(gradient) == place(error)),
    )


def place(tensor: Tensor) -> int:
    """The memory that a tensor lies in."""
    return tensor.untyped_storage().data_ptr()


def tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def usual(case: Case) -> Case:
    """A loss by its usual settings, with class numbers: what `kept` speaks of."""
    kind = type(case.operator)
    if not kind.is_loss or kind in BOUND:
        return case
    (x,) = case.specs
    target = np.random.default_rng(5).integers(0, x.channels, (case.call.pictures, *x.spatial))
    return replace(case, operator=kind(), call=replace(case.call, target=target))


def check(case: Case) -> None:
    """What is said is what is measured; what is missing is named."""
    case = usual(case)
    right, told = measured(case), said(case)
    kind = type(case.operator)
    if kind in BOUND:
        assert set(right.inputs) <= set(told.inputs)
        assert (right.output, right.beside) <= (told.output, told.beside)
        return
    file = (getsourcefile(kind) or "").partition("src/")[2]
    needed = right.line(case)
    assert told == right, f"src/{file} is wrong for {case.operator}, which needs: {needed}"


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
@given(st.data())
@settings(quickly, max_examples=30)
def test_what_is_kept_is_what_autograd_keeps(kind: type[Operator], data: st.DataObject) -> None:
    check(data.draw(cases(kind, training=True, dtype=np.float32)))


WIDER = [kind for kind in KEPT if kind is not HardSigmoid]
"""In float64 its module is another, whose gradient is of float64."""


@pytest.mark.parametrize("kind", WIDER, ids=lambda kind: kind.__name__)
@given(st.data())
@settings(quickly, max_examples=5)
def test_wider_numbers_keep_more_but_masks_and_places_do_not(
    kind: type[Operator], data: st.DataObject
) -> None:
    check(data.draw(cases(kind, training=True, dtype=np.float64)))


@given(st.data())
@settings(quickly, max_examples=1)
def test_a_missing_line_is_named(data: st.DataObject) -> None:
    case = data.draw(cases(ReLU, training=True, dtype=np.float32))
    monkey: Any = pytest.MonkeyPatch()
    with monkey.context() as m:
        m.setattr(ReLU, "saves", Saves(inputs=True))
        with pytest.raises(AssertionError, match=r"relu\.py is wrong .*Saves\(output=True\)"):
            check(case)
