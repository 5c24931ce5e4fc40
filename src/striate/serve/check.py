"""The same pictures through every way out of a model: PyTorch, frozen, ONNX, HTTP."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image

from striate.analysis.onnx_check import distance, opened
from striate.data import DataSet
from striate.data.dataset import AnySplit, parts
from striate.data.sources import Source
from striate.display import Block, Column, Displayed, Grid, Line
from striate.engine import pays
from striate.errors import NumbersError, ServiceError, SettingError, StriateError
from striate.exchange.onnx_out import onnx_bytes
from striate.exchange.onnx_out.writing import PICTURE, PROBABILITIES
from striate.lookup import model_of
from striate.model import Model
from striate.model_data import data_of
from striate.ops.arrays import Array
from striate.serve.needed import is_there
from striate.serve.server import in_background
from striate.serve.service import Limits, Service

SCHEMA_VERSION = 1
BATCH = 64

MOST = 0.01
"""The largest difference of a probability that still is the same answer. Rounding is 1e-6 of the
scores: more than that only where these are in the thousands."""

AnswerEngine: TypeAlias = Callable[[Array], Array]
"""From uint8 pictures (N, C, H, W) to probabilities (N, classes)."""


class NotHere(Exception):
    """An engine that cannot be asked here; the text says why."""


@dataclass(slots=True)
class EngineAgreement:
    """How one engine answers beside plain PyTorch.

    Args:
        same_top1: whether every picture has the same most probable class.
        largest_difference: of a probability.
    """

    same_top1: bool = True
    largest_difference: float = 0.0

    def add(self, found: Array, wanted: Array) -> None:
        """Compare the probabilities of some more pictures."""
        apart = distance(found, wanted)
        self.largest_difference = max(self.largest_difference, apart)
        same = found.shape == wanted.shape and (found.argmax(1) == wanted.argmax(1)).all()
        self.same_top1 = bool(self.same_top1 and same)


@dataclass(frozen=True, repr=False)
class EngineCheck(Displayed):
    """Every way out of a model on the same pictures.

    Args:
        name: of the pictures.
        pictures: how many.
        engines: by name; that of PyTorch is what the others are compared with.
        skipped: why an engine was not asked, by name.
    """

    name: str
    pictures: int
    engines: Mapping[str, EngineAgreement]
    skipped: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether all name the same classes, with about the same probabilities."""
        return all(
            each.same_top1 and each.largest_difference <= MOST for each in self.engines.values()
        )

    @property
    def headline(self) -> str:
        """Whether they agree, and on how many pictures."""
        said = "the same answers" if self.ok else "NOT the same answers"
        return f"{said} on {self.pictures:,} pictures of {self.name}"

    def display(self) -> Iterator[Block]:
        """A row for each engine."""
        rows = tuple(
            (name, "yes" if each.same_top1 else "NO", f"{each.largest_difference:.1e}")
            for name, each in self.engines.items()
        )
        columns = (Column("engine", text=True), Column("same classes"), Column("difference"))
        yield Grid(columns, rows)
        yield Line(self.headline, "" if self.ok else "warning")
        yield from (Line(f"{name} not asked: {why}", "quiet") for name, why in self.skipped.items())

    def to_json(self) -> dict[str, object]:
        """The form that `striate check --json` prints."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "pictures": self.pictures,
            "engines": {name: asdict(each) for name, each in self.engines.items()},
        }


def check(
    model: Model | Path | str,
    data: DataSet | Source = "",
    *,
    data_dir: Path | None = None,
    split: str = "test",
    most: int | None = None,
) -> EngineCheck:
    """Ask every engine about the same pictures, and compare it with plain PyTorch.

    Args:
        model: a model, its file or a run folder.
        data: as `striate.evaluate` takes it; else what the model learned from.
        most: pictures at most; None for all of the split.

    Raises:
        ModelFileError: there is no such model.
        DataError: the pictures cannot be used, or are none.
        NumbersError: the network answers with what is no number.
    """
    known = model_of(model)
    found = data if isinstance(data, DataSet) else data_of(known, data, data_dir, judging=True)
    if found.shape != known.preprocessing.shape:
        raise SettingError(
            f"the pictures are {found.shape}, but the model takes {known.preprocessing.shape}"
        )
    pictures = found.split(split)
    if most is not None and most < len(pictures):
        pictures = pictures.take(np.arange(most))
    with ExitStack() as stack:
        engines, skipped = _ready(known, stack)
        compared = _compared(engines, pictures)
    return EngineCheck(found.name, len(pictures), compared, skipped)


def _ready(model: Model, stack: ExitStack) -> tuple[dict[str, AnswerEngine], dict[str, str]]:
    engines: dict[str, AnswerEngine] = {}
    skipped: dict[str, str] = {}
    for name, opening in ENGINES.items():
        try:
            engines[name] = stack.enter_context(opening(model))
        except NotHere as why:
            skipped[name] = str(why)
        except StriateError as error:
            skipped[name] = error.what
    return engines, skipped


def _compared(
    engines: Mapping[str, AnswerEngine], pictures: AnySplit
) -> dict[str, EngineAgreement]:
    found = {name: EngineAgreement() for name in engines}
    for part in parts(pictures, BATCH):
        x = np.ascontiguousarray(part)
        wanted = engines[REFERENCE](x)
        if not np.isfinite(wanted).all():
            raise NumbersError(
                "the network answers with what is no number",
                remedy="Its weights are damaged, or far too large.",
            )
        for name, engine in engines.items():
            found[name].add(wanted if name == REFERENCE else engine(x), wanted)
    return found


@contextmanager
def _pytorch(model: Model) -> Iterator[AnswerEngine]:
    yield _module(model, model.module(fused=False))


@contextmanager
def _frozen(model: Model) -> Iterator[AnswerEngine]:
    yield _module(
        model, model.frozen(fused=pays(model.graph, 10_000, training=False), engine="striate")
    )


def _module(model: Model, module: torch.nn.Module) -> AnswerEngine:
    def answer(pictures: Array) -> Array:
        with torch.no_grad():
            scores = module(model.preprocessing.normalize(torch.from_numpy(pictures)))
        return model.probabilities(scores.double().numpy())

    return answer


@contextmanager
def _onnx(model: Model) -> Iterator[AnswerEngine]:
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise NotHere('needs onnx and onnxruntime: pip install "striate[onnx]"')
    run = opened(onnx_bytes(model.onnx()))
    yield lambda pictures: run({PICTURE: pictures}, [PROBABILITIES])[0].astype(np.float64)


@contextmanager
def _http(model: Model) -> Iterator[AnswerEngine]:
    if not is_there():
        raise NotHere('needs fastapi and uvicorn: pip install "striate[serve]"')
    if model.preprocessing.channels not in (1, 3):
        raise NotHere(f"no picture file has {model.preprocessing.channels} channels")
    with in_background(Service(model, Limits(pictures=BATCH))) as url:
        yield lambda pictures: _posted(url, pictures)


def _posted(url: str, pictures: Array) -> Array:
    """The probabilities that a service answers with, sent as files of a form."""
    mark = b"striate-check-of-pictures"
    head = b'Content-Disposition: form-data; name="files"; filename="%d.png"'
    lines = [
        b"--" + mark + b"\r\n" + head % k + b"\r\nContent-Type: image/png\r\n\r\n" + _png(each)
        for k, each in enumerate(pictures)
    ]
    body = b"\r\n".join([*lines, b"--" + mark + b"--\r\n"])
    kind = f"multipart/form-data; boundary={mark.decode()}"
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        what = f"the service answered with {error.code}"
        raise ServiceError(what, status=error.code, remedy=error.read().decode()[:300]) from None
    return np.array([list(each["probabilities"].values()) for each in said["predictions"]])


def _png(picture: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)).save(
        out, "PNG"
    )
    return out.getvalue()


REFERENCE = "pytorch"
ENGINES: Mapping[str, Callable[[Model], AbstractContextManager[AnswerEngine]]] = {
    REFERENCE: _pytorch,
    "frozen": _frozen,
    "onnx": _onnx,
    "http": _http,
}
"""How each engine is made ready."""
