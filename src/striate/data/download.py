"""A file from the first mirror that has it: checked, atomic, and resumed where it broke off."""

from __future__ import annotations

import http.client
import logging
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import DataError

Progress = Callable[[int, int, str], None]
_BLOCK = 1 << 18
_TIMEOUT = 20  # seconds without a byte


@dataclass(frozen=True)
class Remote:
    """A published file: its name, and its checksum as `sha256:…` or `md5:…`."""

    name: str
    checksum: str


_ALLOWED = ContextVar("downloads are allowed", default=True)


@contextmanager
def offline() -> Iterator[None]:
    """Within it nothing is downloaded: a file that is not there is refused as without a network."""
    token = _ALLOWED.set(False)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def cache_folder(name: str) -> Path:
    """Where downloads of a data set are kept for this user."""
    import pooch

    return Path(pooch.os_cache("striate")) / name


def fetch(
    remote: Remote, mirrors: Sequence[str], folder: Path, progress: Progress | None = None
) -> Path:
    """The file in `folder`, downloaded unless it is there with the right checksum.

    A download that breaks off leaves a `.part` file and goes on from there next time; the file
    itself appears at once and whole.

    Raises:
        DataError: no mirror gave the file; the text names each and the folder to put it into.
    """
    import pooch

    # pooch writes to standard error by itself; here only the command line prints.
    pooch.get_logger().setLevel(logging.ERROR)
    failures = []
    for mirror in mirrors:
        try:
            return Path(
                pooch.retrieve(
                    mirror + remote.name,
                    known_hash=remote.checksum,
                    fname=remote.name,
                    path=folder,
                    downloader=_Resuming(folder / f"{remote.name}.part", progress),
                )
            )
        except ValueError:
            failures.append(f"{mirror}: another file than expected (checksum)")
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{mirror}: {getattr(error, 'reason', None) or error}")
    raise DataError(
        f"{remote.name} could not be downloaded",
        where="\n".join(failures),
        remedy=f"Offline? Put the file into {folder}, or name a folder that has it with "
        "--data-dir or STRIATE_DATA.",
    )


class _Resuming:
    """What pooch calls to download: keeps a part file between attempts."""

    def __init__(self, part: Path, progress: Progress | None) -> None:
        self.part = part
        self.progress = progress

    def __call__(self, url: str, output_file: str | os.PathLike[str], pooch: Any) -> None:
        if not _ALLOWED.get():
            raise ConnectionError("nothing is downloaded for this")
        have = self.part.stat().st_size if self.part.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                self._receive(response, have)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416:
                raise
            # Nothing is left to fetch: either the part is whole, or the checksum will say no.
        # Moved before the check: a part with wrong bytes must not be resumed for ever.
        shutil.move(self.part, output_file)

    def _receive(self, response: http.client.HTTPResponse, have: int) -> None:
        resumes = response.status == 206
        have = have if resumes else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else 0
        with self.part.open("ab" if resumes else "wb") as out:
            while block := response.read(_BLOCK):
                out.write(block)
                have += len(block)
                if self.progress is not None:
                    self.progress(have, total, f"downloading {self.part.stem}")
        if have < total:
            raise ConnectionError(f"the connection broke at {have:,} of {total:,} bytes")
