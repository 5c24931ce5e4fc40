"""How a module is made: kept as data, so that it can be built and also be written as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

from torch import nn


@dataclass(frozen=True)
class ModuleRecipe:
    """A module class with its settings.

    Args:
        kind: a class of `torch.nn`, or one of `striate.pytorch.modules`.
        arguments, settings: what it is called with.
    """

    kind: type[nn.Module]
    arguments: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether the class is Striate's, so that plain source must bring it along."""
        return not self.kind.__module__.startswith("torch.")

    @property
    def name(self) -> str:
        """How the class is written."""
        return self.kind.__name__ if self.is_own else f"nn.{self.kind.__name__}"

    @property
    def written_arguments(self) -> list[str]:
        """How the arguments and settings are written."""
        settings = (f"{name}={value!r}" for name, value in self.settings.items())
        return [*map(repr, self.arguments), *settings]

    def wrapped_arguments(self, width: int) -> list[str]:
        """How the arguments are written where a line has `width` characters."""
        arguments = [pformat(value, width=width, compact=True) for value in self.arguments]
        for name, value in self.settings.items():
            text = pformat(value, width=width - len(name) - 1, compact=True)
            arguments.append(f"{name}={text}".replace("\n", "\n" + " " * (len(name) + 1)))
        return arguments

    def module(self) -> nn.Module:
        """A new module."""
        return self.kind(*self.arguments, **self.settings)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.written_arguments)})"
