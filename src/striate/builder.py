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
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from striate import ops
from striate.errors import GraphError, SettingError, StriateError, did_you_mean
from striate.graph import Assembly, Graph, Operator
from striate.graph.settings import check_axes, made, nearest, settings_of

P = ParamSpec("P")
S = TypeVar("S", bound=Operator)

MOST_NODES = 100_000
"""More operators than this are taken for a slip of the pen."""


class Part:
    """Something that can stand in a network: an operator, or several joined."""

    size: int
    """How many operators it stands for."""

    def __rshift__(self, after: Part) -> Chain:
        """This, then `after`."""
        return Chain((*_steps(self), *_steps(_part(after))))

    def __mul__(self, times: int) -> Repeat:
        """This, `times` times in series.

        Raises:
            SettingError: not a whole number of 0 or more, or far too many.
        """
        if type(times) is not int or times < 0:
            raise SettingError(
                f"{self!r} cannot be repeated {times!r} times",
                remedy="Give a whole number of 0 or more.",
            )
        if times * max(1, self.size) > MOST_NODES:
            raise SettingError(
                f"{times} times {self!r} makes more than {MOST_NODES:,} operators",
                remedy="Repeat less.",
            )
        return Repeat(self, times)

    def __rmul__(self, times: int) -> Repeat:
        return self * times

    def named(self, name: str) -> Part:
        """The same with a name for its node; in a repeated block later copies get _2, _3 …

        Raises:
            SettingError: it is more than one operator.
        """
        raise SettingError(
            f"{self!r} is no single operator, so it has no name",
            remedy="Name one operator: Conv(16, 5).named('C3').",
        )

    def graph(self) -> Graph:
        """The graph of the whole.

        Raises:
            ShapeError, SettingError, GraphError: it makes no legal network; the message names the
                operator and the way to it.
        """
        return _Laying().graph(self)


@dataclass(frozen=True, repr=False)
class Step(Part):
    """One operator; `branches` are what a merge reads."""

    operator: Operator
    written: dict[str, object]
    name: str = ""
    branches: tuple[Part, ...] = ()

    @property
    def size(self) -> int:  # type: ignore[override]
        return 1 + sum(each.size for each in self.branches)

    def named(self, name: str) -> Step:
        return replace(self, name=name)

    def __repr__(self) -> str:
        known = settings_of(type(self.operator))
        given = [
            f"{key}={getattr(self.operator, key)!r}"
            for key, each in known.items()
            if each.required or getattr(self.operator, key) != each.default
        ]
        inside = ", ".join([*map(repr, self.branches), *given])
        return f"{type(self.operator).__name__}({inside})"


@dataclass(frozen=True, repr=False)
class Chain(Part):
    """Parts in series."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:  # type: ignore[override]
        return sum(each.size for each in self.parts)

    def named(self, name: str) -> Part:
        return self.parts[0].named(name) if len(self.parts) == 1 else super().named(name)

    def __repr__(self) -> str:
        if len(self.parts) > 6:
            return f"{self.parts[0]!r} >> … >> {self.parts[-1]!r}"
        return " >> ".join(map(repr, self.parts)) or "Pass()"


@dataclass(frozen=True, repr=False)
class Repeat(Part):
    """A part several times in series, each with weights of its own."""

    part: Part
    times: int

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.times * self.part.size

    def __repr__(self) -> str:
        return f"({self.part!r}) * {self.times}"


@dataclass(frozen=True, repr=False)
class At(Part):
    """The value of an earlier node, by name; it starts a chain or a branch."""

    node: str
    size = 0

    def __repr__(self) -> str:
        return f"At({self.node!r})"


@dataclass(frozen=True, repr=False)
class Auxiliary(Part):
    """A side exit, trained with a loss of its own; the series goes on from before it.

    Args:
        branch: what leads from here to the exit.
        weight: what its loss is multiplied by.
    """

    branch: Part
    weight: float = 1.0

    def __post_init__(self) -> None:
        _part(self.branch)
        if type(self.weight) not in (int, float) or not self.weight > 0:
            raise SettingError(
                f"the loss of a side exit is multiplied by {self.weight!r}",
                remedy="Give a number above 0, as in Auxiliary(branch, 0.3).",
            )

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.branch.size

    def __repr__(self) -> str:
        return f"Auxiliary({self.branch!r}, {self.weight})"


def Pass() -> Chain:  # noqa: N802 - it stands among the operators
    """A branch that changes nothing."""
    return Chain(())


def _part(value: object) -> Part:
    if isinstance(value, Part):
        return value
    name = getattr(value, "__name__", None)
    raise SettingError(
        f"{name or repr(value)} is no part of a network",
        remedy=f"Write {name}(…) with its settings." if name else "Join operators: Conv(6, 5).",
    )


def _steps(part: Part) -> tuple[Part, ...]:
    return part.parts if isinstance(part, Chain) else (part,)


class _Laying:
    """Lays the parts of one network into a graph."""

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.names: list[str] = []
        self.scopes: list[dict[str, str]] = [{}]

    def graph(self, whole: Part) -> Graph:
        end = self.part(whole, None, is_start=True)
        if end is None:
            raise GraphError(
                "a network needs at least an input", remedy="Start with Input(1, 28, 28) >> …"
            )
        return self.assembly.graph(end)

    def part(self, part: Part, value: str | None, *, is_start: bool) -> str | None:
        if isinstance(part, Step):
            return self.step(part, value, is_start=is_start)
        if isinstance(part, At):
            return self.at(part, is_start=is_start)
        if isinstance(part, Auxiliary):
            return self.auxiliary(part, value)
        if isinstance(part, Repeat):
            return self.repeat(part, value, is_start=is_start)
        for each in _steps(part):
            value = self.part(each, value, is_start=is_start)
            is_start = False
        return value

    def step(self, step: Step, value: str | None, *, is_start: bool) -> str:
        if step.operator.arity[1] == 0:
            if not is_start:
                raise GraphError(
                    f"{step!r} reads nothing: it can only start a chain or a branch",
                    remedy="Bring in something more by Concat(Pass(), Input(10)).",
                )
            return self.add(step, [])
        branches = step.branches or (Pass(),)
        inputs = [self.part(branch, value, is_start=True) for branch in branches]
        if None in inputs:
            raise GraphError(f"nothing reaches {step!r}", remedy="Start with Input(1, 28, 28).")
        return self.add(step, [each for each in inputs if each is not None])

    def add(self, step: Step, inputs: list[str]) -> str:
        if any(self.assembly.spec(each).rank == 0 for each in inputs):
            raise GraphError(f"{step!r} comes after a loss", remedy="End with the loss.")
        name = self.name(step) if step.name else ""
        kind = type(step.operator)
        try:
            if inputs:
                spec = self.assembly.spec(inputs[0])
                check_axes(kind, step.written, spec, name or kind.__name__)
            added = self.assembly.add(step.operator, inputs, name)
        except StriateError as error:
            where = f"{step!r}\n{error.where}".strip()
            raise type(error)(error.what, where=where, remedy=error.remedy) from None
        self.names.append(added)
        return added

    def name(self, step: Step) -> str:
        name, copy = step.name, 2
        while name in self.assembly and len(self.scopes) > 1:
            name, copy = f"{step.name}_{copy}", copy + 1
        if name in self.assembly:
            raise GraphError(
                f"two nodes are called {name}",
                where=repr(step),
                remedy="Give one of them another name (unnamed ones are called conv1, relu1 …).",
            )
        self.scopes[-1][step.name] = name
        return name

    def at(self, at: At, *, is_start: bool) -> str:
        if not is_start:
            raise GraphError(
                f"{at!r} can only start a chain or a branch",
                remedy=f"Bring it in by Add(Pass(), {at!r}).",
            )
        name = next((s[at.node] for s in reversed(self.scopes) if at.node in s), at.node)
        if name not in self.assembly:
            raise GraphError(
                f"no node before this is called {at.node}",
                where=repr(at),
                remedy=did_you_mean(at.node, self.names) or "Name one: Conv(16, 5).named('C3').",
            )
        return name

    def auxiliary(self, part: Auxiliary, value: str | None) -> str | None:
        end = self.part(part.branch, value, is_start=True)
        if end is None:
            raise GraphError(f"nothing reaches {part!r}", remedy="Start with Input(1, 28, 28).")
        self.assembly.exit(end, float(part.weight))
        return value

    def repeat(self, part: Repeat, value: str | None, *, is_start: bool) -> str | None:
        for _ in range(part.times):
            self.scopes.append({})
            value = self.part(part.part, value, is_start=is_start)
            inner = self.scopes.pop()
            self.scopes[-1].update(inner)
            is_start = False
        return value


def _checked(operator: type[S], args: tuple[object, ...], kwargs: dict[str, object]) -> Step:
    known = settings_of(operator)
    if len(args) > len(known):
        raise SettingError(
            f"{operator.__name__} takes {len(known)} settings, not {len(args)}",
            remedy=nearest("", known),
        )
    written = dict(zip(known, args, strict=False))
    twice = next((key for key in kwargs if key in written), None)
    if twice:
        raise SettingError(
            f"{twice} of {operator.__name__} is given twice", remedy="Leave one out."
        )
    written |= kwargs
    return Step(made(operator, written), written)


def _operator(operator: Callable[P, S]) -> Callable[P, Step]:
    """The operator as a part, with the same signature."""

    @wraps(operator, updated=())
    def part(*args: P.args, **kwargs: P.kwargs) -> Step:
        return _checked(operator, args, kwargs)  # type: ignore[arg-type]

    part.__signature__ = signature(operator)  # type: ignore[attr-defined]
    return part


def _merge(operator: type[S]) -> Callable[..., Step]:
    """The operator as a part that reads branches; its settings are keywords."""

    def part(*branches: Part, **settings: object) -> Step:
        least, most = operator.arity
        if len(branches) < least or (most is not None and len(branches) > most):
            wanted = f"{least}" if least == most else f"{least} or more"
            raise SettingError(
                f"{operator.__name__} merges {wanted} branches, not {len(branches)}",
                remedy=f"Write {operator.__name__}(Conv(6, 3, padding='same'), Pass()).",
            )
        return replace(
            _checked(operator, (), settings), branches=tuple(_part(each) for each in branches)
        )

    part.__name__ = part.__qualname__ = operator.__name__
    part.__doc__ = operator.__doc__
    return part


def Input(*size: int) -> Step:  # noqa: N802 - it stands among the operators
    """The entrance of a network: channels, height, width; channels, length; or features."""
    return _checked(ops.Input, (size,), {})


Conv = _operator(ops.Conv)
Dense = _operator(ops.Dense)
Flatten = _operator(ops.Flatten)
MaxPool = _operator(ops.MaxPool)
AveragePool = _operator(ops.AveragePool)
GlobalAveragePool = _operator(ops.GlobalAveragePool)
Subsample = _operator(ops.Subsample)
ReLU = _operator(ops.ReLU)
ReLU6 = _operator(ops.ReLU6)
LeakyReLU = _operator(ops.LeakyReLU)
PReLU = _operator(ops.PReLU)
NoisyReLU = _operator(ops.NoisyReLU)
ELU = _operator(ops.ELU)
GELU = _operator(ops.GELU)
SiLU = _operator(ops.SiLU)
HardSigmoid = _operator(ops.HardSigmoid)
HardSwish = _operator(ops.HardSwish)
Maxout = _operator(ops.Maxout)
Sigmoid = _operator(ops.Sigmoid)
Tanh = _operator(ops.Tanh)
ScaledTanh = _operator(ops.ScaledTanh)
Sine = _operator(ops.Sine)
Cosine = _operator(ops.Cosine)
Softmax = _operator(ops.Softmax)
RBF = _operator(ops.RBF)
BatchNorm = _operator(ops.BatchNorm)
LocalResponseNorm = _operator(ops.LocalResponseNorm)
LayerNorm = _operator(ops.LayerNorm)
GroupNorm = _operator(ops.GroupNorm)
Dropout = _operator(ops.Dropout)
Add = _merge(ops.Add)
Concat = _merge(ops.Concat)
Multiply = _merge(ops.Multiply)
Divide = _merge(ops.Divide)
CrossEntropy = _operator(ops.CrossEntropy)
LogLoss = _operator(ops.LogLoss)
SquaredError = _operator(ops.SquaredError)
MapLoss = _operator(ops.MapLoss)
