"""Layers that weigh: convolutions and fully connected ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from striate import ops
from striate.errors import SettingError
from striate.ops.shaping.kept_value import KeptValue
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue, reshaped


def sizes(given: Any) -> Any:
    """Sizes of axes: one number where all are equal."""
    if isinstance(given, int | str):
        return given
    return given[0] if len(set(given)) == 1 else tuple(given)


def padding(given: Any) -> Any:
    """Cells on each side, or a word."""
    found = sizes(given)
    return "valid" if found == 0 else found


def _conv(a: Asked) -> DraftNode:
    own = a.weights(weight="weight", bias="bias")
    settings = [a[name] for name in ("stride", "padding", "dilation")]
    if a.value("input").layout.folded:
        return by_channels(a, lambda x: _one_conv(a, x, *_deeper(own, settings)))
    x = a.plain("input")
    if x.rank != own["weight"].tensor.ndim:
        raise Unsuitable
    return _one_conv(a, x.step, own, settings)


def _one_conv(
    a: Asked, x: DraftNode, own: dict[str, RecordedConstant], settings: Sequence[Any]
) -> DraftNode:
    stride, pad, dilation = settings
    units, _, *kernel = own["weight"].tensor.shape
    try:
        operator = ops.Conv(
            units,
            sizes(kernel),
            sizes(stride),
            padding(pad),
            sizes(dilation),
            a["groups"],
            "bias" in own,
        )
    except SettingError:
        raise Unsuitable from None
    return a.step(operator, x, **own)


def _deeper(
    own: dict[str, RecordedConstant], settings: Sequence[Any]
) -> tuple[dict[str, RecordedConstant], list[Any]]:
    """A convolution of each of several windows, as one that is 1 deep over all of them."""
    weight = own["weight"]
    units, channels, *kernel = weight.tensor.shape
    axes = len(kernel)
    found = []
    for usual, given in zip((1, 0, 1), settings, strict=True):
        each = given if isinstance(given, str) else list(given)
        found.append(each if isinstance(each, str) else [usual, *(each * axes)[:axes]])
    return {**own, "weight": reshaped(weight, (units, channels, 1, *kernel))}, found


def by_channels(a: Asked, change: Callable[[DraftNode], DraftNode]) -> DraftNode:
    """A layer that is made for (C, …), on windows (m, C, …) of a picture: on (C, m, …) instead.

    Raises:
        Unsuitable: the windows are not the first axis.
    """
    x = a.value("input")
    if x.layout.batch or len(x.own) < 2:
        raise Unsuitable
    order = (1, 0, *range(2, len(x.own)))
    turned = a.step(ops.Permute(order), x.step)
    return a.step(ops.Permute(order), change(turned))


def _transposed(a: Asked) -> DraftNode:
    x, own = a.plain("input"), a.weights(weight="weight", bias="bias")
    kernel = own["weight"].tensor.shape
    try:
        operator = ops.TransposedConv(
            kernel[1] * a["groups"],
            sizes(kernel[2:]),
            stride=sizes(a["stride"]),
            padding=padding(a["padding"]),
            output_padding=sizes(a["output_padding"]),
            dilation=sizes(a["dilation"]),
            groups=a["groups"],
            bias="bias" in own,
        )
    except SettingError:
        raise Unsuitable from None
    return a.step(operator, x.step, **own)


def _either(a: Asked) -> DraftNode:
    """convolution, as traced modules call it."""
    return _transposed(a) if a["transposed"] else _conv(a)


def _linear(a: Asked) -> DraftNode:
    return _dense(a, a.value("input"), a.weights(weight="weight", bias="bias"))


def _dense(a: Asked, x: ModuleValue, own: dict[str, RecordedConstant]) -> DraftNode:
    if x.axis(-1) != len(x.own) - 1 or own["weight"].tensor.ndim != 2:
        raise Unsuitable
    flat = len(x.own) == 1
    units = own["weight"].tensor.shape[0]
    operator = ops.Dense(units, "bias" in own, None if flat else "last")
    return a.step(operator, x.step, **own)


def _product(a: Asked) -> DraftNode:
    """A matrix product: of two values MATMUL, of a value and a matrix FC."""
    x, y = a["self"], a.get("other", a.get("mat2"))
    if isinstance(x, ModuleValue) and isinstance(y, RecordedConstant) and y.tensor.ndim == 2:
        return _dense(a, x, {"weight": _turned(y)})
    if not isinstance(x, ModuleValue) or not isinstance(y, ModuleValue):
        raise Unsuitable
    if x.rank != y.rank or x.layout != y.layout or x.layout.batch >= x.rank - 2:
        raise Unsuitable
    return a.step(ops.MatMul(), x.step, y.step)


def _turned(matrix: RecordedConstant) -> RecordedConstant:
    recipe = (*matrix.recipe, "t")
    return replace(matrix, tensor=matrix.tensor.detach().t().contiguous(), recipe=recipe)


def _add_product(a: Asked) -> DraftNode:
    """addmm: beta · self + alpha · mat1 @ mat2."""
    bias, matrix = a["self"], a["mat2"]
    plain = a.get("beta", 1) == a.get("alpha", 1) == 1
    if (
        not plain
        or not isinstance(bias, RecordedConstant)
        or not isinstance(matrix, RecordedConstant)
    ):
        raise Unsuitable
    return _dense(a, a.value("mat1"), {"weight": _turned(matrix), "bias": bias})


def _summed(a: Asked) -> DraftNode:
    """einsum of two values: MATMUL between axes that are put in order and joined."""
    left, _, out = a["equation"].replace(" ", "").partition("->")
    terms, values = left.split(","), a["tensors"]
    if len(terms) != 2 or not out or "." in left:
        raise Unsuitable
    if not a.layout.folded:
        batch = out[a.layout.batch]
        out = out.replace(batch, "")
        terms = [_without(batch, term, each) for term, each in zip(terms, values, strict=True)]
    steps = [_operand(a, each) for each in values]
    x, y = terms
    long = dict(zip(x + y, (n for each in steps for n in each.spec.shape), strict=True))
    summed = [c for c in x if c in y and c not in out]
    heads = [c for c in out if c in x and c in y]
    rows, columns = ([c for c in t if c not in u] for t, u in ((x, y), (y, x)))
    groups = [[heads, rows, summed], [heads, summed, columns]]
    made = [_joined(a, *each, long) for each in zip(steps, terms, groups, strict=True)]
    found = [*heads, *rows, *columns]
    if not summed or sorted(found) != sorted(out):
        raise Unsuitable
    step = a.shaped(a.step(ops.MatMul(), *made), tuple(long[c] for c in found))
    return _ordered(a, step, "".join(found), list(out))


def _without(batch: str, letters: str, operand: Any) -> str:
    """The letters of what belongs to one picture; a constant must not have that of the batch."""
    at = operand.layout.batch if isinstance(operand, ModuleValue) else -1
    if letters.find(batch) != at or (at >= 0 and operand.layout.folded):
        raise Unsuitable
    return letters.replace(batch, "")


def _operand(a: Asked, operand: Any) -> DraftNode:
    if isinstance(operand, ModuleValue):
        return operand.step
    if not isinstance(operand, RecordedConstant) or operand.batch is not None:
        raise Unsuitable
    shape = tuple(operand.tensor.shape)
    kind: type[KeptValue] = ops.Learned if operand.trainable else ops.Constant
    return a.step(kind(shape), value=reshaped(operand, shape))


def _joined(
    a: Asked,
    step: DraftNode,
    letters: str,
    groups: Sequence[Sequence[str]],
    long: Mapping[str, int],
) -> DraftNode:
    """A value with its axes in the order of groups of letters, and each group as one axis."""
    if len(letters) != step.spec.rank or sorted(letters) != sorted(c for g in groups for c in g):
        raise Unsuitable
    if any(long[c] != n for c, n in zip(letters, step.spec.shape, strict=True)):
        raise Unsuitable
    turned = _ordered(a, step, letters, [c for group in groups for c in group])
    sizes = tuple(prod(long[c] for c in group) for group in groups)
    return a.shaped(turned, sizes)


def _ordered(a: Asked, step: DraftNode, letters: str, wanted: Sequence[str]) -> DraftNode:
    order = tuple(letters.index(c) for c in wanted)
    return step if order == tuple(range(len(order))) else a.step(ops.Permute(order), step)


ROWS: Mapping[str, Callable[[Asked], DraftNode]] = {
    "conv1d": _conv,
    "conv2d": _conv,
    "conv3d": _conv,
    "conv_transpose1d": _transposed,
    "conv_transpose2d": _transposed,
    "convolution": _either,
    "_convolution": _either,
    "linear": _linear,
    "matmul": _product,
    "mm": _product,
    "bmm": _product,
    "einsum": _summed,
    "addmm": _add_product,
}
