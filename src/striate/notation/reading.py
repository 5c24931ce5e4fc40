"""One operator: from what is written to its class and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from striate.errors import NotationError, did_you_mean
from striate.graph import Composition, Operator
from striate.graph.settings import Setting, made, nearest, settings_of
from striate.notation import values
from striate.notation.faults import fault
from striate.notation.forms import (
    AUX,
    PADDING_WORDS,
    PASS,
    SHARES,
    SHORT,
    Form,
    by_keyword,
    by_operator,
    classes,
)
from striate.notation.syntax import Argument, Word, Written

ALL = "`striate show --operators` lists all."

SHORTHAND = re.compile(r"(?P<keyword>[A-Z]+?)-?(?P<first>[0-9]+)(?:-(?P<second>[0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """An operator, its settings as they were written (5x5 where the operator keeps 5), and the
    node whose weights it uses."""

    operator: Operator | Composition
    settings: dict[str, object]
    shares: Word | None = None


def operator_of(written: Written, text: str) -> Reading:
    """The operator that `written`, a part of `text`, stands for.

    Raises:
        NotationError: no operator or setting is called so.
        SettingError: a setting cannot mean anything.
    """
    form, settings = _form(written.keyword, text)
    kind = classes()[form.operator]
    known = settings_of(kind)
    waiting = [name for name in form.positional if name not in settings]
    shares: Word | None = None
    for argument in _telling(written, known):
        if argument.key is not None and argument.key.text.lower() == SHARES:
            if issubclass(kind, Composition):
                what = f"{written.keyword.text} is several layers, which share no weights"
                raise fault(text, argument.span, what, "Write it as a graph of single layers.")
            shares = argument.value
            continue
        name = _setting(argument, form, known, waiting, text)
        if name in settings:
            raise fault(text, argument.span, f"{name} is given twice", "Leave one out.")
        if name in waiting:
            waiting.remove(name)
        settings[name] = _value(argument, known[name], form, text)
    for name in waiting:
        if known[name].required:
            what = f"{written.keyword.text} needs {name.replace('_', ' ')}"
            raise fault(text, written.span, what, f"Write {signature(form)}.")
    return Reading(made(kind, settings), settings, shares)


def _telling(written: Written, known: Mapping[str, Setting]) -> Iterator[Argument]:
    """The arguments, but for the word after a number that says what it counts: 4 heads."""
    before: Argument | None = None
    for argument in written.arguments:
        word = argument.value.text.lower()
        counts = word in known and known[word].accepts(2) and not known[word].accepts(True)
        if not (before and argument.key is None and counts and before.value.text.isdigit()):
            yield argument
        before = argument


def _form(keyword: Word, text: str) -> tuple[Form, dict[str, object]]:
    """The form of a keyword, and settings that stand in it (CONV3-64, POOL2, FC-4096)."""
    name = keyword.text.upper()
    forms = by_keyword()
    if name in forms:
        return forms[name], {}
    short = SHORTHAND.fullmatch(name)
    form = forms.get(short["keyword"]) if short else None
    if short and form and len(name) <= values.LONGEST:
        numbers = [int(each) for each in short.group("first", "second") if each]
        if form.operator == "Conv" and len(numbers) == 2:
            # cs231n's table of VGG: kernel first, and padded so that the size stays.
            return form, {"kernel": numbers[0], "out_channels": numbers[1], "padding": "same"}
        if form.operator in ("Dense", "MaxPool", "AveragePool") and len(numbers) == 1:
            return form, {form.positional[0]: numbers[0]}
    raise unknown_operator(keyword, text)


def unknown_operator(keyword: Word, text: str) -> NotationError:
    """What to say about a word that is no operator."""
    name = keyword.text.upper()
    if name == AUX:
        return fault(text, keyword.span, "AUX stands after a brace", "Write { A -> B } AUX 0.3.")
    keywords = [*(form.keyword for form in by_operator().values()), PASS, AUX]
    # Few slips are in the first letter.
    likely = [each for each in keywords if each[0] == name[0]]
    near = did_you_mean(name, likely) or did_you_mean(name, [*keywords, *by_keyword()])
    what = f"no layer is written {_short(keyword.text)}"
    return fault(text, keyword.span, what, f"{near} {ALL}".strip())


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


def _setting(
    argument: Argument, form: Form, known: Mapping[str, Setting], waiting: list[str], text: str
) -> str:
    """Which setting an argument gives."""
    if argument.key is not None:
        return _named_setting(argument.key, form, known, text)
    word = argument.value.text.lower()
    if word in PADDING_WORDS and "padding" in known:
        return "padding"
    full = _full(word)
    if full in known and known[full].accepts(True):
        return full
    is_word = word[0].isalpha() or word[0] == "_"
    taking = taker(argument.value.text, known, waiting)
    if taking or (waiting and not is_word):
        return taking or waiting[0]
    if is_word:
        raise fault(
            text,
            argument.span,
            f"{form.keyword} knows no {_short(argument.value.text)}",
            did_you_mean(word, _words(form, known)) or _grown(form, argument, known),
        )
    what = (
        f"{form.keyword} takes no further number"
        if form.positional
        else (f"{form.keyword} takes no number")
    )
    raise fault(text, argument.span, what, _grown(form, argument, known))


def taker(text: str, known: Mapping[str, Setting], waiting: Sequence[str]) -> str | None:
    """The setting that a value without a name is for.

    It is the first of those that wait; optional ones that cannot take the value are passed over:
    RESIZE 2 is a factor, RESIZE 14x14 a size.
    """
    return next((n for n in waiting if known[n].required or _takes(known[n], text)), None)


def _takes(setting: Setting, text: str) -> bool:
    try:
        return setting.accepts(values.read(text, setting))
    except ValueError:
        return False


def _grown(form: Form, argument: Argument, known: Mapping[str, Setting]) -> str:
    if argument.value.text.upper() in by_keyword():
        return f"Put -> before {argument.value.text}."
    for name in form.positional:
        if known[name].accepts(("several", "words")):
            return f'Write {signature(form)}; several stand in quotes: {name}="row column".'
    return f"Write {signature(form)}."


def _words(form: Form, known: Mapping[str, Setting]) -> list[str]:
    flags = [name for name, each in known.items() if each.accepts(True)]
    choices = [word for name in form.positional for word in known[name].words]
    return [*flags, *choices, *(PADDING_WORDS if "padding" in known else ())]


def _named_setting(key: Word, form: Form, known: Mapping[str, Setting], text: str) -> str:
    name = _full(key.text.lower())
    if name in known:
        return name
    what = f"{form.keyword} has no setting {_short(key.text)}"
    shorts = {SHORT.get(each, each): setting for each, setting in known.items()}
    raise fault(text, key.span, what, nearest(key.text, shorts))


def _full(name: str) -> str:
    return next((full for full, short in SHORT.items() if name == short), name)


def _value(argument: Argument, setting: Setting, form: Form, text: str) -> object:
    """The value of an argument; a bare flag is a yes."""
    bare = argument.key is None and _full(argument.value.text.lower()) == setting.name
    if bare and setting.accepts(True):
        return True
    if setting.name in names_of(form):
        return argument.value.text
    try:
        value = values.read(argument.value.text, setting)
    except ValueError as error:
        raise fault(text, argument.value.span, str(error), _wanted(setting, form)) from None
    if not setting.accepts(value):
        what = f"{setting.name} cannot be {_short(argument.value.text)}"
        raise fault(text, argument.value.span, what, _wanted(setting, form))
    return value


def names_of(form: Form) -> tuple[str, ...]:
    """The settings that are names of nodes."""
    kind = classes()[form.operator]
    return kind.names if issubclass(kind, Composition) else ()


def _wanted(setting: Setting, form: Form) -> str:
    return f"{setting.name.replace('_', ' ')} of {form.keyword} is {setting.kind}."


def signature(form: Form) -> str:
    """How an operator is written, with all its settings: FC out_features [bias=yes]."""
    known = settings_of(classes()[form.operator])
    parts = [form.keyword]
    for name in form.positional:
        setting = known[name]
        parts.append(name if setting.required else f"[{name}={values.write(setting.default)}]")
    for name, setting in known.items():
        if name == "padding":
            parts.append("[valid|same|full|pad=…]")
        elif name not in form.positional:
            word = SHORT.get(name, name)
            parts.append(f"{word}=…" if setting.required else f"[{word}={_default(setting)}]")
    return " ".join(parts)


def _default(setting: Setting) -> str:
    default = setting.default
    return f"{default:.4g}" if isinstance(default, float) else values.write(default)
