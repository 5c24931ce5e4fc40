"""A module by its place in Python code, `package.module:name`, as a captured network."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import reduce
from os import sep
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from striate.errors import CaptureError, StriateError, UnknownNameError, did_you_mean
from striate.pytorch.capture import Captured, capture

Shapes: TypeAlias = Sequence[tuple[str, tuple[int, ...]]]
"""The name of each input, or nothing, and the lengths of its axes, the batch not counted."""


def captured(place: str, inputs: Shapes) -> Captured:
    """The module at `place`, captured with inputs of these shapes. Its code is executed.

    What the code prints goes to standard error.

    Args:
        place: `package.module:name`, of a module or of a class or function that makes one without
            arguments. Files of the current directory are found.
        inputs: in the order of the module's arguments, or all by their names.

    Raises:
        UnknownNameError: there is no such Python module, or it has no such name.
        CaptureError: the code fails, makes no module, or computes what is no graph.
    """
    if not inputs:
        raise CaptureError(
            f"{place}: a picture of which size goes in?",
            remedy="Say its channels, height and width: --input 3x224x224. In Python: "
            "striate.capture(module, (3, 224, 224))",
        )
    with redirect_stdout(sys.stderr):
        module = _module(place)
        tensors = [_picture(shape, module) for shape in _ordered(place, module, inputs)]
        with _in_words(f"{place} cannot run on {_written(inputs)}"):
            return capture(module, tensors)


def _module(place: str) -> nn.Module:
    path, _, name = place.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    home = _imported(path)
    found = _attribute(home, path, name)
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise _no_module(f"{place} is", found)
    missing = _required(found)
    if missing:
        raise CaptureError(
            f"{place} needs {', '.join(missing)} to make a module",
            remedy="Write a function without arguments that makes it, and name that.",
        )
    with _in_words(f"{place} cannot be made"):
        made = found()
    if isinstance(made, nn.Module):
        return made
    raise _no_module(f"{place} makes", made)


def _no_module(what: str, found: object) -> CaptureError:
    return CaptureError(
        f"{what} no torch.nn.Module: {type(found).__name__}",
        remedy="Name a module, or a class or function that makes one without arguments.",
    )


def _imported(path: str) -> ModuleType:
    with _in_words(f"{path} cannot be imported"):
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if not f"{path}.".startswith(f"{missing}."):
                raise
            raise UnknownNameError(
                f"there is no Python module {missing}", remedy=_near(path)
            ) from None


def _near(path: str) -> str:
    if path.endswith(".py"):
        return f"Name it without .py: {path[:-3].replace('/', '.')}:NAME"
    files = [each.stem for each in Path().glob("*.py")]
    searched = "Searched: the current directory, and what is installed beside Striate."
    return did_you_mean(path, files) or searched


def _attribute(home: ModuleType, path: str, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), home)
    except AttributeError:
        near = did_you_mean(name, [each for each in dir(home) if not each.startswith("_")])
        raise UnknownNameError(f"{path} has no {name}", remedy=near) from None


def _required(make: Any) -> list[str]:
    """The arguments that a class or function cannot do without."""
    try:
        takes = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # written in C
        return []
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in takes if each.default is each.empty and each.kind not in starred]


def _ordered(place: str, module: nn.Module, inputs: Shapes) -> Iterator[tuple[int, ...]]:
    """The shapes in the order of the module's arguments."""
    named: Mapping[str, tuple[int, ...]] = {name: shape for name, shape in inputs if name}
    if not named:
        return (shape for _, shape in inputs)
    takes = list(inspect.signature(module.forward).parameters)
    wrong = next((name for name in named if name not in takes), None)
    if wrong is not None:
        near = did_you_mean(wrong, takes) or f"It takes: {', '.join(takes) or 'nothing'}."
        raise UnknownNameError(f"{place} takes no input {wrong}", remedy=near)
    if len(named) < len(inputs) or set(takes[: len(named)]) != set(named):
        raise CaptureError(
            f"{place} takes {', '.join(takes)}; {_written(inputs)} are not the first of them",
            remedy="Name each input once, without leaving one out between them.",
        )
    return (named[name] for name in takes[: len(named)])


def _picture(shape: tuple[int, ...], module: nn.Module) -> Tensor:
    """One random picture as the module takes it."""
    first = next((each for each in module.parameters() if each.is_floating_point()), None)
    like = torch.empty(0) if first is None else first
    random = torch.Generator().manual_seed(0)
    return torch.randn(1, *shape, generator=random).to(like.device, like.dtype)


def _written(inputs: Shapes) -> str:
    return ", ".join("=".join(filter(None, (n, "x".join(map(str, s))))) for n, s in inputs)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """What somebody's code raises, with the line that raised it."""
    try:
        yield
    except StriateError:
        raise
    except (Exception, SystemExit) as error:
        said = traceback.format_exception_only(error)[-1].strip()
        raise CaptureError(f"{what}: {said}", where=_where(error)) from None


def _where(error: BaseException) -> str:
    """The last line of a person's own code on the way to an error; of a library's, else."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {(error.text or '').strip()}"
    walked = traceback.extract_tb(error.__traceback__)
    frames = [each for each in walked if not each.filename.startswith("<")]
    foreign = [each for each in frames if not _is_library(each.filename)]
    if not frames:
        return ""
    last = (foreign or frames)[-1]
    return f"{last.filename}, line {last.lineno}: {last.line}"


_OURS = f"{Path(__file__).parents[1]}{sep}"


def _is_library(file: str) -> bool:
    return file.startswith(_OURS) or "site-packages" in file or file == importlib.__file__
