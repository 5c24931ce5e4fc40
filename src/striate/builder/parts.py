"""The parts that a network is built of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from striate.builder.laying import Laying
from striate.errors import GraphError, SettingError
from striate.graph import Composition, Graph, Operator
from striate.graph.check import MOST_NODES
from striate.graph.settings import settings_of


class Part(ABC):
    """Something that can stand in a network: an operator, or several joined."""

    size: int
    """How many operators it stands for."""

    def __rshift__(self, after: Part) -> Chain:
        """This, then `after`."""
        return Chain((*_steps(self), *_steps(as_part(after))))

    def __mul__(self, times: int) -> RepeatedPart:
        """This, `times` times in series.

        Raises:
            SettingError: not a whole number of 1 or more, far too many, or a part that does
                nothing however often.
        """
        if type(times) is not int or times < 1:
            raise SettingError(
                f"{self!r} cannot be repeated {times!r} times",
                remedy="Give a whole number of 1 or more, or leave the part out.",
            )
        if _is_idle(self):
            raise SettingError(
                f"{self!r} does nothing, however often it is repeated", remedy="Leave it out."
            )
        if times * max(1, self.size) > MOST_NODES:
            raise SettingError(
                f"{times} times {self!r} makes more than {MOST_NODES:,} operators",
                remedy="Repeat less.",
            )
        return RepeatedPart(self, times)

    def __rmul__(self, times: int) -> RepeatedPart:
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

    def sharing(self, node: str) -> Part:
        """The same with the weights of another node, by its name.

        Raises:
            SettingError: it is more than one operator.
        """
        raise SettingError(
            f"{self!r} is no single operator, so it shares no weights",
            remedy="Let one operator share: Conv(16, 5).sharing('C3').",
        )

    def graph(self) -> Graph:
        """The graph of the whole.

        Raises:
            ShapeError, SettingError, GraphError: it makes no legal network; the message names the
                operator and the way to it.
        """
        laying = Laying()
        return laying.graph(self.lay(laying, None, is_start=True))

    @abstractmethod
    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str | None:
        """Add its nodes after the node `value`; returns the node it ends in."""


@dataclass(frozen=True, repr=False)
class OperatorPart(Part):
    """One operator; `branches` are what a merge reads."""

    operator: Operator | Composition
    written: dict[str, object]
    name: str = ""
    branches: tuple[Part, ...] = ()
    shares: str = ""

    @property
    def size(self) -> int:  # type: ignore[override]
        return 1 + sum(each.size for each in self.branches)

    def named(self, name: str) -> OperatorPart:
        return replace(self, name=name)

    def sharing(self, node: str) -> OperatorPart:
        return replace(self, shares=node)

    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str:
        if self.operator.arity[1] == 0:
            if not is_start:
                raise GraphError(
                    f"{self!r} reads nothing: it can only start a chain or a branch",
                    remedy="Bring in something more by Concat(Pass(), Input(10)).",
                )
            return laying.add(self, [])
        branches = self.branches or (Pass(),)
        ends = [each.lay(laying, value, is_start=True) for each in branches]
        inputs = [each for each in ends if each is not None]
        if len(inputs) < len(ends):
            raise GraphError(f"nothing reaches {self!r}", remedy="Start with Input(1, 28, 28).")
        return laying.add(self, inputs)

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

    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str | None:
        for part in self.parts:
            value = part.lay(laying, value, is_start=is_start)
            is_start = False
        return value

    def __repr__(self) -> str:
        if len(self.parts) > 6:
            return f"{self.parts[0]!r} >> … >> {self.parts[-1]!r}"
        return " >> ".join(map(repr, self.parts)) or "Pass()"


@dataclass(frozen=True, repr=False)
class RepeatedPart(Part):
    """A part several times in series, each with weights of its own."""

    part: Part
    times: int

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.times * self.part.size

    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str | None:
        for _ in range(self.times):
            with laying.copy():
                value = self.part.lay(laying, value, is_start=is_start)
            is_start = False
        return value

    def __repr__(self) -> str:
        return f"({self.part!r}) * {self.times}"


@dataclass(frozen=True, repr=False)
class At(Part):
    """The value of an earlier node, by name; it starts a chain or a branch."""

    node: str
    size = 0

    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str:
        if not is_start:
            raise GraphError(
                f"{self!r} can only start a chain or a branch",
                remedy=f"Bring it in by Add(Pass(), {self!r}).",
            )
        return laying.known(self.node)

    def __repr__(self) -> str:
        return f"At({self.node!r})"


@dataclass(frozen=True, repr=False)
class ExitPart(Part):
    """A side exit, trained with a loss of its own; the series goes on from before it.

    Args:
        branch: what leads from here to the exit.
        weight: what its loss is multiplied by.
    """

    branch: Part
    weight: float = 1.0

    def __post_init__(self) -> None:
        as_part(self.branch)
        if type(self.weight) not in (int, float) or not self.weight > 0:
            raise SettingError(
                f"the loss of a side exit is multiplied by {self.weight!r}",
                remedy="Give a number above 0, as in Auxiliary(branch, 0.3).",
            )

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.branch.size

    def lay(self, laying: Laying, value: str | None, *, is_start: bool) -> str | None:
        end = self.branch.lay(laying, value, is_start=True)
        if end is None:
            raise GraphError(f"nothing reaches {self!r}", remedy="Start with Input(1, 28, 28).")
        laying.assembly.exit(end, float(self.weight))
        return value

    def __repr__(self) -> str:
        return f"Auxiliary({self.branch!r}, {self.weight})"


def Pass() -> Chain:  # noqa: N802 - it stands among the operators
    """A branch that changes nothing."""
    return Chain(())


def as_part(value: object) -> Part:
    """`value`, when it is a part.

    Raises:
        SettingError: it is something else, such as an operator without its brackets.
    """
    if isinstance(value, Part):
        return value
    name = getattr(value, "__name__", None)
    raise SettingError(
        f"{name or repr(value)} is no part of a network",
        remedy=f"Write {name}(…) with its settings." if name else "Join operators: Conv(6, 5).",
    )


def _steps(part: Part) -> tuple[Part, ...]:
    return part.parts if isinstance(part, Chain) else (part,)


def _is_idle(part: Part) -> bool:
    """Whether a part changes nothing: Pass(), or a series of it."""
    return isinstance(part, Chain) and all(map(_is_idle, part.parts))
