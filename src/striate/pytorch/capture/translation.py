"""From the calls of a module to steps: by the table, or as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as trees

from striate.errors import CaptureError
from striate.graph import Spec
from striate.ops import Input, Opaque
from striate.pytorch.capture.layout import BatchLayout, Unsuitable
from striate.pytorch.capture.pairing import Made, PairedCall
from striate.pytorch.capture.recording import Recorded, Scope
from striate.pytorch.capture.replay import Replayed
from striate.pytorch.capture.rows import NOTHING, ROWS
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue
from striate.pytorch.foreign import TorchFunction

LONGEST = 120


@dataclass(frozen=True)
class _Waiting:
    """A value that no node can have (it has no batch axis, or holds no numbers of a type that has
    gradients): the call that makes it is made together with those that read it."""

    call: int


class Translation:
    """The values of a module as steps, call by call.

    Args:
        inputs: the values that come in, with a name for each.
        dtype: the type that the module computes in.
    """

    def __init__(
        self, inputs: dict[str, Made], calls: Sequence[PairedCall], dtype: torch.dtype
    ) -> None:
        self._calls = calls
        self._dtype = dtype
        self._made: dict[int, Made] = {}
        self._values: dict[int, ModuleValue | _Waiting] = {}
        self.inputs: dict[str, DraftNode] = {}
        for name, made in inputs.items():
            own = (made.layout or BatchLayout()).of_picture(made.shape)
            step = DraftNode(Input(own), (), Spec(own), Scope("", 0), name)
            self.inputs[name] = step
            self._put(made, step, made.layout)
        for k in range(len(calls)):
            self._translate(k)

    def step_of(self, ref: Recorded, what: str = "what the module returns") -> ModuleValue:
        """The step that computes a value.

        Raises:
            CaptureError: none can.
        """
        found = self._values[ref.number]
        if isinstance(found, ModuleValue):
            return found
        call = self._calls[found.call]
        raise CaptureError(
            f"{what} has no axis for the pictures of a batch, or is no array of real numbers",
            where=str(call.place),
            remedy="A network answers with numbers for each picture.",
        )

    def made(self) -> Iterator[tuple[int, ModuleValue, PairedCall]]:
        """The values that steps compute, each with its number and the call that it is of."""
        for call in self._calls:
            for each in call.outputs:
                found = self._values[each.number]
                if isinstance(found, ModuleValue):
                    yield each.number, found, call

    def _translate(self, k: int) -> None:
        call = self._calls[k]
        waits = any(isinstance(self._values[ref.number], _Waiting) for ref in call.refs)
        if not waits and self._is_nothing(call):
            self._pass_on(call)
            return
        row = ROWS.get(call.name.rstrip("_"))
        if row is not None and not waits and call.outputs:
            try:
                self._by_row(call, row)
                return
            except Unsuitable:
                pass
        for made in call.outputs:
            self._opaque(k, made)

    def _is_nothing(self, call: PairedCall) -> bool:
        drops = call.name.rstrip("_") == "dropout" and call.args.get("train")
        if drops or call.name.rstrip("_") not in NOTHING or not call.outputs:
            return False
        (ref, *_), made = call.refs, call.outputs[0]
        before = self._made[ref.number]
        return (made.shape, made.layout, made.dtype) == (before.shape, before.layout, before.dtype)

    def _pass_on(self, call: PairedCall) -> None:
        made = call.outputs[0]
        self._made[made.number] = made
        self._values[made.number] = self._values[call.refs[0].number]

    def _put(self, made: Made, step: DraftNode, layout: BatchLayout | None) -> None:
        layout = layout or BatchLayout()
        self._made[made.number] = made._replace(layout=layout)
        self._values[made.number] = ModuleValue(step, made.shape, layout)

    def _by_row(self, call: PairedCall, row: Any) -> None:
        args = {name: self._read(each) for name, each in call.args.items()}
        if not call.outputs[0].placed:
            raise Unsuitable
        asked = Asked(call, args, call.outputs)
        found = row(asked)
        steps = [found] if isinstance(found, DraftNode) else list(found)
        for made, step in zip(call.outputs, steps, strict=False):
            if step.spec.shape != asked.placed(made).of_picture(made.shape):
                raise Unsuitable
        for made, step in zip(call.outputs, steps, strict=False):
            self._put(made, step, asked.placed(made))
        for made in call.outputs[len(steps) :]:
            self._opaque(self._calls.index(call), made)

    def _read(self, tree: Any) -> Any:
        if isinstance(tree, Recorded):
            return self._values[tree.number]
        if isinstance(tree, list):
            return [self._read(each) for each in tree]
        return tree

    def _opaque(self, k: int, made: Made) -> None:
        self._made[made.number] = made
        layout = self._layout(self._calls[k], made)
        if layout is None:
            self._values[made.number] = _Waiting(k)
            return
        made = made._replace(layout=layout)
        calls, inputs = self._behind(k)
        values = [self.step_of(Recorded(number)) for number in inputs]
        given = [self._made[number] for number in inputs]
        run = [self._calls[each] for each in calls]
        replayed = Replayed(run, given, made, self._dtype)
        own = layout.of_picture(made.shape)
        names = ", ".join(dict.fromkeys(each.name for each in run))
        operator = Opaque(_short(names), own, TorchFunction(replayed))
        steps = tuple(each.step for each in values)
        call = self._calls[k]
        step = DraftNode(operator, steps, Spec(own), call.scope, call.name.strip("_"))
        self._put(made, step, layout)

    def _layout(self, call: PairedCall, made: Made) -> BatchLayout | None:
        """Where the batch is in what no row made; None where that is not sure."""
        if not made.placed:
            return None
        args = {name: self._read(each) for name, each in call.args.items()}
        try:
            return Asked(call, args, call.outputs).placed(made)
        except (Unsuitable, IndexError):
            return None

    def _behind(self, k: int) -> tuple[list[int], list[int]]:
        """The calls that are made together with call `k`, and the values that they read."""
        calls, inputs, left = {k}, dict[int, None](), [k]
        while left:
            for ref in self._calls[left.pop()].refs:
                found = self._values[ref.number]
                if isinstance(found, _Waiting):
                    left += [found.call] if found.call not in calls else []
                    calls.add(found.call)
                else:
                    inputs[ref.number] = None
        return sorted(calls), sorted(inputs)


def _short(names: str) -> str:
    return names if len(names) <= LONGEST else f"{names[: LONGEST - 1]}…"


def first_tensor(answer: Any) -> tuple[Recorded, int]:
    """The first value that a module returns and that depends on its input, and how many do.

    Raises:
        CaptureError: none does.
    """
    refs = [each for each in trees.tree_leaves(answer) if isinstance(each, Recorded)]
    if not refs:
        raise CaptureError(
            "what the module returns does not depend on its input in a way that PyTorch saw",
            remedy="NumPy, .item() and .detach().numpy() take values out of the network.",
        )
    return refs[0], len(refs)
