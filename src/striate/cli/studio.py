"""`striate studio`: a network that is alive in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import DataDir, FirstSeed, Inputs, WeightsFile
from striate.errors import SettingError

LOOPBACK = "127.0.0.1"


def run(
    subject: Annotated[str, typer.Argument(help=networks.HELP)] = "",
    port: Annotated[
        int, typer.Option(help="The port; 0 takes one that is free.", min=0, max=65535)
    ] = 0,
    host: Annotated[
        str, typer.Option(help="The address to listen on; another than this machine's is a risk.")
    ] = LOOPBACK,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser; the address is printed.")
    ] = False,
    data_dir: DataDir = None,
    seed: FirstSeed = None,
    weights: WeightsFile = None,
    inputs: Inputs = None,
) -> None:
    """Show a network in the browser, where a click asks why.

    Example: striate studio runs/lenet-digits-1
    """
    from striate.studio.server import serve
    from striate.studio.viewer import Studio

    if not subject:
        raise SettingError("which network?", remedy="striate studio runs/lenet-digits-1")
    found = networks.explainable_of(networks.named(subject, inputs or ()), seed, weights)
    studio = Studio(found, subject, data_dir)
    if host not in (LOOPBACK, "localhost", "::1"):
        terminal.say(
            f"warning: on {host} everybody who can reach this machine and learns the token can "
            "use the studio; nothing is encrypted.",
            error=True,
        )

    def ready(address: str) -> None:
        terminal.say(address)
        if not no_browser:
            import webbrowser

            webbrowser.open(address)

    serve(studio, host=host, port=port, ready=ready)
