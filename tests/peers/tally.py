"""Counting samples by what became of them, and the summary that a suite prints."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sample_graph import Cannot, Nothing, NotYet, reason

from striate.errors import StriateError


@dataclass
class Tally:
    """What became of the samples of one operator."""

    samples: int = 0
    empty: int = 0
    """Samples without a number in them, or in what comes out; they are not counted as samples."""
    equal: int = 0
    different: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    not_yet: Counter[str] = field(default_factory=Counter)

    @property
    def expressible(self) -> int:
        return self.equal + len(self.different)

    @property
    def missing(self) -> bool:
        """Whether no sample can be expressed before an operator comes."""
        return self.samples == sum(self.not_yet.values())

    @property
    def why_not(self) -> Counter[str]:
        return self.refused + Counter({f"not yet: {k}": n for k, n in self.not_yet.items()})


@dataclass
class Suite:
    """The tallies of a suite by operator.

    Args:
        name: of the suite.
        explained: by operator, how many samples differ at most, and why.
    """

    name: str
    explained: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def count(self, operator: str, sample: str, judged: Callable[[], str]) -> None:
        """Add one sample. `judged` returns what is different, or nothing; it may raise."""
        tally = self.tallies[operator]
        try:
            difference = judged()
        except Nothing:
            tally.empty += 1
            return
        except NotYet as error:
            tally.not_yet[reason(error)] += 1
        except (Cannot, StriateError) as error:
            tally.refused[reason(error)] += 1
        else:
            if difference:
                tally.different.append(f"{operator}, {sample}: {difference}")
            else:
                tally.equal += 1
        tally.samples += 1

    @property
    def present(self) -> list[Tally]:
        """The tallies of operators that we have."""
        return [tally for tally in self.tallies.values() if not tally.missing]

    @property
    def share(self) -> float:
        """Expressible samples of all, for operators that we have."""
        return sum(t.expressible for t in self.present) / sum(t.samples for t in self.present)

    @property
    def by_operator(self) -> float:
        """The mean of the operators' shares: some have thousands of samples, others one."""
        counted = [tally for tally in self.present if tally.samples]
        return sum(t.expressible / t.samples for t in counted) / len(counted)

    @property
    def unexplained(self) -> list[str]:
        """Differences of operators that no reason is given for, or for fewer."""
        found = []
        for name, tally in self.tallies.items():
            if len(tally.different) > self.explained.get(name, (0, ""))[0]:
                found += tally.different
        return found

    def summary(self) -> Iterator[str]:
        """A line per operator, the totals, and what stands in the way most often."""
        yield f"{self.name:48} samples  made equal  different"
        for name, tally in sorted(self.tallies.items()):
            made = (tally.samples, tally.expressible, tally.equal, len(tally.different))
            why = [f"{n} {why}" for why, n in tally.why_not.most_common(2)]
            if tally.different:
                why.append(self.explained.get(name, (0, "no reason known"))[1])
            yield "{:48}{:8}{:6}{:6}{:11}  ".format(name, *made) + "; ".join(why)
        yield self.totals
        total = sum((tally.why_not for tally in self.tallies.values()), Counter[str]())
        for reason_given, n in total.most_common(30):
            yield f"{n:6}  {reason_given}"

    @property
    def totals(self) -> str:
        """One line: the operators that we have, their samples, and how many can be expressed."""
        samples, made, equal = (
            sum(getattr(tally, key) for tally in self.present)
            for key in ("samples", "expressible", "equal")
        )
        empty = sum(tally.empty for tally in self.tallies.values())
        return (
            f"{self.name}: {len(self.present)} operators, {samples} samples; {made} "
            f"({self.share:.1%}; {self.by_operator:.1%} by operator) can be expressed, {equal} "
            f"equal, {made - equal} different; {len(self.tallies) - len(self.present)} operators "
            f"not yet; {empty} samples hold no number"
        )
