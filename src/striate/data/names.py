"""Names of folders and files as they can be written: into a model file, onto a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from striate.errors import DataError

_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes that are no UTF-8, line ends


def printable(name: str) -> str:
    """The name with escapes for what would harm a terminal or cannot be written as UTF-8.

    >>> printable("caf\\u00e9"), printable("a\\x1b[31m"), printable("caf\\udce9")
    ('café', 'a\\\\x1b[31m', 'caf\\\\xe9')
    """
    return "".join(_escaped(each) if _is_unwritable(each) else each for each in name)


def _is_unwritable(character: str) -> bool:
    return unicodedata.category(character) in _UNWRITABLE


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python keeps a byte of a name that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def written(name: str, what: str) -> str:
    """The name in Unicode's composed form (NFC), in which two spellings of é are one.

    Args:
        what: what it names, for the error: "class folder".

    Raises:
        DataError: it holds bytes that are no UTF-8, or control characters.
    """
    if any(map(_is_unwritable, name)):
        raise DataError(
            f"the name of the {what} '{printable(name)}' cannot be written as text",
            remedy="Rename it. What is shown as \\x.. is no UTF-8, or a control character; "
            "neither can stand in a model file or a table.",
        )
    return unicodedata.normalize("NFC", name)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Names of classes, each once: by value where all are numbers, else by letters.

    >>> in_order(["10", "9", "10"]), in_order(["b10", "b9"])
    (('9', '10'), ('b10', 'b9'))
    """
    names = set(labels)
    if all(name.removeprefix("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))
