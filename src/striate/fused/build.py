"""Compile one of this package's C++ sources on first use, for this processor, and load it.

A built library is kept in the user's cache folder under a key of everything that shaped it:
source, headers, flags, compiler and processor. It is built beside its place and renamed there,
so that any number of processes may start at once and none sees half a file. Its name carries the
checksum of its content, which is compared before it is loaded; the folder has to be ours alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from striate.errors import SettingError, StriateError
from striate.files import read_bytes

SOURCES = Path(__file__).with_name("csrc")
FLAGS = (
    "-O3",
    "-std=c++17",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fopenmp",
    "-shared",
    "-fPIC",
)
# Compilers name "this very processor" differently; the last resort is their default target.
NATIVE = ("-march=native", "-mcpu=native", "")
BUILD_SECONDS = 300
LARGEST = 1 << 28
"""Bytes of a library; ours have some hundred thousand."""
Built = TypeVar("Built")
Mode = Literal["off", "on", "require"]

_log = logging.getLogger("striate.fused")


class Unavailable(StriateError):
    """The fused kernels cannot be used here; `what` says why."""


def mode() -> Mode:
    """What `STRIATE_FUSED` asks for: "off", "on" (the default) or "require".

    Raises:
        SettingError: it is set to something else.
    """
    value = os.environ.get("STRIATE_FUSED", "").strip().lower() or "on"
    if value in ("off", "on", "require"):
        return value  # type: ignore[return-value]
    raise SettingError(
        f"STRIATE_FUSED is {value!r}",
        remedy="Set it to off (plain PyTorch), on (the default) or require (an error if not).",
    )


def library(name: str, defines: Mapping[str, int] | None = None) -> ctypes.CDLL:
    """The library built from `csrc/<name>.cpp`, with `-DKEY=VALUE` for each of `defines`.

    The first call with these arguments builds it (seconds) or finds it in the cache folder;
    later calls return the same object, or raise the same reason.

    Raises:
        Unavailable: fused kernels are off, there is no compiler, or the build fails.
    """
    if mode() == "off":
        raise Unavailable("fused kernels are off (STRIATE_FUSED=off)")
    result = _library(name, tuple(sorted((defines or {}).items())))
    if isinstance(result, Unavailable):
        raise result
    return result


def fall_back(reason: Unavailable) -> None:
    """Note once that plain PyTorch runs instead; under `require`, raise.

    Raises:
        Unavailable: `STRIATE_FUSED=require`.
    """
    chosen = mode()
    if chosen == "require":
        raise reason
    if chosen == "on":
        _note(reason.what)


def found(make: Callable[[], Built]) -> Built | None:
    """What `make` answers with; None where it cannot be built and plain PyTorch must run.

    Raises:
        Unavailable: it cannot be built, and `STRIATE_FUSED=require`.
    """
    try:
        return make()
    except Unavailable as reason:
        fall_back(reason)
        return None


@cache
def _note(reason: str) -> None:
    _log.warning("Fused kernels are not used, plain PyTorch runs instead: %s", reason)


def cache_folder() -> Path:
    """Where built libraries and measured choices are kept; made if it is missing.

    `$XDG_CACHE_HOME/striate/fused`, else the platform's own cache folder; where that cannot be
    written (a read-only home) or others could write to it, a private folder that ends with the
    process.
    """
    folder = _cache_home() / "striate" / "fused"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        trouble = _trouble(folder.parent) or _trouble(folder)
        if not trouble and folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError:
        return _temporary_folder()
    if trouble:
        _note_folder(trouble)
        return _temporary_folder()
    return folder if os.access(folder, os.W_OK) else _temporary_folder()


def _trouble(folder: Path) -> str:
    """Why others could put a library into `folder`, in words; empty where only we can."""
    found = folder.lstat()
    if not hasattr(os, "geteuid"):  # Windows: the home's own rights hold
        return ""
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is a link, not a folder"
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to another user"
    if found.st_mode & 0o022:
        return f"others may write to {folder} (chmod 700 mends it, once its content is removed)"
    return ""


@cache
def _note_folder(trouble: str) -> None:
    _log.warning("Built kernels are not kept, and are built anew each time: %s", trouble)


def _cache_home() -> Path:
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path.home() / ".cache"


_temporary: list[tempfile.TemporaryDirectory[str]] = []


def _temporary_folder() -> Path:
    if not _temporary:
        _temporary.append(
            tempfile.TemporaryDirectory(prefix="striate-", ignore_cleanup_errors=True)
        )
    return Path(_temporary[0].name)


@cache
def processor() -> str:
    """This processor, as far as a built library or a measurement depends on it."""
    parts = [sys.platform, platform.machine(), platform.processor()]
    info = Path("/proc/cpuinfo")
    if info.exists():
        wanted = ("model name", "flags", "Features", "CPU part", "CPU implementer")
        lines = info.read_text(errors="replace").splitlines()
        parts += sorted({line for line in lines if line.startswith(wanted)})
    elif sys.platform == "darwin":
        parts.append(_output(["sysctl", "-n", "machdep.cpu.brand_string"]))
    return "\n".join(parts)


@cache
def compiler() -> tuple[str, ...]:
    """The command of the user's C++ compiler: `$CXX`, else c++, g++ or clang++.

    Raises:
        Unavailable: there is none.
    """
    named = os.environ.get("CXX", "").split()
    for command in [named] if named else [["c++"], ["g++"], ["clang++"]]:
        path = shutil.which(command[0])
        if path:
            return (path, *command[1:])
    raise Unavailable(
        f"$CXX is {' '.join(named)}, which is not there" if named else "there is no C++ compiler",
        remedy="Install g++ or clang++, or name one in $CXX.",
    )


@cache
def _library(name: str, defines: tuple[tuple[str, int], ...]) -> ctypes.CDLL | Unavailable:
    """Cached with its failures, so that a broken compiler is asked once."""
    try:
        command = compiler()
        flags = [*FLAGS, *(f"-D{key}={value}" for key, value in defines)]
        stem = cache_folder() / f"{name}-{_key(name, command, flags)}"
        found = _kept(stem)
        return found or ctypes.CDLL(str(_build(SOURCES / f"{name}.cpp", command, flags, stem)))
    except Unavailable as reason:
        return reason
    except (OSError, subprocess.SubprocessError) as error:
        return Unavailable(f"the kernels of {name} could not be built: {error}")


def _key(name: str, command: tuple[str, ...], flags: list[str]) -> str:
    digest = hashlib.sha256()
    for path in [SOURCES / f"{name}.cpp", *sorted(SOURCES.glob("*.hpp"))]:
        digest.update(path.read_bytes() + b"\0")
    for part in (*command, _output([*command, "--version"]), *flags, *NATIVE, processor()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:24]


def _kept(stem: Path) -> ctypes.CDLL | None:
    """The library built before, if it is whole; what is damaged is removed."""
    for path in sorted(stem.parent.glob(f"{stem.name}-*.so")):
        with suppress(OSError, Unavailable):
            if not path.is_symlink() and path == _named(stem, path):
                return ctypes.CDLL(str(path))
        with suppress(OSError):  # damaged by a full disk, a kill or an interrupted copy
            path.unlink()
    return None


def _named(stem: Path, content: Path) -> Path:
    """The place of a library: what it was built from, and the checksum of what came out."""
    digest = hashlib.sha256(read_bytes(content, Unavailable, most=LARGEST)).hexdigest()
    return stem.with_name(f"{stem.name}-{digest[:32]}.so")


def _build(source: Path, command: tuple[str, ...], flags: list[str], stem: Path) -> Path:
    """Build a library, and return its place."""
    _remove_remains(stem.parent)
    handle, temporary = tempfile.mkstemp(prefix=stem.name, suffix=".tmp", dir=stem.parent)
    os.close(handle)
    complaint = ""
    try:
        for native in NATIVE:
            arguments = [*command, *flags, *native.split(), str(source), "-o", temporary]
            done = subprocess.run(
                arguments, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
            )
            if done.returncode == 0:
                target = _named(stem, Path(temporary))
                os.replace(temporary, target)
                return target
            complaint = complaint or done.stderr
        raise Unavailable(
            f"{command[0]} could not build {source.name}", where=complaint[-2000:].strip()
        )
    finally:
        Path(temporary).unlink(missing_ok=True)


def _remove_remains(folder: Path) -> None:
    """Remove what killed processes left, all that is too old for a build to be still under way."""
    oldest = time.time() - BUILD_SECONDS * len(NATIVE)
    for path in folder.glob("*.tmp"):
        with suppress(OSError):  # another process was first, or it is another user's
            if path.stat().st_mtime < oldest:
                path.unlink()


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
