"""Which tensors lie in one memory, and how one of them is a view of another.

A write into a view changes what it is a view of, and every other view of that. Without memory it
says: the whole is a new value, the old one with the part put in (`slice_scatter`), and the other
views are taken from it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Arguments = Mapping[str, Any]


class View(NamedTuple):
    """How a tensor is a view of another one.

    Args:
        parent: the other one.
        read: the call that makes it, without `self`.
        write: the call that makes the parent anew: of the parent as it was (`self`) and the view
            (`src`), or, where it has no `src`, of the view alone.
    """

    parent: Tensor
    read: tuple[Any, Arguments]
    write: tuple[Any, Arguments]


class Storages:
    """The tensors of a run by the memory that they lie in, in the order in which they appeared."""

    def __init__(self) -> None:
        self._alive: list[Tensor] = []
        self._beside: dict[int, list[Tensor]] = {}
        self._views: dict[int, View] = {}

    def keep(self, tensor: Tensor) -> None:
        """Keep a tensor, so that no other gets its identity, and know what shares its memory."""
        self._alive.append(tensor)
        if tensor.layout == torch.strided and tensor.numel():
            beside = self._beside.setdefault(tensor.untyped_storage().data_ptr(), [])
            if not any(tensor is each for each in beside):
                beside.append(tensor)

    def made(self, name: str, arguments: Arguments, outputs: Sequence[Tensor]) -> None:
        """Note the views that a call made of its `self`."""
        row = _ROWS.get(name)
        parent = arguments.get("self")
        if row is None or not isinstance(parent, Tensor):
            return
        for tensor, view in zip(outputs, row(parent, arguments, outputs), strict=True):
            if tensor is not parent and _shares(tensor, parent):
                self._views.setdefault(id(tensor), view)

    def view(self, tensor: Tensor) -> View | None:
        """How a tensor is a view of another one; None where it is none, or in another way."""
        return self._views.get(id(tensor))

    def parents(self, tensor: Tensor) -> Iterator[View]:
        """Of what it is a view, and of what that is, and so on."""
        while (view := self.view(tensor)) is not None:
            yield view
            tensor = view.parent

    def overlapping(self, written: Tensor) -> list[Tensor]:
        """The others that have a number in common with a tensor."""
        if written.layout != torch.strided or not written.numel():
            return []
        beside = self._beside.get(written.untyped_storage().data_ptr(), [])
        return [each for each in beside if each is not written and _overlap(written, each)]


def is_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one memory are the same numbers in the same places."""
    places = [(x.dtype, x.shape, x.stride(), x.storage_offset()) for x in (a, b)]
    return places[0] == places[1]


def _shares(a: Tensor, b: Tensor) -> bool:
    if a.layout != torch.strided or b.layout != torch.strided or a.dtype != b.dtype:
        return False
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _overlap(a: Tensor, b: Tensor) -> bool:
    if a.dtype != b.dtype:
        return True
    size = a.untyped_storage().nbytes() // a.element_size()
    touched = torch.zeros(size, dtype=torch.bool)
    touched.as_strided(a.shape, a.stride(), a.storage_offset()).fill_(True)
    return bool(touched.as_strided(b.shape, b.stride(), b.storage_offset()).any())


_aten = torch.ops.aten
_ViewRow = Callable[[Tensor, Arguments, Sequence[Tensor]], list[View]]


def _part(parent: Tensor, dim: int, start: int, end: int, step: int = 1) -> View:
    place = {"dim": dim, "start": start, "end": end, "step": step}
    return View(parent, (_aten.slice.Tensor, place), (_aten.slice_scatter.default, place))


def _one(parent: Tensor, dim: int, index: int) -> View:
    place = {"dim": dim, "index": index}
    return View(parent, (_aten.select.int, place), (_aten.select_scatter.default, place))


def _slice(x: Tensor, given: Arguments, _: Sequence[Tensor]) -> list[View]:
    whole = slice(given["start"], given["end"], given["step"])
    return [_part(x, given["dim"], *whole.indices(x.shape[given["dim"]]))]


def _narrow(x: Tensor, given: Arguments, outputs: Sequence[Tensor]) -> list[View]:
    start = int(given["start"]) % x.shape[given["dim"]]
    return [_part(x, given["dim"], start, start + outputs[0].shape[given["dim"]])]


def _select(x: Tensor, given: Arguments, _: Sequence[Tensor]) -> list[View]:
    return [_one(x, given["dim"], given["index"])]


def _split(x: Tensor, given: Arguments, outputs: Sequence[Tensor]) -> list[View]:
    ends, dim = [0], given["dim"]
    for each in outputs:
        ends.append(ends[-1] + each.shape[dim])
    return [_part(x, dim, *ends[k : k + 2]) for k in range(len(outputs))]


def _unbind(x: Tensor, given: Arguments, outputs: Sequence[Tensor]) -> list[View]:
    return [_one(x, given["dim"], k) for k in range(len(outputs))]


def _reshape(x: Tensor, _: Arguments, outputs: Sequence[Tensor]) -> list[View]:
    there, back = ((_aten.reshape.default, {"shape": list(y.shape)}) for y in (outputs[0], x))
    return [View(x, there, back)]


def _transpose(x: Tensor, given: Arguments, _: Sequence[Tensor]) -> list[View]:
    dims = {"dim0": given.get("dim0", 0), "dim1": given.get("dim1", 1)}
    swap = (_aten.transpose.int, dims)
    return [View(x, swap, swap)] if x.ndim > 1 else _reshape(x, given, [x])


def _permute(x: Tensor, given: Arguments, _: Sequence[Tensor]) -> list[View]:
    order = [k % x.ndim for k in given["dims"]]
    back = [order.index(k) for k in range(x.ndim)]
    there, again = ((_aten.permute.default, {"dims": each}) for each in (order, back))
    return [View(x, there, again)]


_ROWS: Mapping[str, _ViewRow] = {
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "chunk": _split,
    "split": _split,
    "split_with_sizes": _split,
    "unbind": _unbind,
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "alias", "detach"),
        _reshape,
    ),
    "transpose": _transpose,
    "t": _transpose,
    "permute": _permute,
}
