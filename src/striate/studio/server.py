"""Serving the studio on this machine until it is stopped."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from functools import partial
from threading import Thread
from typing import Any

from striate.errors import SettingError
from striate.studio.access import EVERYWHERE, AccessCheck
from striate.studio.packages import package
from striate.studio.page import Page
from striate.studio.viewer import LARGEST_FILE, Studio


def serve(
    studio: Studio, *, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None]
) -> None:
    """Serve the studio until the process is interrupted.

    Args:
        studio: the network that is shown.
        host: the address to listen on.
        port: its port; 0 takes one that is free.
        ready: called with the whole address, token included, once it is listened on.

    Raises:
        StriateError: the extra `studio` is not installed.
        SettingError: the address cannot be listened on.
    """
    uvicorn, app = _application(studio)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    checked = AccessCheck(app, token=secrets.token_urlsafe(24), host=host, port=port)
    ready(f"http://{_shown(host)}:{port}/?token={checked.token}")
    settings = uvicorn.Config(checked, log_level="error", ws="wsproto", timeout_graceful_shutdown=1)
    Thread(target=studio.warm, daemon=True).start()
    with listening:
        uvicorn.Server(settings).run(sockets=[listening])


def _application(studio: Studio) -> tuple[Any, Any]:
    """uvicorn, and the page as an application."""
    ui, uvicorn = package("nicegui.ui"), package("uvicorn")
    app = package("fastapi").FastAPI(openapi_url=None)
    pages: dict[str, Page] = {}
    app.add_route("/picture/{key}", partial(_dropped, pages), methods=["POST"])

    def root() -> None:
        client = ui.context.client
        page = Page(studio, dict(client.request.query_params))
        pages[page.key] = page
        client.on_delete(lambda: pages.pop(page.key, None))
        page.build()

    ui.page("/")(root)
    ui.run_with(app, dark=None, show_welcome_message=False, tailwind=False)
    return uvicorn, app


async def _dropped(pages: Mapping[str, Page], request: Any) -> Any:
    """A picture's file for one page, of bounded length."""
    answer = package("fastapi.responses").PlainTextResponse

    page = pages.get(request.path_params["key"])
    if page is None:
        return answer("there is no such page", 404)
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_FILE:
            return answer(f"the file is larger than {LARGEST_FILE:,} bytes", 413)
    page.drop(bytes(content))
    return answer("")


def _listen(host: str, port: int) -> socket.socket:
    """A socket that others can connect to."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}",
            remedy="Leave out --port for one that is free.",
        ) from None


def _shown(host: str) -> str:
    """The host as it stands in an address."""
    if host in EVERYWHERE:
        host = socket.gethostbyname(socket.gethostname())
    return f"[{host}]" if ":" in host else host
