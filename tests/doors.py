"""The doors through which something comes in that others may have written.

A door is a function of a random generator: it makes one damaged input, hands it in, and raises
nothing but errors of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from array_doors import folder, idx, npz, table, weights
from damage import Random, bytes_damaged, safetensors_damaged, text_damaged, value_damaged
from door_words import (
    ARGUMENTS,
    CONFIG_WORDS,
    NETWORKS,
    QUESTION_WORDS,
    QUESTIONS,
    VALUES,
    VERBS,
    WORDS,
)
from onnx_door import onnx_file
from striate.errors import StriateError

Door = Callable[[Random], object]


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


def model(rng: Random) -> object:
    """A model file: loaded, looked at, and now and then asked."""
    from striate.analysis.table import table
    from striate.model import Model
    from striate.model_data import data_of

    whole, picture = _model()
    path = folder() / "model.safetensors"
    path.write_bytes(safetensors_damaged(rng, whole))
    found = Model.load(path)
    table(found.graph)
    if rng.random() < 0.2:
        found.predict([picture])
    if rng.random() < 0.02:
        data_of(found, "", None)
    return found


@cache
def _run() -> Path:
    """A short run, whole."""
    from striate.training import train

    settings = {"epochs": 1, "batch_size": 40, "optimizer": "adam", "quiet": True}
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

    from striate.training.resuming import read_config
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
    return resume(place, data=_digits(), quiet=True)


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
    for kind in ("", "gz", "bz2", "xz"):
        suffix, mode = f".tar.{kind}".rstrip("."), f"w:{kind}"
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


def arguments(rng: Random) -> object:
    """The words of a command line."""
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
    return _commanded(words)


def measure_once() -> None:
    """Build the kernels of a bench, and load what compiles: work that no input asks for."""
    _commanded(next(words for words in map(list, VERBS) if words[0] == "bench"))


def training(rng: Random) -> object:
    """The settings of a run of one step; whatever is left behind can be gone on with."""
    from striate.training import SETTINGS

    place = folder() / f"trained{rng.randrange(10**9)}"
    words = ["train", "INPUT 1x8x8 -> CONV 2 3x3 -> BN -> RELU -> DROPOUT 0.5 -> FC 10"]
    words += ["--data", "digits", "--steps", "1", "--quiet", "--run", str(place)]
    for name in rng.sample([*SETTINGS, "lr", "nonsense"], rng.choice((1, 1, 2, 3))):
        value = rng.choice(VALUES)
        words += (
            [f"{name}={value}"] if rng.random() < 0.7 else [f"--{name.replace('_', '-')}", value]
        )
    try:
        code = _commanded(words)
        if place.exists() and rng.random() < 0.2:
            _commanded(["train", "--resume", str(place), "--quiet"])
        return code
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _commanded(words: list[str]) -> int:
    """The exit code of a command, run in a folder of its own."""
    from striate.cli.command import run

    (folder() / "work").mkdir(exist_ok=True)
    sys.argv = ["striate", *words]
    out = io.StringIO()
    with (
        contextlib.chdir(folder() / "work"),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
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
    "run_folder": (run_folder, 2_000),
    "picture": (picture, 30_000),
    "archive": (archive, 8_000),
    "idx": (idx, 10_000),
    "npz": (npz, 4_000),
    "table": (table, 8_000),
    "choices": (choices, 8_000),
    "library": (library, 3_000),
    "question": (question, 8_000),
    "arguments": (arguments, 4_000),
    "training": (training, 1_500),
    "onnx": (onnx_file, 20_000),
    "weights": (weights, 8_000),
}
"""Each door, and how many inputs a whole run hands in."""

READY: dict[str, Callable[[], None]] = {"arguments": measure_once}
"""What is done at a door before its first input, and is not timed."""
