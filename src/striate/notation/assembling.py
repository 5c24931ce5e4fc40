"""From a syntax tree to a graph: repetition unrolled, branches laid, names given."""

from __future__ import annotations

from collections.abc import Callable

from striate.errors import (
    GraphError,
    NotationError,
    SettingError,
    ShapeError,
    StriateError,
    did_you_mean,
)
from striate.graph import Assembly, Composition, Graph
from striate.graph.check import MOST_NODES, NAMES, inputs_wanted, is_name
from striate.graph.settings import check_axes
from striate.notation import values
from striate.notation.faults import fault, placed
from striate.notation.forms import AUX, PASS
from striate.notation.reading import Reading, operator_of
from striate.notation.syntax import (
    Element,
    Elements,
    Merge,
    Reference,
    Repetition,
    TextSpan,
    Word,
    Written,
)


def too_many(text: str, operators: int) -> NotationError:
    """What to say about a text of that many operators."""
    what = f"the text stands for {operators:,} operators, more than {MOST_NODES:,}"
    return fault(text, TextSpan(0, min(len(text), 1)), what, "Write a smaller network.")


class Assembler:
    """Walks the syntax tree of one text and puts its graph together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.assembly = Assembly()
        self.spans: dict[str, TextSpan] = {}
        self.scopes: list[dict[str, str]] = [{}]
        self.read: dict[int, Reading] = {}
        self.reached: set[str] = set()

    def graph(self, chains: tuple[Elements, ...]) -> Graph:
        """The graph of all chains; the end of the last one is its output."""
        self._count(chains)
        end: str | None = None
        for chain in chains:
            end = self._chain(chain, None, is_start=True)
        if end is None:
            raise GraphError(
                "a network needs at least an input", remedy="Start with INPUT 1x28x28."
            )
        return self._finished(end)

    def _finished(self, end: str) -> Graph:
        loose = [name for name in self.spans if name not in self.reached and name != end]
        if loose:
            what = f"{loose[0]} leads nowhere: no output depends on it"
            error = GraphError(what, remedy="Connect it, or leave it out.")
            raise placed(self.text, self.spans[loose[0]], error)
        try:
            return self.assembly.graph(end)
        except GraphError as error:
            name = next((n for n in self.spans if error.what.startswith(f"{n} ")), None)
            raise placed(self.text, self.spans[name], error) if name else error from None

    def _chain(self, chain: Elements, value: str | None, *, is_start: bool) -> str | None:
        for element in chain:
            value = self._element(element, value, is_start=is_start)
            is_start = False
        return value

    def _element(self, element: Element, value: str | None, *, is_start: bool) -> str | None:
        if isinstance(element, Written):
            return self._operator(element, value, is_start=is_start)
        if isinstance(element, Reference):
            return self._reference(element, is_start=is_start)
        if isinstance(element, Merge):
            return self._merge(element, value)
        return self._repeat(element, value, is_start=is_start)

    def _operator(self, written: Written, value: str | None, *, is_start: bool) -> str | None:
        if written.keyword.text.upper() == PASS:
            return self._pass(written, value)
        reading = self._reading(written)
        if reading.operator.arity[1] == 0:
            if not is_start:
                raise fault(
                    self.text,
                    written.span,
                    f"{written.keyword.text} reads nothing: it can only start a chain or a branch",
                    "Write { PASS | INPUT 10 } CONCAT to bring in something more.",
                )
            return self._add(written, reading, [])
        if value is None:
            raise fault(
                self.text,
                written.span,
                f"nothing reaches {written.keyword.text}",
                "Start with INPUT and a size, as in INPUT 1x28x28.",
            )
        return self._add(written, reading, [value])

    def _pass(self, written: Written, value: str | None) -> str | None:
        if written.name or written.arguments:
            raise fault(self.text, written.span, "PASS has no name and no settings", "Write PASS.")
        return value

    def _reading(self, written: Written) -> Reading:
        """What `written` means; read once, however often it is repeated."""
        if id(written) not in self.read:
            try:
                self.read[id(written)] = operator_of(written, self.text)
            except (SettingError, ShapeError) as error:
                raise placed(self.text, written.span, error) from None
        return self.read[id(written)]

    def _add(self, written: Written, reading: Reading, inputs: list[str]) -> str:
        operator = reading.operator
        self._check_inputs(written, reading, inputs)
        if isinstance(operator, Composition):
            return self._compose(written, operator, inputs)
        name = self._name(written.name, self.assembly.__contains__) if written.name else ""
        try:
            for each in inputs[:1]:
                shown = name or written.keyword.text
                check_axes(type(operator), reading.settings, self.assembly.spec(each), shown)
            shares = self._shared(reading)
            added = self.assembly.add(operator, inputs, name, shares)
        except StriateError as error:
            raise placed(self.text, written.span, error) from None
        self.spans[added] = written.span
        self.reached.update((*inputs, shares))
        return added

    def _compose(self, written: Written, composition: Composition, inputs: list[str]) -> str:
        """The nodes that one word stands for; its name means the last of them."""
        taken = self.assembly.has_folder
        name = self._name(written.name, taken) if written.name else ""
        name = name or self.assembly.folder(composition.label)
        try:
            inputs = [*inputs, *map(self._known, composition.read())]
            added = composition.lay(self.assembly, name, inputs)
        except StriateError as error:
            raise placed(self.text, written.span, error) from None
        self.scopes[-1][written.name.text if written.name else name] = added[-1]
        self.spans.update(dict.fromkeys(added, written.span))
        self.reached.update((*inputs, *added[:-1]))
        return added[-1]

    def _known(self, word: str) -> str:
        """The node that a setting names."""
        name = self._meant(word)
        if name not in self.assembly:
            near = did_you_mean(word, self.spans) or f"Name one: {word}: CONV 16 5x5."
            raise GraphError(f"no node before this is called {word}", remedy=near)
        return name

    def _shared(self, reading: Reading) -> str:
        """The node whose weights are used; it may stand further down."""
        return self._meant(reading.shares.text) if reading.shares else ""

    def _meant(self, name: str) -> str:
        """The node that a name means here: in a repeated block that of the same copy."""
        return next((s[name] for s in reversed(self.scopes) if name in s), name)

    def _check_inputs(self, written: Written, reading: Reading, inputs: list[str]) -> None:
        if any(self.assembly.spec(each).rank == 0 for each in inputs):
            raise fault(self.text, written.span, "nothing can come after a loss", "End with it.")
        least, most = reading.operator.arity
        count = len(inputs)
        if count >= least and (most is None or count <= most):
            return
        wanted = inputs_wanted(least, most)
        remedy = (
            f"Write {{ A | B }} {written.keyword.text}."
            if count < least
            else "Merge branches with CONCAT, ADD or MUL."
        )
        plural = "" if wanted == "1" else "s"
        what = f"{written.keyword.text} takes {wanted} input{plural}, not {count}"
        raise fault(self.text, written.span, what, remedy)

    def _name(self, word: Word, taken: Callable[[str], bool]) -> str:
        """The name for a node; in a repeated block later copies get _2, _3 …"""
        if not is_name(word.text):
            raise fault(
                self.text,
                word.span,
                f"{word.text} is not a name",
                NAMES,
            )
        name, copy = word.text, 2
        while taken(name) and len(self.scopes) > 1:
            name, copy = f"{word.text}_{copy}", copy + 1
        if taken(name):
            raise fault(
                self.text,
                word.span,
                f"two nodes are called {name}",
                "Give one of them another name (unnamed ones are called conv1, relu1 …).",
            )
        self.scopes[-1][word.text] = name
        return name

    def _reference(self, reference: Reference, *, is_start: bool) -> str:
        word = reference.name
        span = TextSpan(word.span.start - 1, word.span.end)
        name = self._meant(word.text)
        if name not in self.assembly:
            raise fault(
                self.text,
                span,
                f"no node before this is called {word.text}",
                did_you_mean(word.text, self.spans) or f"Name one: {word.text}: CONV 16 5x5.",
            )
        if not is_start:
            raise fault(
                self.text,
                span,
                f"@{word.text} can only start a chain or a branch",
                f"Write {{ PASS | @{word.text} }} ADD to bring it in, or ; before it.",
            )
        return name

    def _merge(self, merge: Merge, value: str | None) -> str | None:
        if merge.operator.keyword.text.upper() == AUX:
            return self._auxiliary(merge, value)
        ends = []
        for branch in merge.branches:
            end = self._chain(branch, value, is_start=True)
            if end is None:
                raise fault(
                    self.text,
                    merge.operator.span,
                    "a branch passes on a value, but nothing reaches it",
                    "Start with INPUT and a size.",
                )
            ends.append(end)
        return self._add(merge.operator, self._reading(merge.operator), ends)

    def _auxiliary(self, merge: Merge, value: str | None) -> str | None:
        written = merge.operator
        weight = self._exit_weight(written)
        if len(merge.branches) != 1 or written.name is not None:
            raise fault(
                self.text,
                written.span,
                "AUX takes one branch and no name",
                "Write { A -> exit1: FC 10 } AUX 0.3, once for each exit.",
            )
        end = self._chain(merge.branches[0], value, is_start=True)
        if end is None:
            raise fault(self.text, written.span, "nothing reaches AUX", "Start with INPUT.")
        self.assembly.exit(end, weight)
        self.reached.add(end)
        return value

    def _exit_weight(self, written: Written) -> float:
        arguments = written.arguments
        if not arguments:
            return 1.0
        try:
            weight = values.number(arguments[0].value.text)
        except ValueError:
            weight = None
        key = arguments[0].key
        right = len(arguments) == 1 and (key is None or key.text.lower() == "weight")
        if not right or not isinstance(weight, int | float) or not 0 < weight < 1e300:
            raise fault(
                self.text,
                written.span,
                "AUX takes one number above 0: what the loss of its exit is multiplied by",
                "Write AUX 0.3.",
            )
        return float(weight)

    def _repeat(self, repeat: Repetition, value: str | None, *, is_start: bool) -> str | None:
        if repeat.count is None:
            return self._chain(repeat.body, value, is_start=is_start)
        if _is_idle(repeat.body):
            raise fault(
                self.text,
                repeat.count.span,
                "a block that only passes on does nothing, however often it is repeated",
                "Write an operator into it, or leave it out.",
            )
        for _ in range(self._times(repeat.count)):
            self.scopes.append({})
            value = self._chain(repeat.body, value, is_start=is_start)
            inner = self.scopes.pop()
            self.scopes[-1].update(inner)
            is_start = False
        return value

    def _times(self, count: Word) -> int:
        try:
            times = values.number(count.text)
        except ValueError:
            times = None
        if times == 0:
            raise fault(
                self.text,
                count.span,
                "a block that is repeated 0 times is not there",
                "Leave it out, or write how often as in [CONV 8 3x3 -> RELU]*2.",
            )
        if not isinstance(times, int) or times < 0:
            raise fault(
                self.text,
                count.span,
                f"a block cannot be repeated {count.text[:20]} times",
                "Write a whole number of 1 or more, as in [CONV 8 3x3 -> RELU]*2.",
            )
        return times

    def _count(self, chains: tuple[Elements, ...]) -> None:
        """Refuse texts that stand for more operators than anybody means."""
        total = sum(map(self._size, chains))
        if total > MOST_NODES:
            raise too_many(self.text, total)

    def _size(self, chain: Elements) -> int:
        total = 0
        for element in chain:
            if isinstance(element, Merge):
                total += sum(map(self._size, element.branches))
            if not isinstance(element, Repetition):
                total += 1
                continue
            times = self._times(element.count) if element.count else 1
            total += times * max(1, self._size(element.body))
            if total > MOST_NODES and element.count:
                raise fault(
                    self.text,
                    element.count.span,
                    f"this makes {total:,} operators, more than {MOST_NODES:,}",
                    "Repeat less.",
                )
        return total


def _is_idle(chain: Elements) -> bool:
    """Whether a chain changes nothing: PASS alone, or blocks of it."""
    return all(
        element.keyword.text.upper() == PASS
        if isinstance(element, Written)
        else isinstance(element, Repetition) and _is_idle(element.body)
        for element in chain
    )
