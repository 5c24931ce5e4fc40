"""The command line: one file a verb. Only this room prints."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from striate.cli import (
    bench,
    evaluate,
    export,
    networks,
    predict,
    pretrain,
    show,
    svm,
    train,
    verify,
    why,
)
from striate.errors import InterruptedRunError, StriateError

WRONG, INTERRUPTED = 2, 130
"""Exit codes beside 0, done, and 1, the answer is no."""

app = typer.Typer(
    name="striate",
    help="Convolutional networks you can see through: write one in a line, train it, "
    "and ask why about any number in it.",
    epilog="First: striate train   then: striate show 'INPUT 1x28x28 -> CONV 6 5x5 -> FC 10'",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (train, show, why, predict, evaluate, verify, networks, export, pretrain, svm, bench):
    app.command(name=verb.__name__.rpartition(".")[2])(verb.run)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"striate {installed('striate')}")
        raise typer.Exit


def main() -> None:
    """Run one command and leave with its exit code; a wrong request is one clear message."""
    try:
        app()
    except InterruptedRunError as error:
        _leave(f"{error}", INTERRUPTED)
    except KeyboardInterrupt:
        _leave("interrupted", INTERRUPTED)
    except StriateError as error:
        _leave(f"striate: {error}", WRONG)
    except BrokenPipeError:
        # The reader (head, less) has left: close the pipe so that Python's exit stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except MemoryError:
        _leave("striate: there is not enough memory for this", WRONG)
    except OSError as error:
        _leave(f"striate: {error}", WRONG)


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    sys.exit(code)
