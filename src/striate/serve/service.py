"""One model that answers requests: what is admitted, read, predicted, counted and refused."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.decode import measure
from striate.data.given import Given
from striate.data.names import printable
from striate.display import shape_text
from striate.errors import DataError, ServiceError, SettingError
from striate.lookup import model_of
from striate.model import BEST, Model
from striate.ops.arrays import Array
from striate.serve.batching import Batcher
from striate.serve.metrics import Metrics

SCHEMA_VERSION = 1
MEGABYTE = 1_000_000
UPLOADS = 16
"""Largest uploads that may be in memory at the same time."""

MOST_PIXELS = 25_000_000
"""Of one picture: it is decoded as a whole, which takes seconds above that."""


@dataclass(frozen=True)
class Limits:
    """What a service takes on.

    Args:
        upload: bytes of one request.
        pictures: pictures of one request.
        queue: pictures that may wait at a time; further requests are refused with 429.
        batch: pictures that the network takes at once.
        seconds: until a request must have arrived, and again until it must be answered.

    Raises:
        SettingError: one is not above zero.
    """

    upload: int = 16 * MEGABYTE
    pictures: int = 64
    queue: int = 256
    batch: int = 64
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise SettingError(f"{name} is {value}", remedy="It is above zero.")


class Service:
    """A model with all that a server needs to answer by it.

    Args:
        model: the model, its file or a run folder.
        limits: what it takes on.
        api_key: what every request must present, in X-API-Key or as a Bearer token; empty for
            none.

    Raises:
        ModelFileError: there is no such model.
    """

    def __init__(
        self, model: Model | Path | str, limits: Limits | None = None, *, api_key: str = ""
    ) -> None:
        self.model = model_of(model)
        self.limits = limits or Limits()
        self.sha256 = "" if isinstance(model, Model) else _sha256(Path(model))
        self.metrics = Metrics()
        self.batcher = Batcher(self.model, self.limits.batch)
        self._key = api_key.encode()
        self._waiting = self._bytes = 0
        self._decoders = ThreadPoolExecutor(2, thread_name_prefix="striate-decoder")

    def check_key(self, presented: str) -> None:
        """Refuse who does not present the key; the comparison takes the same time for all.

        Raises:
            ServiceError: 401.
        """
        if self._key and not hmac.compare_digest(presented.encode(), self._key):
            raise ServiceError(
                "this service needs its API key",
                status=401,
                remedy="Send it as X-API-Key: …, or as Authorization: Bearer ….",
            )

    @contextmanager
    def upload(self, announced: int) -> Iterator[Upload]:
        """Room for the bytes of one request, given back at the end.

        Args:
            announced: bytes that the request says it has.

        Raises:
            ServiceError: 413 or 429.
        """
        upload = Upload(self)
        try:
            upload.check(announced)
            yield upload
        finally:
            self._bytes -= upload.size

    def take(self, size: int) -> None:
        """Count bytes that have arrived.

        Raises:
            ServiceError: 429, where the uploads of all requests together are too large.
        """
        if self._bytes + size > UPLOADS * self.limits.upload:
            raise _busy("uploads fill the memory that they may take")
        self._bytes += size

    async def answer(self, pictures: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
        """The predictions for pictures, each (what to call it, the bytes of its file).

        Raises:
            ServiceError: 400 what is no picture, 413 too many or too large, 429 too busy, 503 too
                slow.
        """
        count = len(pictures)
        if count > self.limits.pictures:
            raise ServiceError(
                f"{count} pictures in one request, more than {self.limits.pictures}",
                status=413,
                remedy="Send them in several requests.",
            )
        if self._waiting + count > self.limits.queue:
            raise _busy(f"{self._waiting} pictures wait already, of {self.limits.queue} that may")
        self._waiting += count
        try:
            async with asyncio.timeout(self.limits.seconds):
                rows = await self._rows(pictures)
        except TimeoutError:
            raise ServiceError(
                f"no answer within {self.limits.seconds:g} seconds", status=503, remedy=_LATER
            ) from None
        finally:
            self._waiting -= count
        self.metrics.pictures += count
        predictions = [self._prediction(row) for row in rows]
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.sha256,
            "predictions": predictions,
        }

    async def _rows(self, pictures: Sequence[tuple[str, bytes]]) -> list[Array]:
        loop = asyncio.get_running_loop()
        decoding = [
            loop.run_in_executor(self._decoders, self._input, name, content)
            for name, content in pictures
        ]
        found = await asyncio.gather(*decoding, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        inputs = [each for each in found if not isinstance(each, BaseException)]
        return await asyncio.gather(*map(self.batcher.probabilities, inputs))

    def _input(self, name: str, content: bytes) -> Array:
        """The network's input from the bytes of a picture file."""
        called = printable(name) or "the picture"
        try:
            if not content:
                raise DataError(f"{called}: 0 bytes are no picture", remedy=HOW)
            height, width = measure(content, name=called)
            if height * width > MOST_PIXELS:
                raise ServiceError(
                    f"{called}: {shape_text((height, width))} pixels, more than {MOST_PIXELS:,}",
                    status=413,
                    remedy="Reduce it first.",
                )
            preprocessing = self.model.preprocessing
            return Given(preprocessing.picture(content, name=called)).input(preprocessing)
        except DataError as error:
            raise ServiceError(
                error.what, status=400, where=error.where, remedy=error.remedy
            ) from None

    def _prediction(self, row: Array) -> dict[str, Any]:
        best = int(row.argmax())
        shares = {name: float(p) for name, p in zip(self.model.classes, row, strict=True)}
        return {
            "label": self.model.classes[best],
            "probability": float(row[best]),
            "probabilities": shares,
        }

    def health(self) -> dict[str, Any]:
        """What the service is, for who looks after it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "status": "ok",
            "model": self.sha256,
            "classes": len(self.model.classes),
            "picture": list(self.model.preprocessing.shape),
            "waiting": self._waiting,
        }

    def metrics_text(self) -> str:
        """The counts, as Prometheus reads them."""
        return self.metrics.text(
            waiting=self._waiting, batches=self.batcher.batches, sha256=self.sha256
        )

    async def close(self) -> None:
        """End its threads."""
        await self.batcher.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)


class Upload:
    """The bytes of one request, as they arrive."""

    def __init__(self, service: Service) -> None:
        self.service, self.size = service, 0

    def check(self, size: int) -> None:
        """Refuse a request of `size` bytes that is too large.

        Raises:
            ServiceError: 413.
        """
        most = self.service.limits.upload
        if size > most:
            raise ServiceError(
                f"the request is larger than {most / MEGABYTE:g} MB",
                status=413,
                remedy="Send smaller or fewer pictures.",
            )

    async def read(self, stream: AsyncIterator[bytes]) -> bytes:
        """All bytes of the stream.

        Raises:
            ServiceError: 408 too slow, 413 too large, 429 too many others.
        """
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self.service.limits.seconds):
                async for part in stream:
                    self.check(self.size + len(part))
                    self.service.take(len(part))
                    self.size += len(part)
                    parts.append(part)
        except TimeoutError:
            raise ServiceError(
                f"the request did not arrive within {self.service.limits.seconds:g} seconds",
                status=408,
                remedy=_LATER,
            ) from None
        return b"".join(parts)


HOW = "Send the bytes of a picture file as the body, or several as multipart `files`."
_LATER = "Try again."


def _busy(what: str) -> ServiceError:
    return ServiceError(what, status=429, remedy="Try again in a second.")


def _sha256(path: Path) -> str:
    file = path / BEST if path.is_dir() else path
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
