"""Who may talk to the studio: whoever has the token, from this machine's own address.

A page on the internet can send requests to 127.0.0.1 from its reader's browser, and with a name
that it points there (DNS rebinding) can read the answers. So every request, and every websocket,
must name the studio's address as its Host, may come from no other Origin, and brings the token: in
the address that was printed, and then as a cookie that no other site's requests carry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""The names that this machine has for itself."""

EVERYWHERE = ("0.0.0.0", "::")
"""Hosts that stand for every address of the machine."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        b"connect-src 'self' blob: data:; frame-ancestors 'none'; form-action 'none'; "
        b"base-uri 'self'; object-src 'none'",
    ),
)
"""What each answer says: the page loads nothing from elsewhere and stands in nobody's frame."""


class AccessCheck:
    """An application behind the check; it answers 403 to whom it does not know.

    Args:
        app: what is guarded.
        token: the secret.
        host: the address that is listened on.
        port: and its port.
    """

    def __init__(self, app: App, *, token: str, host: str, port: int) -> None:
        self.app = app
        self.token = token
        self.host = host
        self.port = port
        self.cookie = f"striate-{port}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what is allowed."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        if headers is None or not self._is_allowed(scope, headers):
            await _refuse(scope, receive, send)
            return
        sets_cookie = scope["type"] == "http" and self._is_in_address(scope)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
                if sets_cookie:
                    message["headers"] += [(b"set-cookie", self._set_cookie)]
            await send(message)

        await self.app(scope, receive, sent)

    @property
    def _set_cookie(self) -> bytes:
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict".encode()

    def _is_allowed(self, scope: Message, headers: Mapping[str, str]) -> bool:
        host = headers.get("host", "")
        if not self.is_ours(host):
            return False
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return False
        return self._is_in_address(scope) or self._is_in_cookie(headers.get("cookie", ""))

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names the studio.

        Where it listens on every address, it must be a number: names can be pointed anywhere.
        """
        name, mark, port = host.rpartition(":")
        if not mark or port != str(self.port):
            return self.port == 80 and self.is_ours(f"{host}:80")
        if name.lower() in LOOPBACK or name == self.host or name == f"[{self.host}]":
            return True
        return self.host in EVERYWHERE and _is_number(name)

    def _is_in_address(self, scope: Message) -> bool:
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return any(self._is_token(each) for each in asked.get("token", ()))

    def _is_in_cookie(self, text: str) -> bool:
        try:
            found = SimpleCookie(text).get(self.cookie)
        except CookieError:
            return False
        return found is not None and self._is_token(found.value)

    def _is_token(self, given: str) -> bool:
        return compare_digest(given.encode(), self.token.encode())


def _headers(scope: Message) -> dict[str, str] | None:
    """The headers; None where one that matters is there twice."""
    found: dict[str, str] = {}
    for raw, value in scope.get("headers", ()):
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin"):
            return None
        joined = f"{found[name]}; " if name == "cookie" and name in found else ""
        found[name] = joined + value.decode("latin-1")
    return found


def _is_number(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        return
    text = b"403: open the whole address that striate studio has printed, with its token.\n"
    kind = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": [*kind, *HEADERS]})
    await send({"type": "http.response.body", "body": text})
