"""YAML files that a person wrote: read without running code, and without YAML's traps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from striate.errors import StriateError
from striate.files import read_text

MOST_BYTES, MOST_NODES = 4_000_000, 10_000
"""Of a YAML file, and of keys and values in it."""


def read(path: Path, error: type[StriateError]) -> Any:
    """What a YAML file holds: texts, numbers, yes and no, lists and tables of them.

    Raises:
        StriateError: of the class `error`; the file is missing or malformed.
    """
    text = read_text(path, error, most=MOST_BYTES)
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, *_OF_VALUES) as problem:
        raise error(f"{path} cannot be read as YAML", remedy=str(problem)[:500]) from None


def read_table(path: Path, error: type[StriateError], what: str) -> dict[str, Any]:
    """The table that a YAML file holds.

    Args:
        what: its entries, in the words of the error.

    Raises:
        StriateError: of the class `error`; the file is missing, malformed, or no table.
    """
    content = read(path, error)
    if not isinstance(content, dict):
        raise error(f"{path} holds no {what}")
    return {str(key): value for key, value in content.items()}


_OF_VALUES = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What PyYAML raises for values that are not what their tag says: !!int '', !!bool x."""


class _Loader(yaml.SafeLoader):
    """YAML without its traps: references to what was written before, dates, keys given twice."""

    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One key or value; an alias (*name) of a short file can stand for billions of them."""
        self.nodes += 1
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(
                f"References (*name) are not read here, as before line {self.line + 1}."
            )
        if self.nodes > MOST_NODES:
            raise yaml.YAMLError(f"There are more than {MOST_NODES:,} keys and values.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A table in which no key is given twice."""
        counts = Counter(key.value for key, _ in node.value if isinstance(key.value, str))
        for key, count in counts.items():
            if count > 1:
                raise yaml.YAMLError(f"{key[:40]} is given twice.")
        return super().construct_mapping(node, deep)


_DATE = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    start: [(tag, pattern) for tag, pattern in known if tag != _DATE]
    for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
