"""Who is answered and who is not, without a server: the guard as an application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from striate.studio.access import AccessCheck, Message

HERE = {"host": "127.0.0.1:8000"}
COOKIE = {"cookie": "other=1; striate-8000=secret"}


def asked(
    headers: dict[str, str], query: str = "", kind: str = "http", host: str = "127.0.0.1"
) -> tuple[str, dict[str, Any]]:
    """What the application behind the guard was asked, and the first thing that was answered."""
    came: list[str] = []
    sent: list[Message] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        came.append(scope["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(AccessCheck(app, token="secret", host=host, port=8000)(scope, receive, send))
    return "".join(came), dict(sent[0])


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (HERE, "token=secret"),
        ({"host": "localhost:8000"}, "picture=digits%237&token=secret"),
        ({"host": "[::1]:8000"}, "token=secret"),
        (HERE | COOKIE, ""),
        (HERE | COOKIE | {"origin": "http://127.0.0.1:8000"}, ""),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_who_has_the_token_is_answered(headers: dict[str, str], query: str, kind: str) -> None:
    came, answer = asked(headers, query, kind)
    assert (came, answer["status"]) == (kind, 200)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (HERE, ""),
        (HERE, "token="),
        (HERE, "token=secre"),
        (HERE, "token=%C3%A9"),
        (HERE | {"cookie": "striate-8000=guess"}, ""),
        (HERE | {"cookie": "striate-8001=secret"}, ""),
        (HERE | {"cookie": "=;;;"}, ""),
        ({}, "token=secret"),
        ({"host": "evil.example"}, "token=secret"),
        ({"host": "evil.example:8000"} | COOKIE, "token=secret"),
        ({"host": "127.0.0.1:8001"}, "token=secret"),
        ({"host": "127.0.0.1.evil.example:8000"}, "token=secret"),
        (HERE | COOKIE | {"origin": "http://evil.example"}, "token=secret"),
        (HERE | COOKIE | {"origin": "http://127.0.0.1:8001"}, ""),
        (HERE | COOKIE | {"origin": "https://127.0.0.1:8000"}, ""),
        (HERE | COOKIE | {"origin": "null"}, "token=secret"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_everybody_else_is_refused(headers: dict[str, str], query: str, kind: str) -> None:
    came, answer = asked(headers, query, kind)
    assert came == ""
    if kind == "http":
        assert answer["status"] == 403
    else:  # before the websocket is accepted, which servers answer with 403
        assert answer["type"] == "websocket.close"


def test_on_every_address_only_numbers_are_hosts() -> None:
    open_to_all = {"kind": "http", "host": "0.0.0.0"}
    assert asked({"host": "192.168.1.5:8000"}, "token=secret", **open_to_all)[0] == "http"
    assert asked({"host": "evil.example:8000"}, "token=secret", **open_to_all)[0] == ""
    assert asked({"host": "192.168.1.5:8000"}, "token=secret", kind="http")[0] == ""


def test_the_token_goes_on_as_a_cookie_that_no_other_site_sends() -> None:
    headers = dict(asked(HERE, "token=secret")[1]["headers"])
    assert headers[b"set-cookie"] == b"striate-8000=secret; Path=/; HttpOnly; SameSite=Strict"
    assert headers[b"x-frame-options"] == b"DENY"
    assert b"set-cookie" not in dict(asked(HERE | COOKIE)[1]["headers"])
