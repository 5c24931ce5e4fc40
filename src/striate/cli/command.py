"""All verbs as one command, and the one place where a command ends: message and exit code."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import typer

from striate.capacity import is_shortage
from striate.cli import (
    HUNG_UP,
    INTERRUPTED,
    WRONG,
    bench,
    check,
    compare,
    data,
    diagnose,
    draw,
    evaluate,
    export,
    memory,
    networks,
    predict,
    pretrain,
    report,
    serve,
    show,
    studio,
    svm,
    terminal,
    train,
    verify,
    why,
)
from striate.errors import InterruptedRunError, RankError, SettingError, StriateError
from striate.exchange.own_version import own_version

app = typer.Typer(
    name="striate",
    help="Convolutional networks you can see through: write one in a line, train it, "
    "and ask why about any number in it.",
    epilog="First: striate train. Then, for example: striate show lenet5",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it takes [channel,row,column] for markup, and breaks paragraphs
)
VERBS = (
    train,
    show,
    memory,
    draw,
    why,
    studio,
    predict,
    evaluate,
    report,
    diagnose,
    verify,
    compare,
    data,
    networks,
    export,
    serve,
    check,
    pretrain,
    svm,
    bench,
)
for verb in VERBS:
    app.command(name=verb.__name__.rpartition(".")[2])(verb.run)

_UsageError: type[Any] = typer.BadParameter.__mro__[2]
"""What typer raises for words it does not know: ClickException, of the click it brings along."""


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        terminal.say(f"striate {own_version()}")
        raise typer.Exit


def run() -> int:
    """The exit code of the command in `sys.argv`; a wrong request is one clear message."""
    try:
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:  # typer's form of KeyboardInterrupt
            raise KeyboardInterrupt
        sys.stdout.flush()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # rich, printing typer's help
            return _hung_up()
        raise
    except InterruptedRunError as error:
        return _ended(f"{error}" if terminal.is_first_rank() else "", INTERRUPTED)
    except KeyboardInterrupt:
        return _ended("interrupted", INTERRUPTED)
    except StriateError as error:
        return _ended(f"striate: {error}" if _is_reporter(error) else "", WRONG)
    except _UsageError as error:
        return _ended(f"striate: {_of_usage(error)}", WRONG)
    except BrokenPipeError:
        return _hung_up()
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        return _ended(f"striate: there is not enough memory: {error}".splitlines()[0], WRONG)
    except OSError as error:
        return _ended(f"striate: {_said(error)}", WRONG)
    return int(code)


def _is_reporter(error: StriateError) -> bool:
    """Whether this process of a run says what is wrong: one of them does."""
    return terminal.is_rank(error.reporter if isinstance(error, RankError) else 0)


def _of_usage(error: Any) -> SettingError:
    """What the parser of the command line refuses, said as we say what is wrong."""
    context = error.ctx
    command, usage = "striate", ""
    if context is not None:
        command += f" {context.info_name}" if context.parent else ""
        usage = " ".join([command, *context.command.collect_usage_pieces(context)])
    said = error.format_message().rstrip(".")
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    what, _, near = re.sub(r" \(Possible options?: (.*)\)", r". Did you mean \1?", said).partition(
        ". "
    )
    quotes = "Put the text of a network in quotes." if "extra argument" in what else ""
    remedy = " ".join(filter(None, (near, quotes, f"`{command} --help` explains each word.")))
    return SettingError(what[:1].lower() + what[1:], where=usage, remedy=remedy)


_WORDS = {
    "Value error, ": "",
    "Input should be": "it should be",
    ", unable to parse string as an integer": "",
    ", unable to parse string as a number": "",
    "argument(s)": "arguments",
}
"""Words of the parser, and ours."""


def _said(error: OSError) -> str:
    """What the system refused, with the file where it names one."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _ended(message: str, code: int) -> int:
    """Say `message` if anybody reads it, and flush what was said before."""
    for stream, text in ((sys.stdout, ""), (sys.stderr, f"{message}\n" if message else "")):
        try:
            stream.write(terminal.visible(text))
            stream.flush()
        except OSError:
            terminal.hush(stream)
    return code


def _hung_up() -> int:
    """The reader (head, less) has left: nothing more to say, and nothing is wrong."""
    terminal.hush(sys.stdout)
    return HUNG_UP


def reopen_closed() -> None:
    """Give closed standard streams a place to go, or the next file opened would take their number.

    And what an encoding cannot hold is written as an escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
