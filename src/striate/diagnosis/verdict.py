"""A verdict: what is wrong, where, the numbers that say so, the cause, and a command that helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

from striate.display import Block, Displayed, Line

SCHEMA_VERSION = 1


class Finding(NamedTuple):
    """What a check found.

    Args:
        layer: the node; empty where it is about the whole.
        evidence: the numbers, as a sentence.
        fix: a command.
    """

    layer: str
    evidence: str
    fix: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is wrong.

    Args:
        kind: its name in the table of checks, such as dead_relu.
        layer: the node; None where it is about the whole.
        evidence: the numbers, as a sentence.
        cause: why it happens.
        fix: a command that helps.
    """

    kind: str
    layer: str | None
    evidence: str
    cause: str
    fix: str


@dataclass(frozen=True, repr=False)
class Diagnosis(Displayed):
    """What was found, in the order of the table of checks.

    Args:
        verdicts: what is wrong; empty where nothing is.
        checked: how many checks had what they need.
        unchecked: the others, each with what it would need.
    """

    verdicts: tuple[Verdict, ...]
    checked: int
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.verdicts

    @property
    def headline(self) -> str:
        """How many verdicts there are."""
        count = len(self.verdicts)
        if not count:
            return f"nothing is wrong by {self.checked} checks"
        return f"{count} verdict{'' if count == 1 else 's'} by {self.checked} checks"

    def display(self) -> Iterator[Block]:
        """A paragraph for each verdict; then what was not checked."""
        yield Line(self.headline, "strong")
        for each in self.verdicts:
            where = f" at {each.layer}" if each.layer else ""
            yield Line(f"{each.kind.replace('_', ' ')}{where}: {each.evidence}.", "warning")
            yield Line(f"  {each.cause}")
            yield Line(f"  fix: {each.fix}")
        for missing in self.unchecked:
            yield Line(f"not checked: {missing}", "quiet")

    def to_json(self) -> dict[str, object]:
        """The form that `striate diagnose --json` prints."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdicts": [asdict(each) for each in self.verdicts],
        }
