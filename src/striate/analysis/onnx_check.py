"""An ONNX file run by onnxruntime, and held against the network in PyTorch.

Where the answers part, the network is computed a second time with the value of every node, without
the changes that a runtime makes to a file for speed, and the first node that parts is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from striate.analysis.verify import drawn_input
from striate.data.download import offline
from striate.display import Block, Displayed, Line
from striate.errors import OnnxError, StriateError
from striate.exchange.onnx_out import onnx_bytes
from striate.exchange.onnx_out.writing import PICTURE, PROBABILITIES, SCORES, value_names
from striate.exchange.onnx_package import package
from striate.lookup import Weighted
from striate.model import Model
from striate.model_data import data_of
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from striate.data.dataset import AnySplit

BOUND = 1e-4
"""The largest difference that rounding explains: of a probability, or relative to the largest
number of what is compared where that is above 1."""

PICTURES = 32

Exportable: TypeAlias = "Model | Weighted"
Runtime: TypeAlias = Callable[[dict[str, Array], list[str]], list[Array]]


@dataclass(frozen=True, repr=False)
class OnnxCheck(Displayed):
    """What a runtime computes from a file, against PyTorch.

    Args:
        pictures: how many, and which.
        largest: the largest difference.
        first: where it is past the bound, the first node that parts.
    """

    pictures: str
    largest: float
    first: str = ""
    bound: float = BOUND

    @property
    def ok(self) -> bool:
        """Whether the answers are the same, to rounding."""
        return self.largest <= self.bound

    @property
    def headline(self) -> str:
        """The largest difference and, where the answers part, the first node that does."""
        said = f"onnxruntime and PyTorch on {self.pictures}: largest difference {self.largest:.1e}"
        return said if self.ok else f"{said}, past {self.bound:g}; first at {self.first}"

    def display(self) -> Iterator[Block]:
        """One line."""
        yield Line(self.headline, "" if self.ok else "warning")

    def to_json(self) -> dict[str, object]:
        """The answer as plain numbers and text."""
        return {
            "ok": self.ok,
            "pictures": self.pictures,
            "largest": self.largest,
            "bound": self.bound,
            "first": self.first or None,
        }


def check_onnx(file: Path | str, subject: Exportable, *, raw: bool = False) -> OnnxCheck:
    """Run a file on pictures of the model's data, or drawn ones, and compare it with PyTorch.

    Args:
        file: as `subject` was written.
        subject: the model, or the network with weights.
        raw: whether it is the bare network.

    Raises:
        OnnxError: onnxruntime is not installed, or does not take the file.
    """
    import torch

    from striate.engine import lower

    graph, called, entering = subject.graph, *_pictures(subject)
    numbers = entering
    if isinstance(subject, Model):
        (pictures,) = entering
        numbers = [subject.preprocessing.normalize(torch.from_numpy(pictures)).numpy()]
    feed = {PICTURE: entering[0]}
    if raw:
        names = value_names(graph, subject.weights)
        feed = {names[n.name]: x for n, x in zip(graph.inputs, numbers, strict=True)}
    with torch.no_grad():
        network = lower(graph, subject.weights, fused=False).eval()
        wanted: Array = network(*map(torch.from_numpy, numbers)).numpy()
    if not raw:
        wanted = subject.probabilities(wanted.astype(np.float64))  # type: ignore[union-attr]
    found = _run(str(file), feed, [SCORES if raw else PROBABILITIES])[0]
    largest = distance(found, wanted)
    first = "" if largest <= BOUND else _first(subject, raw, feed, numbers)
    return OnnxCheck(called, largest, first, BOUND)


def distance(found: Array, wanted: Array) -> float:
    """max |found - wanted|, as a share of the largest number wanted where that is above 1.

    Infinite where a number is none or the shapes differ.
    """
    if found.shape != wanted.shape:
        return float("inf")
    size = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    difference = float(np.abs(found - wanted).max(initial=0.0)) / size
    return difference if isfinite(difference) else float("inf")


def _first(subject: Exportable, raw: bool, feed: dict[str, Array], numbers: list[Array]) -> str:
    """The first node whose value parts; or the scores, where each parts by less."""
    from striate.pytorch.evaluate import every_value

    graph = subject.graph.upto(subject.graph.scores.name)
    model = subject.onnx(raw=raw, every=True)
    known = {each.name for each in model.graph.output}
    names = {node: v for node, v in value_names(graph, subject.weights).items() if v in known}
    found = _run(onnx_bytes(model), feed, list(names.values()), as_written=True)
    wanted = every_value(graph, subject.weights, numbers)
    parting = (
        node
        for node, value in zip(names, found, strict=True)
        if distance(value, wanted[node]) > BOUND
    )
    return next(parting, graph.scores.name)


def _run(
    model: str | bytes, feed: dict[str, Array], names: list[str], *, as_written: bool = False
) -> list[Array]:
    return opened(model, as_written=as_written)(feed, names)


def opened(model: str | bytes, *, as_written: bool = False) -> Runtime:
    """A file, or its bytes, opened by onnxruntime on one processor.

    Args:
        as_written: node by node, without changes for speed.

    Returns:
        what takes arrays by the names of inputs, and names of outputs, and computes these.

    Raises:
        OnnxError: onnxruntime is not installed, or does not take the file; also when it runs.
    """
    runtime: Any = package("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    if as_written:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with _understood():
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(feed: dict[str, Array], names: list[str]) -> list[Array]:
        with _understood():
            return list(session.run(names, feed))

    return run


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # its own classes, which name no base
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OnnxError("onnxruntime does not take the file", remedy=what) from None


def _pictures(subject: Exportable) -> tuple[str, list[Array]]:
    """Pictures of the model's data, as uint8; or drawn ones; or drawn numbers for the inputs."""
    rng = np.random.default_rng(0)
    if not isinstance(subject, Model):
        graph = subject.graph
        drawn = [drawn_input(graph, each.name, PICTURES, rng) for each in graph.inputs]
        drawn = [each.astype(np.float32) for each in drawn]
        return f"{PICTURES} drawn inputs", drawn
    try:
        with offline():
            data = data_of(subject, "", None)
        split: AnySplit = data.test or data.validation or data.train
        pictures = np.asarray(split.images[:PICTURES])
        if len(pictures):
            return f"{len(pictures)} pictures of {data.name}", [np.ascontiguousarray(pictures)]
    except StriateError:
        pass  # the data is not there
    size = (PICTURES, *subject.preprocessing.shape)
    return f"{PICTURES} drawn pictures", [rng.integers(0, 256, size, dtype=np.uint8)]
