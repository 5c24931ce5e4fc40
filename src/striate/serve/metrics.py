"""What a service counts, as text that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

KIND = "text/plain; version=0.0.4; charset=utf-8"
"""The type of the text: Prometheus's exposition format."""

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds up to which answers are counted."""


@dataclass
class Metrics:
    """Counts since the service began.

    Args:
        requests: answers to /predict, by status.
        pictures: pictures that were answered.
        seconds: how long the answers to /predict took, added up.
        under: answers by the smallest of `BOUNDS` that holds their time.
    """

    requests: Counter[int] = field(default_factory=Counter)
    pictures: int = 0
    seconds: float = 0.0
    under: Counter[float] = field(default_factory=Counter)

    def count(self, status: int, seconds: float) -> None:
        """An answer with its status, after some seconds."""
        self.requests[status] += 1
        self.seconds += seconds
        self.under[next((bound for bound in BOUNDS if seconds <= bound), float("inf"))] += 1

    def text(self, *, waiting: int, batches: int, sha256: str) -> str:
        """All of them.

        Args:
            waiting: pictures that wait for an answer.
            batches: how often the network ran.
            sha256: of the model.
        """
        return "\n".join([*self._lines(waiting, batches, sha256), ""])

    def _lines(self, waiting: int, batches: int, sha256: str) -> Iterator[str]:
        yield from _head("striate_requests_total", "counter", "Answers to /predict by status.")
        for status, number in sorted(self.requests.items()):
            yield f'striate_requests_total{{status="{status}"}} {number}'
        plain = (
            ("striate_pictures_total", "counter", "Pictures answered.", self.pictures),
            ("striate_batches_total", "counter", "Runs of the network.", batches),
            ("striate_waiting_pictures", "gauge", "Pictures that wait.", waiting),
        )
        for name, kind, what, number in plain:
            yield from _head(name, kind, what)
            yield f"{name} {number}"
        yield from self._times()
        yield from _head("striate_model_info", "gauge", "The model that answers.")
        yield f'striate_model_info{{sha256="{sha256}"}} 1'

    def _times(self) -> Iterator[str]:
        name = "striate_request_seconds"
        yield from _head(name, "histogram", "How long answers to /predict took.")
        total = 0
        for bound in BOUNDS:
            total += self.under[bound]
            yield f'{name}_bucket{{le="{bound:g}"}} {total}'
        everything = sum(self.requests.values())
        yield f'{name}_bucket{{le="+Inf"}} {everything}'
        yield f"{name}_sum {self.seconds:.6f}"
        yield f"{name}_count {everything}"


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
