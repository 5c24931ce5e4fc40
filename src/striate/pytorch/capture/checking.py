"""A captured graph against its module, on pictures that it was not made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as trees

from striate.errors import CaptureError
from striate.pytorch.capture.captured import Captured
from striate.pytorch.capture.layout import LARGE, BatchLayout
from striate.pytorch.capture.recording import Recording
from striate.pytorch.capture.steps import DraftNode, ModuleValue
from striate.pytorch.capture.translation import Translation

BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-4}
"""The largest relative difference that is rounding, by the type that a module computes in."""
COARSE = 2e-2
"""The same for types of fewer digits."""
MIDDLE = 1
"""The picture that is asked about alone: neither the first of the larger batch nor the last."""
INSIDE = 10
"""How many times as far values inside may be apart: a difference of large numbers is small."""

REMEDY = "It may decide by numbers, or leave PyTorch on the way. Capture the parts that do not."


class Check:
    """What a capture is compared by.

    Args:
        names: of the steps that became nodes.
        recording: the run of the larger batch.
    """

    def __init__(
        self,
        captured: Captured,
        translation: Translation,
        names: Mapping[DraftNode, str],
        recording: Recording,
        device: torch.device,
    ) -> None:
        self._captured = captured
        self._network = captured.module().to(device)
        self._translation = translation
        self._names = names
        self._recording = recording

    def nodes(self, pictures: Sequence[Tensor]) -> Tensor:
        """Every node against the value that the module had there, for the larger batch.

        Returns what the network answers.

        Raises:
            CaptureError: one differs; the line that it comes from is told.
        """
        values, answer = self._values(pictures)
        for number, value, call in self._translation.made():
            name = self._names.get(value.step, "")
            there = self._recording.values.get(number)
            if there is None or name not in values:
                continue
            found = values[name]
            inputs = [values[each] for each in self._captured.graph[name].inputs if each in values]
            wanted = value.layout.value(there, LARGE).to(found.dtype)
            distance = _distance(wanted, found, inputs)
            if not distance <= INSIDE * BOUNDS.get(there.dtype, COARSE):
                raise CaptureError(
                    f"the captured graph is not the module: {name} ({call.name}) differs by "
                    f"{distance:.2g} of its largest number",
                    where=str(call.place),
                    remedy=REMEDY,
                )
        return answer

    def run(self, pictures: Sequence[Tensor]) -> Tensor:
        """What the network answers."""
        with torch.inference_mode():
            return self._network(*self._entering(pictures))

    def answer(self, found: Tensor, answer: Any, value: ModuleValue, count: int) -> None:
        """What the network answers to some pictures against what the module answers.

        Raises:
            CaptureError: it differs by more than rounding.
        """
        wanted = _first(answer)
        there = _as_value(wanted, value, count)
        if there is None or there.shape != found.shape:
            shapes = " and ".join("x".join(map(str, x.shape)) for x in (wanted, found))
            raise self._differs(f"for {count} pictures they answer with {shapes}")
        distance = _distance(there.to(found.dtype), found)
        if not distance <= BOUNDS.get(wanted.dtype, COARSE):
            raise self._differs(
                f"for {count} pictures they differ by {distance:.2g} of the largest number"
            )

    def _entering(self, pictures: Sequence[Tensor]) -> list[Tensor]:
        given = dict(zip(self._captured.inputs, pictures, strict=True))
        return [given[n.name].to(self._captured.dtype) for n in self._captured.graph.inputs]

    def _values(self, pictures: Sequence[Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        found: dict[str, Tensor] = {}
        entering = self._entering(pictures)
        for node, x in zip(self._captured.graph.inputs, entering, strict=True):
            found[node.name] = x
        handles = []
        for node in self._captured.graph:
            if node.name not in found:
                module = self._network.at(tuple(node.name.split(".")))

                def keep(_: object, __: object, y: Tensor, name: str = node.name) -> None:
                    found[name] = y

                handles.append(module.register_forward_hook(keep))
        answer = self.run(pictures)
        for handle in handles:
            handle.remove()
        return found, answer

    def _differs(self, what: str) -> CaptureError:
        reads = dict.fromkeys(self._recording.reads)
        where = "\n".join(f"a number is read: {each}" for each in reads)
        return CaptureError(
            f"the captured graph is not the module: {what}", where=where, remedy=REMEDY
        )


def apart(alone: Any, together: Any, value: ModuleValue, copies: int) -> None:
    """Whether a picture is answered alike alone, or beside copies of itself, and in a batch.

    Raises:
        CaptureError: the module mixes the pictures of a batch.
    """
    beside = value.layout.value(_first(together), LARGE)[MIDDLE : MIDDLE + 1]
    one = _as_value(_first(alone), value, copies)
    one = None if one is None else one[-1:]
    bound = INSIDE * BOUNDS.get(beside.dtype, COARSE)
    if one is not None and one.shape == beside.shape and _distance(one, beside) <= bound:
        return
    raise CaptureError(
        "the module answers a picture in another way when others are beside it",
        remedy="A graph answers each picture by itself: no mean over the batch, no statistics "
        "of it. Capture the part that does not mix them.",
    )


def _first(answer: Any) -> Tensor:
    return next(x for x in trees.tree_leaves(answer) if isinstance(x, Tensor))


def _as_value(tensor: Tensor, value: ModuleValue, count: int) -> Tensor | None:
    """What the module answered as a value (N, …); squeeze() may have taken the axis of one."""
    layout: BatchLayout = value.layout
    if tensor.ndim == len(value.shape) and tensor.shape[layout.batch] % count == 0:
        return layout.value(tensor, count)
    own = value.own
    fits = count == 1 and tensor.numel() == torch.Size(own).numel()
    return tensor.reshape(1, *own) if fits else None


def _distance(wanted: Tensor, found: Tensor, beside: Sequence[Tensor] = ()) -> float:
    """The largest difference, in parts of the largest number; equal where both are no numbers."""
    if torch.equal(wanted, found):
        return 0.0
    gap = float((wanted - found).abs_().amax())
    scale = max(_largest(wanted), *(_largest(each) for each in beside), 0.0)
    if isfinite(gap) and isfinite(scale):
        return gap / (scale or 1.0)
    odd = ~wanted.isfinite()
    alike = torch.equal(wanted[odd].nan_to_num(), found[odd].nan_to_num())
    if not alike or not torch.equal(odd, ~found.isfinite()):
        return inf
    rest = [each.nan_to_num(0.0, 0.0, 0.0) for each in (wanted, found, *beside)]
    return _distance(rest[0], rest[1], rest[2:])


def _largest(x: Tensor) -> float:
    """The largest absolute number."""
    return max(abs(float(end)) for end in torch.aminmax(x)) if x.numel() else 0.0
