"""Damaged and hostile input at every door: the answer is ours, soon, and in little memory.

    python tests/fuzz_doors.py              every door, at least 200,000 inputs
    python tests/fuzz_doors.py model 5000   one door, so many inputs
    python tests/fuzz_doors.py model 5000 7 with another seed

A door is a function of a random generator that makes one damaged input and hands it in; it raises
nothing but errors of ours. Input k of a door is the same in every run with the same seed.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import resource
import signal
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from striate.errors import StriateError

LIMIT = 10
"""Seconds that one input may take."""

MOST_MEMORY = 2 << 30
Random = random.Random
Door = Callable[[Random], object]

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, 2**64, -(2**63), 10**400, -(10**400)),
    *(0.5, -0.0, 1e308, 1e-320, math.nan, math.inf, -math.inf),
    *("", " ", "x", "0", "1e400", "nan", "\ud800", "\udcff", "\0", "\x1b[31m", "\u202e", "é" * 300),
    *("../../etc/passwd", "/dev/zero", "~nobody", "a\nb", "x" * 20_000, "9" * 400, "{", "[" * 2000),
    *([], {}, [[]], [{}], {"": 1}, [0, 1], [None], ["a"], [1e400], {"a": {"b": []}}, [1] * 2000),
)  # fmt: skip


def folder() -> Path:
    """Where this process keeps its damaged files."""
    return Path(_folder().name)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="doors-")


def bytes_damaged(rng: Random, whole: bytes) -> bytes:
    """`whole` with a few bytes changed, cut out, doubled, or exchanged for extreme numbers."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(data) + 1), rng.randrange(1, 65)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 9, 10, 34, 47, 127, 128, 255))
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
        elif kind == 5:
            data[at:at] = rng.randbytes(length)
        else:
            del data[at:]
    return bytes(data)


def text_damaged(rng: Random, whole: str, words: tuple[str, ...]) -> str:
    """`whole` with a few words put in, cut out or moved."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(whole) + 1)
        digits = [k for k, each in enumerate(whole) if each.isdecimal()]
        if digits and rng.random() < 0.4:
            at = rng.choice(digits)
            whole = (
                whole[:at] + rng.choice(("0", "1", "3", "9", "12", "1e3", "7x")) + whole[at + 1 :]
            )
            continue
        end = min(len(whole), at + rng.choice((0, 1, 3, 8)))
        part = rng.choice((*words, "", whole[at:end] * 2, chr(rng.choice((0, 27, 233, 0x202E)))))
        whole = whole[:at] + part + whole[end:]
    return whole


def value_damaged(rng: Random, whole: Any) -> Any:
    """A copy of JSON-like data with one entry exchanged, removed or added."""
    if isinstance(whole, dict) and whole and rng.random() < 0.9:
        key = rng.choice(sorted(whole, key=str))
        kind = rng.random()
        if kind < 0.08:
            return {k: v for k, v in whole.items() if k != key}
        if kind < 0.14:
            return whole | {rng.choice(("x", "", "\ud800", "__class__", key.upper())): 1}
        return whole | {key: value_damaged(rng, whole[key])}
    if isinstance(whole, list | tuple) and whole and rng.random() < 0.85:
        at = rng.randrange(len(whole))
        changed = [*whole]
        changed[at : at + 1] = rng.choice(([], [value_damaged(rng, whole[at])], [whole[at]] * 2))
        return changed
    return rng.choice(HOSTILE)


NETWORKS = (
    "INPUT 1x8x8 -> [CONV 4 3x3 same -> BN -> RELU]*2 -> MAXPOOL 2 -> FC 10",
    "INPUT 2x6x5 -> { CONV 3 1x1 -> BN epsilon=1e-3 | PASS } both: CONCAT -> DROPOUT 0.1 -> FC 3",
    "INPUT 2x6x5 -> { FC 3 } AUX 0.3 -> FC 4 -> CROSSENTROPY smoothing=0.1",
    "INPUT 1x9x9 -> C1: CONV 4 3x2 pad=0+1x2+3 -> TANH; { @tanh1 | @C1 } MUL -> FC 4 -> SOFTMAX",
)  # fmt: skip
WORDS = (
    *("->", " -> ", ";", "|", "[", "]", "{", "}", "*", "*3", "@", "@conv1", ":", "=", '"', "#", "\n"),
    *("CONV 4 3x3", "RELU", "FC 10", "ADD", "AUX", "AUX 1e400", "PASS", "INPUT 5", "MAXPOOL 2"),
    *("x", "+", "-", "1e400", "999999999999999999", "-1", "0", "pad=", "stride=0", "same", "\0", "→"),
)  # fmt: skip


def notation(rng: Random) -> object:
    """A network text: parsed, printed, and parsed again."""
    from striate.notation import parse, text

    graph = parse(text_damaged(rng, rng.choice(NETWORKS), WORDS))
    if parse(text(graph)) != graph:
        raise AssertionError("the text of a graph is another graph")
    return graph


@cache
def _graphs() -> list[Any]:
    from striate.exchange.json import to_json
    from striate.notation import parse

    return [json.loads(json.dumps(to_json(parse(each)))) for each in NETWORKS]


def graph_json(rng: Random) -> object:
    """A graph as JSON, damaged as text or as data."""
    from striate.analysis.table import table
    from striate.exchange.fields import parsed_json
    from striate.exchange.json import from_json

    data = rng.choice(_graphs())
    if rng.random() < 0.3:
        content = bytes_damaged(rng, json.dumps(data).encode())
        with contextlib.suppress(ValueError):  # no JSON: whoever reads it says so
            return from_json(parsed_json(content))
        return None
    for _ in range(rng.choice((1, 1, 2))):
        data = value_damaged(rng, data)
    return str(table(from_json(data)).to_json())


@cache
def _model() -> tuple[bytes, Any]:
    from striate.data import load
    from striate.data.preprocess import Preprocessing
    from striate.initialize import initialize
    from striate.model import Model
    from striate.notation import parse

    graph = parse(NETWORKS[0])
    data = load("digits")
    about = {
        "data": {"source": "digits", "sha256": data.sha256},
        "recipe": {"validation": None, "seed": 0},
        "epoch": 3,
    }
    preprocessing = Preprocessing(1, 8, 8, mean=data.mean, std=data.std)
    path = folder() / "whole.safetensors"
    Model(graph, initialize(graph), data.classes, preprocessing, about).save(path)
    return path.read_bytes(), data.test.images[0, 0]


def safetensors_damaged(rng: Random, whole: bytes) -> bytes:
    """A safetensors file, damaged anywhere, in its header, or in what its metadata describes."""
    if rng.random() < 0.4:
        return bytes_damaged(rng, whole)
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    if rng.random() < 0.7:
        own = header["__metadata__"]
        own["striate"] = json.dumps(value_damaged(rng, json.loads(own["striate"])))
    else:
        header = value_damaged(rng, header)
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + whole[8 + length :]


def model(rng: Random) -> object:
    """A model file: loaded, looked at, and now and then asked."""
    from striate import lookup
    from striate.analysis.table import table
    from striate.model import Model

    whole, picture = _model()
    path = folder() / "model.safetensors"
    path.write_bytes(safetensors_damaged(rng, whole))
    found = Model.load(path)
    table(found.graph)
    if rng.random() < 0.2:
        found.predict([picture])
    if rng.random() < 0.02:
        lookup.data_of(found, "", None)
    return found


CONFIG_WORDS = (
    *("&a ", "*a", "<<: ", "!!binary ", "!!timestamp ", "!!set ", "!!int ", "!!python/name:os.system "),
    *("2001-99-99", "2001-01-01", ".inf", ".nan", "0x", "1e999", "[", "]", "{", "}", "- ", "? ", ": "),
    *("\n", "\t", "|", ">", "'", '"', "#", "---\n", "null", "9" * 400, "yes", "%YAML 9\n", "\\ud800"),
)  # fmt: skip


@cache
def _run() -> Path:
    """A short run, whole."""
    from striate.training import train

    settings = {"epochs": 1, "batch_size": 40, "optimizer": "adam"}
    return train(NETWORKS[0], _digits(), run=folder() / "run", **settings).folder


@cache
def _digits() -> Any:
    from striate.data import load

    whole = load("digits")
    first = {
        name: whole.split(name).take(np.arange(80)) for name in ("train", "validation", "test")
    }
    return replace(whole, **first)


def config(rng: Random) -> object:
    """A config.yaml: read, and made into network, recipe and data."""
    import yaml

    from striate.training.run import read_config
    from striate.training.run_folder import read_yaml

    whole = (_run() / "config.yaml").read_text()
    path = folder() / "config.yaml"
    if rng.random() < 0.5:
        damaged = value_damaged(rng, yaml.safe_load(whole))
        whole = yaml.safe_dump(damaged, allow_unicode=True)
    else:
        whole = text_damaged(rng, whole, CONFIG_WORDS)
    path.write_text(whole, encoding="utf-8", errors="surrogatepass")
    return read_config(read_yaml(path), path)


def state(rng: Random) -> object:
    """What resuming reads: put back into a module and an optimizer, which then make a step."""
    import torch
    from striate.engine import lower, optimizer
    from striate.notation import parse
    from striate.training.checkpoint import load_state

    path = folder() / "state.safetensors"
    path.write_bytes(safetensors_damaged(rng, (_run() / "resume.safetensors").read_bytes()))
    module = lower(parse(NETWORKS[0]), fused=False)
    update = optimizer("adam", module, 1e-3)
    found = load_state(path, module, update)
    for weight in module.parameters():
        weight.grad = torch.zeros_like(weight)
    update.step()
    return found


def run_folder(rng: Random) -> object:
    """A whole run folder with one file damaged, exchanged or gone, gone on with."""
    import shutil

    from striate.training import resume

    place = folder() / "again"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(_run(), place)
    name = rng.choice(("config.yaml", "resume.safetensors", "best.safetensors", "metrics.csv"))
    file = place / name
    kind = rng.randrange(6)
    whole = file.read_bytes()
    file.unlink()
    if kind == 0:
        os.mkfifo(file)
    elif kind == 1:
        file.mkdir()
    elif kind == 2:
        file.symlink_to(rng.choice(("/dev/zero", "nowhere", name)))
    elif kind > 3:
        damage = safetensors_damaged if name.endswith("s") else bytes_damaged
        file.write_bytes(damage(rng, whole))
    return resume(place, data=_digits())


@cache
def _pictures() -> list[bytes]:
    from PIL import Image

    color = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        for mode in ("RGB", "L", "1") if kind != "WEBP" else ("RGB",):
            stream = io.BytesIO()
            Image.fromarray(color).convert(mode).save(stream, kind)
            found.append(stream.getvalue())
    return found


def picture(rng: Random) -> object:
    """The bytes of a picture file."""
    from striate.data.decode import measure
    from striate.data.decode import picture as decoded

    data = bytes_damaged(rng, rng.choice(_pictures()))
    with contextlib.suppress(StriateError):
        measure(data)
    return decoded(data, channels=rng.choice((1, 3)), size=(8, 8))


@cache
def _archives() -> list[tuple[str, bytes]]:
    found = []
    for suffix, mode in ((".tar", "w"), (".tar.gz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")):  # fmt: skip
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode=mode) as archive:
            for k, data in enumerate(_pictures()[:4]):
                member = tarfile.TarInfo(f"pictures/class{k % 2}/{k}.png")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        found.append((suffix, stream.getvalue()))
    return found


def archive(rng: Random) -> object:
    """A tar archive of pictures, plain or compressed."""
    from striate.data.archive import scan_archive

    suffix, whole = rng.choice(_archives())
    path = folder() / f"pictures{suffix}"
    path.write_bytes(bytes_damaged(rng, whole))
    return scan_archive(path)


def idx(rng: Random) -> object:
    """An IDX file, gzipped or not."""
    import gzip

    from striate.data.idx import read_idx

    whole = bytes((0, 0, 8, 3)) + struct.pack(">3I", 4, 5, 6) + bytes(range(120))
    path = folder() / "images-idx3"
    path.write_bytes(bytes_damaged(rng, gzip.compress(whole) if rng.random() < 0.5 else whole))
    return read_idx(path, 3)


def choices(rng: Random) -> object:
    """What was measured on this machine."""
    from striate.fused import choose

    key = json.dumps([1, "conv", choose._here()])
    whole = {key: {"layer": "conv", "fused_ms": 1.0, "plain_ms": 2.0, "margin": 1.02}}
    os.environ["XDG_CACHE_HOME"] = str(folder() / "cache")
    if rng.random() < 0.4:
        content = bytes_damaged(rng, json.dumps(whole).encode())
    else:
        content = json.dumps(value_damaged(rng, whole)).encode()
    choose._file().write_bytes(content)
    return [each.fused_wins for each in choose.choices()]


def library(rng: Random) -> object:
    """A built kernel: no damaged one is loaded."""
    import hashlib

    from striate.fused import build

    os.environ["XDG_CACHE_HOME"] = str(folder() / "cache")
    whole = b"\x7fELF" + bytes(range(256)) * 8
    stem = build.cache_folder() / "kernel-0123"
    digest = hashlib.sha256(whole).hexdigest()[:32]
    path = stem.with_name(f"{stem.name}-{digest}.so")
    damaged = bytes_damaged(rng, whole)
    path.write_bytes(damaged)
    if build._kept(stem) is not None or path.exists():
        raise AssertionError("a damaged library was kept")
    return None


QUESTIONS = (
    *("conv1[0,1,2]", "conv2.weight[0,1,2,2].grad", "fc1[3]", "probability[7]", "loss", "bn1[1,2,2]"),
    *("input[0,5,5].grad", "conv1.bias[3]", "pool1[0,1,1].grad", "loss.grad"),
)  # fmt: skip
QUESTION_WORDS = (
    "[",
    "]",
    ",",
    ".",
    "grad",
    "weight",
    "-1",
    "9" * 30,
    "1e9",
    "conv9",
    " ",
    "\0",
    "é",
)


@cache
def _inquiry() -> Any:
    from striate.analysis.why.inquiry import Inquiry
    from striate.model import Model

    whole, shown = _model()
    path = folder() / "asked.safetensors"
    path.write_bytes(whole)
    return Inquiry(Model.load(path), shown)


def question(rng: Random) -> object:
    """What `why` is asked."""
    return _inquiry().why(text_damaged(rng, rng.choice(QUESTIONS), QUESTION_WORDS))


VERBS: tuple[tuple[str, ...], ...] = (
    ("show", NETWORKS[0]),
    ("show", NETWORKS[2], "--json"),
    ("networks", "lenet5"),
    ("export", NETWORKS[1], "--to", "json"),
    ("export", NETWORKS[3], "--to", "notation", "--json"),
    ("verify", "INPUT 1x4x4 -> CONV 2 3x3 -> FC 2", "--seed", "3"),
    ("predict", "MODEL", "digits#3", "--top", "2"),
    ("why", "MODEL", "digits#3", "conv1[0,1,2]", "--target", "3"),
    ("bench", "INPUT 1x8x8 -> FC 10", "--steps", "1", "--batch", "1", "--threads", "1"),
    ("train", "INPUT 1x8x8 -> FC 10", "--data", "nowhere", "--epochs", "1", "--lr", "0.1"),
    ("train", "INPUT 1x8x8 -> FC 10", "--config", "CONFIG", "--run", "/dev/null/run", "seed=4"),
    ("evaluate", "MODEL", "--data", "nowhere", "--split", "test"),
    ("svm", "MODEL", "-o", "/nowhere/svm.safetensors", "--penalty", "1"),
)
ARGUMENTS = (
    *("", " ", "-", "--", "-1", "0", "1e400", "nan", "inf", "-inf", "9" * 30, "9" * 5000, "1e308", "0.5"),
    *("\x1b[31m", "\u202e", "\udcff", "é", "x" * 5000, "a=b", "=", "[", "{", "->", "~nobodyhere", "/", "."),
    *("/dev/zero", "/dev/null", "..", "--json", "--help", "none", "true", "digits#99999999999", "digits#-1"),
    *("nowhere.safetensors", "nowhere.net", "[red]", ":smile:", "%s", "{0}", "\n", "digits#0"),
)  # fmt: skip


def arguments(rng: Random) -> object:
    """The words of a command line."""
    from striate.cli.command import run

    whole, _ = _model()
    (folder() / "model.safetensors").write_bytes(whole)
    places = {"MODEL": folder() / "model.safetensors", "CONFIG": _run() / "config.yaml"}
    words = [str(places.get(each, each)) for each in rng.choice(VERBS)]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(1, len(words) + 1)
        new = rng.choice(ARGUMENTS)
        if rng.random() < 0.2:
            new = text_damaged(rng, words[at - 1], ARGUMENTS[:20]).replace("\0", "")
        words[at : at + rng.randrange(2)] = [new]
    sys.argv = ["striate", *words]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run()
    if code not in (0, 1, 2):
        raise AssertionError(f"{words} ended with {code}")
    if code and not out.getvalue():
        raise AssertionError(f"{words} ended with {code} and said nothing")
    if "\x1b" in out.getvalue() or "\u202e" in out.getvalue():
        raise AssertionError(f"{words} reached the terminal raw")
    return code


DOORS: dict[str, tuple[Door, int]] = {
    "notation": (notation, 60_000),
    "graph_json": (graph_json, 30_000),
    "model": (model, 30_000),
    "config": (config, 15_000),
    "state": (state, 10_000),
    "run_folder": (run_folder, 400),
    "picture": (picture, 30_000),
    "archive": (archive, 8_000),
    "idx": (idx, 10_000),
    "choices": (choices, 8_000),
    "library": (library, 3_000),
    "question": (question, 8_000),
    "arguments": (arguments, 4_000),
}
"""Each door, and how many inputs a whole run hands in."""


class TooLongError(BaseException):
    """An input took longer than the limit."""


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(name: str, count: int, seed: int = 0) -> dict[str, Any]:
    """Hand `count` damaged inputs in at one door; counts, the slowest, and what failed."""
    door, _ = DOORS[name]
    accepted = refused = 0
    slowest = 0.0
    failures: list[str] = []
    for k in range(count):
        begin = time.perf_counter()
        try:
            with _timed():
                door(Random(f"{name} {seed} {k}"))  # noqa: S311
            accepted += 1
        except StriateError as error:
            refused += 1
            if not str(error) or len(str(error)) > 20_000:
                failures.append(f"{name} {k}: an answer of {len(str(error))} characters")
        except (Exception, TooLongError):
            failures.append(f"{name} {k} (seed {seed})\n{traceback.format_exc()[-1500:]}")
            if len(failures) > 20:
                break
        slowest = max(slowest, time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "door": name,
        "tried": k + 1,
        "accepted": accepted,
        "refused": refused,
        "slowest_seconds": round(slowest, 2),
        "peak_mib": memory >> 20,
        "failures": failures,
    }


def main() -> None:
    """Print a line of JSON for each door; exit 1 if one failed."""
    names = [sys.argv[1]] if len(sys.argv) > 1 else list(DOORS)
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    bad = False
    warnings.simplefilter("ignore")  # Pillow's, of damaged pictures
    for name in names:
        count = int(sys.argv[2]) if len(sys.argv) > 2 else DOORS[name][1]
        kept = sys.argv[:]
        found = tried(name, count, seed)
        sys.argv = kept
        print(json.dumps({k: v for k, v in found.items() if k != "failures"}), flush=True)
        for each in found["failures"]:
            print(each, file=sys.stderr, flush=True)
        bad |= bool(found["failures"]) or found["peak_mib"] << 20 > MOST_MEMORY
    sys.exit(bad)


if __name__ == "__main__":
    main()
