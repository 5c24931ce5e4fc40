"""First weights: every initializer a short function, and the usual choice for a network.

A scheme is written as a name, or a name with its setting: `he`, `normal(0.01)`,
`msra(average)`. Fans are those of `Weight`: connections into, and out of, one unit.

>>> from striate.notation import parse
>>> first = initialize(parse("INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10"), seed=1)
>>> first["conv1"]["weight"].shape, first["conv1"]["bias"].tolist()
((4, 1, 3, 3), [0.0, 0.0, 0.0, 0.0])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import prod, sqrt
from typing import TypeAlias
from zlib import crc32

import numpy as np

from striate.capacity import check
from striate.errors import SettingError, did_you_mean
from striate.graph import Graph, Node, Weight
from striate.graph.walk import reached
from striate.ops.arrays import Array, OwnWeights

Draw: TypeAlias = Callable[[np.random.Generator, Weight, str], Array]

FANS: Mapping[str, Callable[[Weight], float]] = {
    "fan_in": lambda weight: weight.fan_in,
    "fan_out": lambda weight: weight.fan_out,
    "average": lambda weight: (weight.fan_in + weight.fan_out) / 2,
}
"""Caffe's variance norms: the n of its xavier and msra fillers."""


def constant(rng: np.random.Generator, weight: Weight, value: str) -> Array:
    """The same number everywhere."""
    return np.full(weight.shape, float(value))


def normal(rng: np.random.Generator, weight: Weight, deviation: str) -> Array:
    """Gaussian around zero with a given standard deviation."""
    return rng.normal(0, float(deviation), weight.shape)


def uniform(rng: np.random.Generator, weight: Weight, bound: str) -> Array:
    """Between minus and plus a bound; variance bound^2 / 3."""
    return rng.uniform(-float(bound), float(bound), weight.shape)


def xavier(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """±sqrt(6 / (fan_in + fan_out)): Glorot and Bengio, AISTATS 2010, equation 16."""
    return _uniform(rng, weight, sqrt(6 / (weight.fan_in + weight.fan_out)))


def xavier_normal(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """Gaussian with variance 2 / (fan_in + fan_out): the same paper, equation 12."""
    return rng.normal(0, sqrt(2 / (weight.fan_in + weight.fan_out)), weight.shape)


def he(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """Gaussian with variance 2 / fan_in: He et al., arXiv:1502.01852, equation 10."""
    return rng.normal(0, sqrt(2 / weight.fan_in), weight.shape)


def he_uniform(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """±sqrt(6 / fan_in): the variance of `he`."""
    return _uniform(rng, weight, sqrt(6 / weight.fan_in))


def lecun(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """±2.4 / fan_in: LeCun et al., Proceedings of the IEEE 86(11), 1998, appendix A."""
    return _uniform(rng, weight, 2.4 / weight.fan_in)


def caffe_xavier(rng: np.random.Generator, weight: Weight, norm: str) -> Array:
    """±sqrt(3 / n), n by Caffe's variance norm: its XavierFiller."""
    return _uniform(rng, weight, sqrt(3 / FANS[norm](weight)))


def msra(rng: np.random.Generator, weight: Weight, norm: str) -> Array:
    """Gaussian with variance 2 / n, n by Caffe's variance norm: its MSRAFiller."""
    return rng.normal(0, sqrt(2 / FANS[norm](weight)), weight.shape)


def positive_unitball(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """Between 0 and 1, scaled so that every unit's weights sum to 1: PositiveUnitballFiller."""
    drawn = rng.uniform(0, 1, (weight.shape[0], prod(weight.shape[1:])))
    return (drawn / drawn.sum(axis=1, keepdims=True)).reshape(weight.shape)


def bilinear(rng: np.random.Generator, weight: Weight, _: str) -> Array:
    """Interpolation between neighbors, for kernels that enlarge a map: BilinearFiller."""
    if len(weight.shape) < 3:
        raise SettingError("bilinear fills kernels with spatial axes only")
    kernel = np.ones(())
    for taps in weight.shape[2:]:
        factor = (taps + 1) // 2
        center = (2 * factor - 1 - factor % 2) / (2 * factor)
        tent = 1 - np.abs(np.arange(taps) / factor - center)
        kernel = np.multiply.outer(kernel, tent)
    return np.broadcast_to(kernel, weight.shape).copy()


def _uniform(rng: np.random.Generator, weight: Weight, bound: float) -> Array:
    return rng.uniform(-bound, bound, weight.shape)


SCHEMES: Mapping[str, tuple[Draw, str]] = {
    "zeros": (constant, "0"),
    "constant": (constant, "0"),
    "normal": (normal, "0.01"),
    "uniform": (uniform, "0.05"),
    "xavier": (xavier, ""),
    "xavier_normal": (xavier_normal, ""),
    "he": (he, ""),
    "he_uniform": (he_uniform, ""),
    "lecun": (lecun, ""),
    "caffe_xavier": (caffe_xavier, "fan_in"),
    "msra": (msra, "fan_in"),
    "positive_unitball": (positive_unitball, ""),
    "bilinear": (bilinear, ""),
}
"""Every scheme, with the setting it has when none is written; none at all where that is empty."""

STARTS = {
    "constant": 0.0,
    "bias": 0.0,
    "gain": 1.0,
    "slope": 0.25,
    "statistic": 0.0,
    "statistic_one": 1.0,
}
"""First values of what is no kernel, by role."""


def initialize(
    graph: Graph, *, seed: int = 0, scheme: str = "usual", biases: str = "zeros"
) -> OwnWeights:
    """First weights of a network in float32: node -> weight name -> array.

    Args:
        seed: with the names of node and weight it decides every number.
        scheme: for kernels. "usual" is `he` before rectifiers and `xavier` elsewhere, but `lecun`
            for what makes the scores: they start near zero, and the loss near that of guessing.
        biases: for biases.

    Raises:
        SettingError: no such scheme, or a setting that does not suit it.
        NotEnoughMemoryError: there are more weights than memory.
    """
    _checked(biases)
    check(graph, 0)
    if scheme != "usual":
        _checked(scheme)
    return {
        node.name: {
            name: _first(graph, node, name, weight, seed, scheme, biases).astype(np.float32)
            for name, weight in graph.own_weights(node).items()
        }
        for node in graph
        if graph.own_weights(node)
    }


def _first(
    graph: Graph, node: Node, name: str, weight: Weight, seed: int, scheme: str, biases: str
) -> Array:
    rng = np.random.default_rng([seed, crc32(node.name.encode()), crc32(name.encode())])
    if weight.role == "kernel":
        return drawn(rng, weight, _usual(graph, node) if scheme == "usual" else scheme)
    if weight.role == "bias":
        return drawn(rng, weight, biases)
    if weight.role == "embedding":
        return rng.standard_normal(weight.shape)
    if weight.role == "value":
        return 0.02 * rng.standard_normal(weight.shape)  # as Dosovitskiy et al., 2021
    return np.full(weight.shape, STARTS[weight.role])


def drawn(rng: np.random.Generator, weight: Weight, scheme: str) -> Array:
    """One array by one scheme.

    Raises:
        SettingError: no such scheme, or a setting that does not suit it.
    """
    draw, setting = _checked(scheme)
    return draw(rng, weight, setting)


def _checked(scheme: str) -> tuple[Draw, str]:
    match = re.fullmatch(r"(\w+)(?:\(([^()]*)\))?", scheme.strip())
    name = match[1] if match else scheme
    if match is None or name not in SCHEMES:
        known = ", ".join(["usual", *SCHEMES])
        raise SettingError(
            f"no initializer is called {scheme}",
            remedy=did_you_mean(name, SCHEMES) or f"There are: {known}.",
        )
    draw, usual = SCHEMES[name]
    setting = usual if match[2] is None else match[2].strip()
    if not _suits(setting, usual):
        wanted = f"one of {', '.join(FANS)}" if usual in FANS else "a number"
        raise SettingError(
            f"{name} does not take {setting!r}",
            remedy=f"It takes {wanted}: {name}({usual})." if usual else f"Write {name} alone.",
        )
    return draw, setting


def _suits(setting: str, usual: str) -> bool:
    if usual in FANS:
        return setting in FANS
    if not usual:
        return not setting
    try:
        return abs(float(setting)) < float("inf")
    except ValueError:
        return False


def _usual(graph: Graph, node: Node) -> str:
    """`he` when the next activation is a rectifier, `lecun` for scores, else `xavier`."""

    def onward(name: str) -> tuple[str, ...]:
        return () if _ends_a_layer(graph, graph[name]) else graph.consumers[name]

    behind = [graph[name] for name in reached(graph.consumers[node.name], onward)]
    if any(each.operator.rectifies for each in behind):
        return "he"
    return "xavier" if any(_ends_a_layer(graph, each) for each in behind) else "lecun"


def _ends_a_layer(graph: Graph, node: Node) -> bool:
    """Whether it is an activation or has a kernel; the activation may stand behind all others."""
    kernels = (weight.role == "kernel" for weight in graph.weights(node).values())
    return node.operator.bends or any(kernels)
