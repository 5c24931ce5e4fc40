"""Which path means what: a FastAPI application around a service."""

# Without `from __future__ import annotations`: FastAPI reads the classes behind the annotations
# of functions that stand inside another one.

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from striate.errors import ServiceError, StriateError
from striate.serve.metrics import KIND
from striate.serve.needed import check_packages
from striate.serve.page import page
from striate.serve.service import HOW, SCHEMA_VERSION, Service

_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": _PICTURE,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"files": {"type": "array", "items": _PICTURE["schema"]}},
                    "required": ["files"],
                }
            },
        },
    }
}
REFUSALS = {
    400: "what is no picture, by name",
    401: "the API key is missing or wrong",
    408: "the request did not arrive in time",
    413: "the request or a picture is too large, or there are too many",
    429: "too busy; try again",
    500: "the network answers with what is no number",
    503: "no answer in time",
}
"""Statuses of answers without predictions."""


def application(service: Service) -> Any:
    """The service as an ASGI application.

    Raises:
        SettingError: FastAPI is not installed.
    """
    check_packages()
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.exceptions import HTTPException

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close()

    async def predict(request: Request) -> Response:
        started = time.perf_counter()
        status, content = await _predicted(service, request)
        service.metrics.count(status, time.perf_counter() - started)
        headers = {"Retry-After": "1"} if status == 429 else None
        return JSONResponse(content, status, headers)

    async def health() -> Response:
        return JSONResponse(service.health())

    async def metrics() -> Response:
        return PlainTextResponse(service.metrics_text(), media_type=KIND)

    async def docs(request: Request) -> Response:
        return HTMLResponse(page(service, REFUSALS, str(request.base_url)))

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        what = f"{request.method} {request.url.path} is not answered here"
        remedy = "POST /predict, GET /health, /metrics, /docs, /openapi.json."
        return JSONResponse(_error(StriateError(what, remedy=remedy)), status, _headers(error))

    app = FastAPI(title="Striate", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": what} for status, what in REFUSALS.items()
    }
    app.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        openapi_extra=_BODY,
        responses=refusals,
        response_model=None,
        summary="Class and probabilities of one picture or several.",
    )
    for path, endpoint in (("/health", health), ("/metrics", metrics), ("/docs", docs)):
        app.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    app.add_exception_handler(HTTPException, refused)
    return app


def _headers(error: Exception) -> Any:
    return getattr(error, "headers", None)


async def _predicted(service: Service, request: Any) -> tuple[int, dict[str, Any]]:
    """Status and content of an answer; whatever happens, there is one."""
    try:
        service.check_key(_presented(request))
        with service.upload(_announced(request)) as upload:
            body = await upload.read(request.stream())
            return 200, await service.answer(await _pictures(service, request, body))
    except ServiceError as error:
        return error.status, _error(error)
    except StriateError as error:
        return 500, _error(error)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        if type(error).__name__ == "ClientDisconnect":  # nobody reads this
            return 400, _error(StriateError("the client has left"))
        logging.getLogger("striate.serve").exception("a request failed")
        return 500, _error(StriateError("the service failed at this request"))


def _error(error: StriateError) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "error": str(error)}


def _presented(request: Any) -> str:
    """The key in the headers of a request, or nothing."""
    bearer, _, token = request.headers.get("authorization", "").partition(" ")
    token = token if bearer.lower() == "bearer" else ""
    return str(request.headers.get("x-api-key") or token)


def _announced(request: Any) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else 0


async def _pictures(service: Service, request: Any, body: bytes) -> list[tuple[str, bytes]]:
    """The pictures in the body of a request, with the names of their files.

    Raises:
        ServiceError: 400, where several parts hold none; 413 for too many.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return [("", body)]
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    most = service.limits.pictures
    parser = MultiPartParser(request.headers, _once(body), max_files=most + 1, max_fields=16)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ServiceError(
            f"the parts of the request cannot be read: {error.message}", status=400, remedy=HOW
        ) from None
    async with _closing(form):
        files = [each for each in form.getlist("files") if isinstance(each, UploadFile)]
        found = [(each.filename or "", await each.read()) for each in files]
    if not found:
        raise ServiceError("no part called files holds a picture", status=400, remedy=HOW)
    return found


@asynccontextmanager
async def _closing(form: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await form.close()


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
