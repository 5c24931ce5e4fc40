"""Listening: a socket of our own, uvicorn behind it, and an end that answers what has arrived."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from striate.errors import SettingError
from striate.serve.app import application
from striate.serve.needed import check_packages
from striate.serve.service import Service

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
LAST_SECONDS = 10
"""How long Ctrl-C waits for answers that are under way."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Args:
        port: 0 for any free one.

    Raises:
        SettingError: the port is taken or not allowed, or the host is not of this computer.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise SettingError(
            f"{host}:{port} cannot be listened at: {reason}",
            remedy="Name another port: --port 8001; or 0 for any free one.",
        ) from None


def address(opened: socket.socket) -> str:
    """The URL of a socket that takes connections."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(service: Service, opened: socket.socket) -> None:
    """Answer requests until Ctrl-C; then answer those that have arrived, and return.

    Raises:
        KeyboardInterrupt: Ctrl-C, once everything has been answered.
    """
    _server(service).run(sockets=[opened])


def _server(service: Service) -> Any:
    check_packages()
    import uvicorn

    # What a client sends is answered with 400; it writes no line of ours, or it could fill a disk.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application(service),
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=LAST_SECONDS,
        ws="none",
    )
    return uvicorn.Server(config)


@contextmanager
def in_background(service: Service) -> Iterator[str]:
    """The URL of a service that answers from a thread, on a free port of this computer."""
    with listening(LOOPBACK, 0) as opened:
        server = _server(service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        try:
            yield address(opened)
        finally:
            server.should_exit = True
            thread.join(LAST_SECONDS)
