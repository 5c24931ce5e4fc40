"""`striate serve`: a model behind HTTP."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    port: Annotated[int, typer.Option(help="0 for any free one.", min=0, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option(help="Where to listen: this computer alone, or 0.0.0.0 for all.")
    ] = LOOPBACK[0],
    api_key: Annotated[
        str,
        typer.Option(envvar="STRIATE_API_KEY", help="What requests must send as X-API-Key."),
    ] = "",
    queue: Annotated[int, typer.Option(help="Pictures that may wait.", min=1)] = 256,
    batch: Annotated[int, typer.Option(help="Pictures for the network at once.", min=1)] = 64,
    megabytes: Annotated[float, typer.Option(help="Of one request.", min=0.001)] = 16.0,
    seconds: Annotated[
        float, typer.Option(help="For a request to arrive, and to be answered.", min=0.001)
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say as JSON where it listens, and what it did.")
    ] = False,
) -> None:
    """Answer with classes and probabilities over HTTP.

    POST /predict takes a picture's bytes as the body, or several as multipart files. GET /health,
    /metrics (for Prometheus) and /docs tell of the service. Ctrl-C answers what has arrived, and
    ends.

    Example: striate serve runs/lenet-digits-1 --port 8000
    """
    from striate.serve.needed import check_packages

    check_packages()
    from striate.serve import Limits, Service
    from striate.serve.server import address, listening, serve

    limits = Limits(upload=int(megabytes * 1e6), queue=queue, batch=batch, seconds=seconds)
    service = Service(file, limits, api_key=api_key)
    with listening(host, port) as opened:
        if host not in LOOPBACK and not api_key:
            terminal.say("Anybody who reaches this computer can ask: see --api-key.", error=True)
        url = address(opened)
        if as_json:
            terminal.print_json({"schema_version": 1, "url": url, "model": service.sha256})
        else:
            terminal.say(f"serving {file} at {url} (/docs explains it); Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            serve(service, opened)
    pictures = service.metrics.pictures
    if as_json:
        terminal.print_json({"schema_version": 1, "pictures": pictures})
    else:
        terminal.say(f"ended; {pictures:,} pictures answered")
