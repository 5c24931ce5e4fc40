"""Ctrl-C and requests to end: a run stops after its step, with everything saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    """What can be asked to stop."""

    is_stopping: bool


@contextmanager
def stopping(session: Stoppable) -> Iterator[None]:
    """Let Ctrl-C, or a request to end, stop after the current step; the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if session.is_stopping:
            raise KeyboardInterrupt
        session.is_stopping = True

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
