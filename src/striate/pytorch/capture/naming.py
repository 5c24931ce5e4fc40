"""Names of nodes: the module's own paths, and the call's verb where a path has several nodes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from striate.graph.check import is_name, normal_name
from striate.pytorch.capture.steps import DraftNode

ROOT = "layers"
"""What stands before a path that begins with a digit, as those of nn.Sequential do."""


def names(steps: Sequence[DraftNode], *, taken: Sequence[str] = ()) -> dict[DraftNode, str]:
    """A name for each step, in their order.

    The path alone where a call of a submodule is one step, as with the layers of PyTorch; the path
    and a verb (`layer1.0.add`) elsewhere. A second step of that name ends in _2.
    """
    paths = Counter(step.scope for step in steps)
    folders = {folder for step in steps for folder in _folders(step.scope.path)}
    used = set(taken)
    kept = {part for name in used for part in (name, *_folders(name))}
    found: dict[DraftNode, str] = {}
    for step in steps:
        path = step.scope.path
        alone = path and paths[step.scope] == 1 and path not in folders
        wanted = legal(path if alone else ".".join(filter(None, (path, step.verb))))
        found[step] = name = _free(wanted, kept, folders if not alone else set())
        kept |= {name}
    return found


def legal(path: str) -> str:
    """A path as a name: letters, digits and _, starting with a letter.

    >>> legal("block1-0.proj"), legal("0.conv"), legal("a.1")
    ('block1_0.proj', 'layers.0.conv', 'a.1')
    """
    words = [re.sub(r"\W", "_", normal_name(word)) or "_" for word in path.split(".")]
    if words[0][0].isdigit():
        words.insert(0, ROOT)
    name = ".".join(words)
    return name if is_name(name) else ".".join(re.sub(r"[^0-9A-Za-z_]", "_", w) for w in words)


def _folders(path: str) -> list[str]:
    words = path.split(".")
    return [".".join(words[:k]) for k in range(1, len(words))]


def _free(wanted: str, used: set[str], folders: set[str]) -> str:
    """`wanted`, or it with a number, so that no two names are equal."""
    name, count = wanted, 1
    while name in used or name in folders:
        count += 1
        name = f"{wanted}_{count}"
    return name
