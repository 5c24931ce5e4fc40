"""Nodes in the making: what the rows of the table speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch.utils import _pytree as trees

from striate.errors import ShapeError, StriateError
from striate.graph import Operator, Spec
from striate.ops import Constant, Expand, Learned, Reshape
from striate.ops.shaping.kept_value import KeptValue
from striate.pytorch.capture.layout import SMALL, BatchLayout, TensorShape, Unsuitable
from striate.pytorch.capture.pairing import Made, PairedCall
from striate.pytorch.capture.recording import RecordedConstant, Scope


@dataclass(frozen=True, eq=False)
class DraftNode:
    """A node without a name yet.

    Args:
        verb: the call that it came from.
        weights: its weights, by the operator's names.
    """

    operator: Operator
    inputs: tuple[DraftNode, ...]
    spec: Spec
    scope: Scope
    verb: str
    weights: Mapping[str, RecordedConstant] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModuleValue:
    """A value of the module that a step computes: the numbers, and how they lie there.

    Args:
        shape: of the tensor in the module, for the smaller batch.
    """

    step: DraftNode
    shape: TensorShape
    layout: BatchLayout

    @property
    def rank(self) -> int:
        """How many axes the tensor has, the batch among them."""
        return len(self.shape)

    @property
    def own(self) -> TensorShape:
        """The shape of what belongs to one picture."""
        return self.step.spec.shape

    def named(self, dim: int) -> str:
        """The name of the axis of the step that is axis `dim` of the tensor.

        Raises:
            Unsuitable: it is the batch.
        """
        return axis_name(self.step.spec, self.axis(dim))

    def axis(self, dim: int) -> int:
        """The axis of the step that is axis `dim` of the tensor.

        Raises:
            Unsuitable: it is the batch.
        """
        return self.layout.axis(dim, self.rank)


@dataclass(frozen=True)
class Asked:
    """One call to translate: its arguments by name, a `ModuleValue` for what nodes compute.

    Args:
        made: what it returns.
    """

    call: PairedCall
    args: Mapping[str, Any]
    made: tuple[Made, ...]

    def __getitem__(self, name: str) -> Any:
        return self.args[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or `default` where it is left out or None."""
        found = self.args.get(name)
        return default if found is None else found

    @property
    def layout(self) -> BatchLayout:
        """Of the first value that it returns."""
        return self.placed(self.made[0])

    def placed(self, made: Made) -> BatchLayout:
        """Where the batch is in a value that it returns.

        Raises:
            Unsuitable: nowhere.
        """
        if made.layout is None:
            raise Unsuitable
        if not made.layout.folded:
            return made.layout
        values = [x for x in trees.tree_leaves(dict(self.args)) if isinstance(x, ModuleValue)]
        if self.call.name in RESHAPES:
            return _refolded(values[0], made, made.layout)
        majors = {each.layout.major for each in values if each.layout.folded}
        return replace(made.layout, major=majors.pop()) if len(majors) == 1 else made.layout

    @property
    def shape(self) -> TensorShape:
        """Of the first tensor that it returns."""
        return self.made[0].shape

    @property
    def own(self) -> TensorShape:
        """The shape of what it makes of one picture."""
        return self.layout.of_picture(self.shape)

    def value(self, name: str) -> ModuleValue:
        """An argument that must depend on the picture.

        Raises:
            Unsuitable: it does not.
        """
        found = self.args.get(name)
        if not isinstance(found, ModuleValue):
            raise Unsuitable
        return found

    def plain(self, name: str) -> ModuleValue:
        """The same, with the batch first and nothing folded into it.

        Raises:
            Unsuitable: it is not so.
        """
        found = self.value(name)
        if found.layout != BatchLayout():
            raise Unsuitable
        return found

    def weights(self, **names: str) -> dict[str, RecordedConstant]:
        """Weights by the operator's names, from the arguments that they are, where given.

        Raises:
            Unsuitable: one depends on the picture, or is spread over the batch.
        """
        found = {}
        for name, argument in names.items():
            given = self.args.get(argument)
            if given is None:
                continue
            if not isinstance(given, RecordedConstant) or given.batch is not None:
                raise Unsuitable
            found[name] = given
        return found

    def step(
        self, operator: Operator, *inputs: DraftNode, **weights: RecordedConstant
    ) -> DraftNode:
        """A step for (a part of) the call.

        Raises:
            Unsuitable: the operator does not fit what reaches it.
        """
        specs = tuple(each.spec for each in inputs)
        try:
            spec = operator.shape(*specs)
            wanted = operator.weights(*specs)
        except (ShapeError, StriateError):
            raise Unsuitable from None
        given = {name: tuple(each.tensor.shape) for name, each in weights.items()}
        if given != {name: each.shape for name, each in wanted.items()}:
            raise Unsuitable
        verb = self.call.name.strip("_")
        return DraftNode(operator, inputs, spec, self.call.scope, verb, weights)

    def shaped(self, step: DraftNode, own: TensorShape) -> DraftNode:
        """A step with the same numbers in another shape; itself where it has that shape."""
        return step if step.spec.shape == own else self.step(Reshape(own), step)

    def aligned(self, given: ModuleValue | RecordedConstant, *, grown: bool = False) -> DraftNode:
        """An operand with as many axes as the result, those in front of length 1.

        Args:
            grown: whether every axis must be as long as the result's.

        Raises:
            Unsuitable: its batch is another axis than the result's.
        """
        missing = len(self.shape) - (
            given.rank if isinstance(given, ModuleValue) else given.tensor.ndim
        )
        if missing < 0:
            raise Unsuitable
        if isinstance(given, RecordedConstant):
            return self.given(given)
        layout = replace(given.layout, batch=given.layout.batch + missing)
        if layout != self.layout:
            raise Unsuitable
        step = self.shaped(given.step, layout.of_picture((*[1] * missing, *given.shape)))
        return self.step(Expand(self.own), step) if grown and step.spec.shape != self.own else step

    def spread(self, given: RecordedConstant) -> TensorShape:
        """The shape of a constant operand beside the result of one picture.

        Raises:
            Unsuitable: it differs from picture to picture.
        """
        shape = (*[1] * (len(self.shape) - given.tensor.ndim), *given.tensor.shape)
        if len(shape) != len(self.shape):
            raise Unsuitable
        batch = self.layout.batch
        if self.layout.folded:
            return shape
        if shape[batch] != 1:
            raise Unsuitable
        return (*shape[:batch], *shape[batch + 1 :]) or (1,)

    def given(self, given: RecordedConstant) -> DraftNode:
        """A constant as a step of its own: LEARNED where it is trained, else CONSTANT."""
        own = self.spread(given)
        kind: type[KeptValue] = Learned if given.trainable else Constant
        return self.step(kind(own), value=reshaped(given, own))


RESHAPES = frozenset(
    {
        "flatten",
        "view",
        "reshape",
        "reshape_as",
        "view_as",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "_unsafe_view",
    }
)
"""Calls after which the same numbers lie in memory in the same order, in another shape."""


def _refolded(x: ModuleValue, made: Made, layout: BatchLayout) -> BatchLayout:
    major, left = divmod(x.layout.before(x.shape), layout.before(made.shape))
    if left or (made.shape[layout.batch] // SMALL) % major:
        raise Unsuitable
    return replace(layout, major=major)


def axis_name(spec: Spec, axis: int) -> str:
    """How an axis is written: `channel`, which needs no word, for the first of any value."""
    return "channel" if not axis and not spec.axis("channel") else spec.axes[axis]


def reshaped(given: RecordedConstant, shape: TensorShape) -> RecordedConstant:
    """A constant in another shape."""
    return replace(given, tensor=given.tensor.detach().reshape(shape), batch=None)
