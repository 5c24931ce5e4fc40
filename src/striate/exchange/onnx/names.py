"""Names of nodes: the paths of PyTorch's modules where an exporter left them.

PyTorch's older exporter calls a node by the modules around it, /layer1/layer1.0/conv1/Conv; its
newer one keeps them beside the node. Others are called by their own names, where those say more
than the operator and a number, and else by operator and number: conv1, relu1, conv2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from striate.exchange.onnx.drafts import Draft
from striate.exchange.onnx.file import Item
from striate.graph import Operator
from striate.graph.check import is_name
from striate.ops import Opaque

SCOPES, NAMESPACE = "pkg.torch.onnx.name_scopes", "namespace"
LONGEST = 200


def path_of(item: Item) -> str | None:
    """The path of the module that a node belongs to; empty outside of all; None if unknown.

    >>> item = Item("Conv", "/layer1/layer1.0/conv1/Conv", (), (), {}, {}, None)
    >>> path_of(item)
    'layer1.0.conv1'
    """
    owner, _, weight = item.inputs[1].rpartition(".") if len(item.inputs) > 1 else ("", "", "")
    if weight == "weight" and is_name(owner):  # what it was fused with has taken its place
        return owner
    if SCOPES in item.metadata:
        return _last(re.findall(r"'([^']*)'", item.metadata[SCOPES])[:-1])
    if NAMESPACE in item.metadata:
        parts = item.metadata[NAMESPACE].split("/")[:-1]
        return _last([part.partition(":")[0].strip() for part in parts])
    if not item.name.startswith("/"):
        return None
    path = list[str]()
    for part in item.name[1:].split("/")[:-1]:
        if path and part.startswith(f"{path[-1]}."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def _last(names: Sequence[str]) -> str:
    return next((name for name in reversed(names) if name), "")


def named(drafts: Iterable[Draft], mains: Sequence[str], taken: dict[str, str]) -> dict[str, str]:
    """A legal name for each draft, by its key.

    Args:
        mains: the drafts that give the outputs of the file's nodes; others only help them.
        taken: names that are given already.
    """
    names, drafts = dict(taken), [each for each in drafts if each.node.name not in taken]
    main = [each for each in drafts if each.node.name in set(mains)]
    paths = {each.node.name: _legal_path(each) for each in main}
    often = Counter(paths.values())
    folders = {".".join(p.split(".")[:k]) for p in paths.values() for k in range(p.count(".") + 1)}
    chosen = _Chosen(names.values())
    for each in main:
        path, verb = paths[each.node.name], _verb(each.node.operator)
        if path and often[path] == 1 and path not in folders:
            names[each.node.name] = chosen.free(path)
        elif path:
            whole = path if path.split(".")[-1] == verb else f"{path}.{verb}"
            names[each.node.name] = chosen.free(whole)
        else:
            names[each.node.name] = chosen.free(_own(each)) or chosen.counted(each.node.operator)
    by_item = {id(each.item): names[each.node.name] for each in main}
    for each in drafts:
        if each.node.name not in names:
            owner = by_item.get(id(each.item))
            verb = _verb(each.node.operator)
            names[each.node.name] = (
                chosen.free(f"{owner}.{verb}") if owner else chosen.counted(each.node.operator)
            )
    return names


class _Chosen:
    """Names that are given, and how often each label was counted."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._counts = Counter[str]()

    def free(self, name: str) -> str:
        """The name, with a number behind it where it is taken; empty stays empty."""
        if not name:
            return ""
        found, k = name, 1
        while found in self._names:
            k += 1
            found = f"{name}_{k}"
        self._names.add(found)
        return found

    def counted(self, operator: Operator) -> str:
        """The label and a number: conv1."""
        label = _verb(operator)
        while True:
            self._counts[label] += 1
            count = self._counts[label]
            name = label if count == 1 and not operator.numbered else f"{label}{count}"
            if name not in self._names:
                self._names.add(name)
                return name


def _verb(operator: Operator) -> str:
    if isinstance(operator, Opaque):
        verb = operator.name.rpartition(".")[2].lower()
        return verb if is_name(verb) and len(verb) < LONGEST else operator.label
    return operator.label


def _legal_path(draft: Draft) -> str:
    path = path_of(draft.item) if draft.item is not None else None
    return path if path and is_name(path) and len(path) < LONGEST else ""


def _own(draft: Draft) -> str:
    """The name of the file's node, where it says more than the operator and a number."""
    item = draft.item
    if item is None or not is_name(item.name) or len(item.name) > LONGEST:
        return ""
    plain = re.fullmatch(rf"({re.escape(item.kind)}|[a-z])?_?\d*", item.name, re.IGNORECASE)
    return "" if plain or item.name.startswith("node_") else item.name
