"""The operator contract: what every operator of a network knows about itself.

An operator is a frozen, final dataclass of settings. It holds no weight and no data: shapes,
costs and formulas are functions of the settings and of what is passed in. Arrays carry a batch
axis first; a `Spec` never does.

Two ways of saying the same thing are asked of every operator, and a test holds them together:

* whole arrays: `forward` and `backward`;
* one number: `terms` (the products that sum to one output) and `uses` (where one input or
  weight goes, each with its local derivative, so that its gradient is the sum of
  error x local derivative).

Some operators compute numbers on the way that a person may ask about: the gates of each step, the
attention that each key gets. Such `inner` values have a name, axes, a value and a gradient of their
own, and stand in terms and uses as inputs and outputs do: a weight goes into a gate, the gate into
the output. An operator that has some says so in `inner`, computes them in `inner_values` and their
gradients in `backward`, and explains them by `inner_terms` and `uses`; `Call.inner` holds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from striate.graph.field import Field
from striate.graph.saves import Saves
from striate.graph.spec import Spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Index: TypeAlias = tuple[int, ...]

OUTPUT = -1
"""The `source` of a `Ref` to the operator's own output."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A named array that belongs to an operator.

    Args:
        shape: as PyTorch keeps it (output channels first).
        fan_in: connections into one output unit.
        fan_out: connections out of one input unit.
        role: kernel, bias, gain (starts at one), value (a small Gaussian),
            embedding (a Gaussian), statistic (learned by
            counting, not by gradient), constant (not learned).
    """

    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    role: str = "kernel"

    @property
    def trainable(self) -> bool:
        """Whether a gradient reaches it."""
        return not self.role.startswith(("statistic", "constant"))

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Cost:
    """The work for one picture.

    Args:
        multiply_adds: products that are added up. Taps on zero padding count, the bias does not.
        connections: units x (fan-in + bias), as LeCun counted.
        other: additions, comparisons, divisions and function values beside them.
    """

    multiply_adds: int = 0
    connections: int = 0
    other: int = 0

    def __add__(self, more: Cost) -> Cost:
        return Cost(
            self.multiply_adds + more.multiply_adds,
            self.connections + more.connections,
            self.other + more.other,
        )


@dataclass(frozen=True, slots=True)
class Ref:
    """One number of an operator's surroundings.

    Args:
        source: k for the k-th input, `OUTPUT` for the own output, or the name of a weight or of an
            inner value.
        index: position in that array; activations and inner values carry the batch axis first.
    """

    source: int | str
    index: Index


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a product: its value and how it is written.

    Args:
        value: the number.
        label: how it reads, with {0}, {1} … where the references go.
        refs: the numbers it is made of, each askable in turn; none for a constant.
    """

    value: float
    label: str = "{0}"
    refs: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One product of a sum."""

    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        """The product of the factors."""
        return prod(factor.value for factor in self.factors)


@dataclass(frozen=True, slots=True)
class Use:
    """One output, or inner value, that a number goes into, with its local derivative.

    Args:
        output: index into the output, batch axis first.
        derivative: factors whose product is d output / d reference.
        inner: the name of the inner value that `output` is an index into, where it is one.
    """

    output: Index
    derivative: tuple[Factor, ...]
    inner: str = ""

    @property
    def goal(self) -> Ref:
        """The number that it goes into."""
        return Ref(self.inner or OUTPUT, self.output)

    @property
    def value(self) -> float:
        """The local derivative."""
        return prod(factor.value for factor in self.derivative)


@dataclass(frozen=True, slots=True)
class Call:
    """Everything one evaluation of an operator depends on.

    Args:
        inputs: activations, batch axis first.
        weights: by name, in the shapes that `Operator.weights` promises.
        training: batch statistics and noise, or their fixed forms.
        noise: what `Operator.draw` returned, for operators that are `is_random`, when training.
        target: what a loss compares with: class indices (N,) or an array shaped as its input.
        output: what `forward` returned; there for `backward`, `terms` and `uses`.
        inner: what `Operator.inner_values` returned.
        given: the specs of the inputs, where their axes have other names than usual.
        pictures: the length of the batch, for operators without inputs.
    """

    inputs: tuple[Array, ...]
    weights: Mapping[str, Array] = field(default_factory=dict)
    training: bool = False
    noise: Array | None = None
    target: Array | None = None
    output: Array | None = None
    given: tuple[Spec, ...] = ()
    pictures: int = 1
    inner: Mapping[str, Array] = field(default_factory=dict)

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The spec of each input."""
        return self.given or tuple(Spec(x.shape[1:]) for x in self.inputs)

    @property
    def x(self) -> Array:
        """The first input."""
        return self.inputs[0]

    @property
    def y(self) -> Array:
        """The output, once `forward` has run."""
        if self.output is None:
            raise ValueError("forward has not run: Call.output is empty")
        return self.output

    def with_output(self, output: Array) -> Call:
        """The same call, with its result."""
        return replace(self, output=output)


@dataclass(frozen=True, slots=True)
class Gradients:
    """What `backward` returns: a gradient per input, and per trainable weight and inner value, by
    name."""

    inputs: tuple[Array, ...]
    weights: Mapping[str, Array] = field(default_factory=dict)
    inner: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Operator(ABC):
    """One kind of layer with its settings. Subclasses are final."""

    label: ClassVar[str]
    """Stem of the names of unnamed nodes: conv in conv1."""
    numbered: ClassVar[bool] = True
    """Whether unnamed nodes are counted (conv1, conv2) or plain (input, loss)."""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most inputs; None for any number."""
    counts_channels: ClassVar[frozenset[str]] = frozenset()
    """Settings with a number per axis that may have one for the channels too."""
    is_input: ClassVar[bool] = False
    """Whether pictures come in here."""
    is_random: ClassVar[bool] = False
    """Whether training draws noise."""
    is_loss: ClassVar[bool] = False
    """Whether it compares its input with a target and returns one number per picture."""
    is_penalty: ClassVar[bool] = False
    """Whether its output says how far off each class is: as scores, the smallest wins."""

    is_foreign: ClassVar[bool] = False
    """Whether others compute it: value and gradient are taken as given, its work is not counted."""

    # Traits: what others need to know of an operator, each a promise that a test keeps.
    elementwise: ClassVar[bool] = False
    """Whether one function, the same everywhere, makes each number of its one input."""
    rises: ClassVar[bool] = False
    """Whether it is elementwise and never falls, whatever its settings and input, in training too.

    What is no number for some inputs, as a logarithm is below zero, does not rise: a maximum taken
    before it could be a number where one taken behind it is none.
    """
    bends: ClassVar[bool] = False
    """Whether it is an activation: not linear, each input number in one output at its position."""
    rectifies: ClassVar[bool] = False
    """Whether it bends upward: positive inputs raise it by more than negative ones lower it."""
    passes_on: ClassVar[bool] = False
    """Whether its value is that of its input once training is over."""
    only_moves: ClassVar[bool] = False
    """Whether every output is one input number, or a constant."""
    normalizes: ClassVar[bool] = False
    """Whether shifting and scaling all of its input changes nothing in training (epsilon aside)."""
    saves: ClassVar[Saves] = Saves(inputs=True)
    """What training keeps for its backward; `kept`, where settings or sizes decide."""

    @property
    def vocabulary(self) -> int | None:
        """How many token numbers, from 0 on, its input may hold; None where any number will do."""
        return None

    @abstractmethod
    def shape(self, *inputs: Spec) -> Spec:
        """The output's spec.

        Raises:
            ShapeError: the inputs do not fit; the remedy names sizes that would.
        """

    def gives_shares(self, *inputs: Spec) -> bool:
        """Whether its outputs are positive and sum to 1 over the channels: a trait too, but one
        that depends on the axis."""
        return False

    def before(self, *inputs: Spec) -> Operator | None:
        """An operator to put in front so that these inputs fit (FLATTEN before FC), or None."""
        return None

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        """Names and shapes of the weights."""
        return {}

    def inner(self, *inputs: Spec) -> Mapping[str, Spec]:
        """Names and specs of its inner values; no name is also that of a weight."""
        return {}

    @abstractmethod
    def cost(self, *inputs: Spec) -> Cost:
        """The work for one picture."""

    @abstractmethod
    def field(self, *inputs: Spec) -> Field:
        """What one output sees of its inputs, all of them alike."""

    def fields(self, *inputs: Spec) -> tuple[Field, ...]:
        """The same for each input, where they differ."""
        return (self.field(*inputs),) * len(inputs)

    def kept(self, *inputs: Spec) -> Saves:
        """What PyTorch keeps of a training call until its backward: see `Saves`."""
        return self.saves

    def draw(self, generator: np.random.Generator, *inputs: Array) -> Array:
        """Noise for one training call. Only operators that are `is_random` have any."""
        raise NotImplementedError(f"{type(self).__name__} draws no noise")

    def evaluated(self) -> Operator:
        """The operator that stands in for it once training is over."""
        return self

    def inner_values(self, call: Call) -> Mapping[str, Array]:
        """The inner values by name, batch axis first. They are computed before `forward`."""
        return {}

    @abstractmethod
    def forward(self, call: Call) -> Array:
        """The output, in the float type of the input."""

    @abstractmethod
    def backward(self, call: Call, error: Array) -> Gradients:
        """Gradients of the inputs and weights, from the gradient `error` of the output."""

    @abstractmethod
    def terms(self, call: Call, index: Index) -> list[Term]:
        """The products that sum to one output. Taps on zero padding are left out."""

    def inner_terms(self, call: Call, ref: Ref) -> list[Term]:
        """The products that sum to one inner value."""
        raise NotImplementedError(f"{type(self).__name__} has no inner values")

    @abstractmethod
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        """The outputs and inner values that an input, a weight or an inner value goes into.

        Zero derivatives may be left out.
        """

    def update(self, call: Call) -> Mapping[str, Array]:
        """New values of the statistics after a training call."""
        return {}

    @abstractmethod
    def formula(self, index: Index, *inputs: Spec) -> str:
        """How one output (index without batch) is computed, with {0}, {1} for the inputs."""

    def inner_formula(self, ref: Ref, *inputs: Spec) -> str:
        """How one inner value (index without batch) is computed, as `formula`."""
        raise NotImplementedError(f"{type(self).__name__} has no inner values")

    @abstractmethod
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        """The sum that this operator adds to the gradient of `ref` (index without batch).

        {0}, {1} stand for the inputs and {self} for this node.
        """
