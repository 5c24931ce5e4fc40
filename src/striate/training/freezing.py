"""Layers that keep their weights while the others learn."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from striate.errors import SettingError, did_you_mean
from striate.graph import Graph


def frozen_nodes(graph: Graph, patterns: str) -> tuple[str, ...]:
    """The nodes with weights whose names match, in the graph's order.

    Args:
        patterns: names with `*`, `?` and `[…]`, between commas: "conv*, bn1"; "" matches none.

    Raises:
        SettingError: a pattern matches no node with weights, or nothing is left to learn.
    """
    asked = [each.strip() for each in patterns.split(",") if each.strip()]
    learning = [node.name for node in graph if graph.weights(node)]
    for each in asked:
        if not any(fnmatchcase(name, each) for name in learning):
            raise SettingError(
                f"no layer with weights is called {each}, which shall be frozen",
                remedy=did_you_mean(each, learning) or f"There are: {_listed(learning)}.",
            )
    frozen = tuple(name for name in learning if any(fnmatchcase(name, each) for each in asked))
    if frozen and not _learn(graph, set(learning) - set(frozen), frozen):
        raise SettingError(
            f"freeze is {patterns}, and nothing is left to learn",
            remedy=f"Leave a layer out of it: the last one with weights is {learning[-1]}.",
        )
    return frozen


def _learn(graph: Graph, others: set[str], frozen: tuple[str, ...]) -> bool:
    """Whether a weight learns that no frozen node has or shares."""
    held = {graph[name].shares or name for name in frozen}
    return any(
        weight.trainable
        for name in others
        if (graph[name].shares or name) not in held
        for weight in graph.weights(graph[name]).values()
    )


def freeze(module: nn.Module, names: Sequence[str]) -> None:
    """Keep the weights of these layers as they are; call `hold` whenever the mode has changed."""
    for name in names:
        module.get_submodule(name).requires_grad_(False)


def hold(module: nn.Module, names: Sequence[str]) -> None:
    """Let these layers compute as in evaluation: batch normalization by statistics that stay."""
    for name in names:
        module.get_submodule(name).eval()


def freezing_notes(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    """What is frozen, for a person."""
    if not names:
        return ()
    layers = sum(bool(graph.weights(node)) for node in graph)
    return (f"{len(names)} of {layers} layers with weights are frozen: {_listed(names)}",)


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f", … {names[-1]}" if len(names) > most else ""
    return ", ".join(names[:most]) + more
