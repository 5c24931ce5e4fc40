"""Every exception a person can meet: what is wrong, where, the numbers, and the remedy.

An error keeps its parts as fields and renders them late, so that a program can read the
fields and a person reads one clear text. Only the command line prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class StriateError(Exception):
    """What is wrong, where it is, and what would help.

    Args:
        what: one sentence, without a period.
        where: the place: a node and the way to it, a file, a line with a caret.
        remedy: what would work instead, as sentences.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  {line}" for part in (self.where, self.remedy) for line in part.splitlines()]
        return "\n".join(lines)


class SettingError(StriateError):
    """An operator, recipe or command got a setting that cannot mean anything."""


class IdleSettingError(SettingError):
    """A setting that does nothing beside another one, or with this network.

    Args:
        setting: its name.
    """

    def __init__(self, what: str, *, setting: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.setting = setting


class ShapeError(StriateError):
    """An operator does not fit the shape that reaches it."""


class GraphError(StriateError):
    """The nodes do not make a legal network."""


class NotationError(StriateError):
    """A network text that cannot be read; `where` shows the line with a caret.

    Args:
        line, column: position of the mistake, counted from 1.
    """

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", line: int = 1, column: int = 1
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.line = line
        self.column = column


class UnknownNameError(StriateError):
    """A name (of a network, node, class, data set) that nobody knows."""


class DataError(StriateError):
    """Pictures, labels or folders that cannot be used."""


class WeightsError(StriateError):
    """Weights that do not fit the network they are loaded into."""


class ModelFileError(StriateError):
    """A model file that is missing, damaged or not ours."""


class OnnxError(StriateError):
    """An ONNX file that is missing, damaged, or holds what is no network of ours."""


class RunError(StriateError):
    """A run folder that cannot be made, read or resumed."""


class RankError(RunError):
    """A process of a run no longer answers the others.

    Args:
        reporter: the lowest rank that still answers, which prints the message.
    """

    def __init__(self, what: str, *, reporter: int = 0, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reporter = reporter


class CaptureError(StriateError):
    """A module whose computation cannot be written as a graph; `where` has the line of its code."""


class ExplanationError(StriateError):
    """A question about a number that cannot be answered exactly."""


class ServiceError(StriateError):
    """A request that a service does not answer with predictions.

    Args:
        status: the HTTP status that says why: 400, 401, 408, 413, 429, 500 or 503.
    """

    def __init__(self, what: str, *, status: int, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status


class NotEnoughMemoryError(StriateError):
    """More memory is needed than there is; the node that needs it is named."""


class NumbersError(StriateError):
    """Training produced a number that is not finite."""


class InterruptedRunError(StriateError):
    """Ctrl-C, after everything was saved; the remedy says how to go on."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean X?`, or an empty string when nothing is near.

    >>> did_you_mean("CONVV", ["CONV", "FC"])
    'Did you mean CONV?'
    >>> did_you_mean("zebra", ["CONV", "FC"])
    ''
    """
    names = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(names[each] for each in near)}?" if near else ""
