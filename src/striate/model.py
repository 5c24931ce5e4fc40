"""A trained network: graph, weights, class names and preprocessing, in one safe file.

The file is safetensors: weights as plain arrays, and text in its metadata. Opening one never
runs code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from striate import capacity
from striate.data.given import Given, read
from striate.data.paired import is_one_picture, picture_of, plain
from striate.data.preprocess import Preprocessing
from striate.display import Block, Displayed, Line, shape_text
from striate.errors import ModelFileError, NumbersError, StriateError
from striate.exchange import fields
from striate.exchange.arrays import flat, read_arrays, write_arrays, write_file
from striate.graph import Graph
from striate.notation import parse, text
from striate.ops.arrays import Array
from striate.prediction import SHOWN, Prediction, probabilities

if TYPE_CHECKING:
    from striate.data.decode import PictureSource
    from striate.engine import Frozen
    from striate.engine.runtimes import EngineName
    from striate.pytorch import Network

FORMAT = "striate-model-1"

BEST = "best.safetensors"
"""The model file of a run folder that is loaded when the folder is named."""

_FIELDS = {
    "format": fields.TEXT,
    "notation": fields.TEXT,
    "classes": fields.TEXTS,
    "preprocessing": fields.TABLE,
    "about": fields.TABLE.optional,
}
_ABOUT = {"data": fields.TABLE.optional, "recipe": fields.TABLE.optional}
_DATA = {"source": fields.PATH.optional, "sha256": fields.TEXT.optional}
_RECIPE = {
    "validation": fields.or_none(fields.NUMBER).optional,
    "seed": fields.SEED.optional,
}


@dataclass(frozen=True, repr=False)
class Model(Displayed):
    """A network with its weights and everything needed to use it on a picture.

    Args:
        graph: the network.
        weights: node -> weight name -> array, statistics included.
        classes: names by index of the scores.
        preprocessing: from a picture to the input.
        about: what else travels along: recipe, data, versions, measured accuracy.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, Array]]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The network, and how many classes it tells apart."""
        return f"{self.graph.headline}, {len(self.classes)} classes"

    def display(self) -> Iterator[Block]:
        """The network, the classes, the pictures it takes, and what it was trained on."""
        yield from self.graph.display()
        more = ", …" if len(self.classes) > SHOWN else ""
        yield Line(f"{len(self.classes)} classes: {', '.join(self.classes[:SHOWN])}{more}")
        yield Line(f"pictures of {shape_text(self.preprocessing.shape)}")
        data, accuracy = self.about.get("data"), self.about.get("validation_accuracy")
        if isinstance(data, Mapping) and "source" in data:
            yield Line(f"trained on {data['source']}")
        if isinstance(accuracy, float):
            yield Line(f"validation accuracy {accuracy:.2%}")

    @property
    def learned_from(self) -> tuple[str, str | None]:
        """Name or folder of the pictures it was trained on, and where named ones lie."""
        known = self.about.get("data")
        if not isinstance(known, Mapping):
            return "", None
        place = known.get("data_dir")
        there = isinstance(place, str) and Path(place).is_dir()
        return str(known.get("source", "")), place if there else None

    @classmethod
    def load(cls, path: Path | str) -> Model:
        """The model in a file, or the best one of a run folder.

        A large file is mapped into memory: its weights are read when they are used, and no copy
        of them is made before a module is.

        Raises:
            ModelFileError: it is missing, damaged, or not a model of ours.
        """
        file = Path(path) / BEST if Path(path).is_dir() else Path(path)
        if file != Path(path) and not os.path.lexists(file):
            raise ModelFileError(
                f"{path} is no run folder, or one of a run that has not begun: {file} is missing",
                remedy="Runs are made by `striate train`, which ends with the name of its folder.",
            )
        tensors, metadata = read_arrays(file)
        if metadata.get("format") != FORMAT:
            raise ModelFileError(
                f"{file} holds arrays, but no network",
                remedy="Model files are written by `striate train` (best.safetensors). Weights of "
                f"others go beside the name of a network: --weights {file}.",
            )
        try:
            graph, classes, preprocessing, about = _described(metadata)
        except StriateError as error:
            raise ModelFileError(
                f"the description in {file} is damaged", remedy=str(error)
            ) from None
        model = cls(graph, _fitting(graph, tensors, file), classes, preprocessing, about)
        model._check(file)
        return model

    def save(self, path: Path | str) -> None:
        """Write the model; a file that was there is replaced at once or not at all.

        Raises:
            ModelFileError: the file cannot be written (a full disk, a missing folder).
        """
        metadata = {
            "format": FORMAT,
            "notation": text(self.graph),
            "classes": self.classes,
            "preprocessing": self.preprocessing.to_dict(),
            "about": dict(self.about),
        }
        write_arrays(Path(path), flat(self.weights), metadata)

    def to_onnx(self, path: Path | str, *, raw: bool = False) -> None:
        """Write the model as an ONNX file, for other runtimes; it replaces what was there.

        The file takes a batch "picture" (N, C, H, W) of uint8, of the size of the network's input,
        and answers with "probabilities" (N, classes). `striate.analysis.onnx_check` compares what a
        runtime computes from it.

        Args:
            raw: the bare network instead: normalized float32 pictures in, "scores" out.

        Raises:
            OnnxError: the package `onnx` is not installed, or an operator has no form in ONNX.
            ModelFileError: the file cannot be written.
        """
        from striate.exchange.onnx_out import onnx_bytes

        write_file(Path(path), onnx_bytes(self.onnx(raw=raw)))

    def onnx(self, *, raw: bool = False, every: bool = False) -> Any:
        """The model as an `onnx.ModelProto`; `every` makes the value of each node an output."""
        from striate.exchange.onnx_out import onnx_model

        metadata = {
            "network": text(self.graph),
            "preprocessing": fields.written_json(self.preprocessing.to_dict()),
        }
        return onnx_model(
            self.graph,
            self.weights,
            scaling=None if raw else self.preprocessing.scaling,
            classes=self.classes,
            metadata=metadata,
            every=every,
        )

    def module(self, *, fused: bool = True) -> Network:
        """The network as a `torch.nn.Module` in evaluation mode; it takes normalized pictures.

        Args:
            fused: whether compiled kernels may be built for it, which takes seconds once.
        """
        from striate.engine import lower

        network = lower(self.graph, self.weights, fused=fused)
        network.eval()
        return network

    def frozen(self, *, fused: bool = True, engine: EngineName = "auto") -> Frozen:
        """The network prepared for prediction alone, the fastest way to scores.

        A `torch.nn.Module` without gradients that cannot be trained. It takes normalized pictures,
        needs no `torch.no_grad()`, and answers with what `module()` answers, to float32 rounding:
        normalizations are folded into the layers before them, and kernels may read copies of the
        weights, packed once.

        Args:
            fused: whether compiled kernels may be built for it, which takes seconds once.
            engine: "striate", "onnxruntime", "openvino" or "pytorch"; "auto" takes the fastest of
                those installed, measured in the first calls and remembered on this machine.

        Raises:
            SettingError, OnnxError: the engine is not installed, or does not take the network.
        """
        from striate.engine import freeze

        return freeze(self.graph, self.weights, fused=fused, engine=engine)

    def read(
        self, picture: Path | str, *, data_dir: Path | str | None = None, ink: str = "keep"
    ) -> Given:
        """A picture as this model takes it, as `predict` and `why` read it.

        Args:
            picture: a file, a test picture by number (digits#7), or a file of the numbers of the
                input (`striate.data.given.read`).
            data_dir: where named data sets lie; else where the model's own were.
            ink: as `Preprocessing.picture` takes it.

        Raises:
            DataError: it cannot be read.
        """
        takes = self.graph.specs[self.graph.inputs[0].name]
        _, kept = self.learned_from
        return read(picture, takes, self.preprocessing, data_dir=data_dir, kept=kept, ink=ink)

    def probabilities(self, scores: Array) -> Array:
        """Class probabilities (N, classes) from the network's scores."""
        return probabilities(self.graph, scores)

    def predict(
        self,
        pictures: Given | PictureSource | Iterable[Given | PictureSource],
        *,
        batch_size: int = 256,
        ink: str = "keep",
    ) -> list[Prediction]:
        """Class and probability for pictures of any size and color, in order.

        Args:
            pictures: files or what else `read` takes, the bytes of files, Pillow images, or
                arrays and tensors of uint8 or of numbers in 0..1 or 0..255. A single one of them
                is one picture: an array of H x W, H x W x C or, for a network that takes so many
                channels, C x H x W; N x H x W are several.
            ink: "auto" takes them for photographs of ink (`Preprocessing.picture`).

        Raises:
            DataError: one cannot be read.
            NumbersError: the scores of one are not finite.
            NotEnoughMemoryError: a batch needs more than there is.
        """
        pictures = plain(pictures)
        is_one = _is_one(pictures, self.preprocessing.shape)
        waiting: list[Any] = [pictures] if is_one else [*pictures]  # type: ignore[misc]
        return [*self.predictions(waiting, len(waiting), batch_size=batch_size, ink=ink)]

    def predictions(
        self,
        pictures: Iterable[Given | PictureSource],
        count: int,
        *,
        batch_size: int = 256,
        ink: str = "keep",
    ) -> Iterator[Prediction]:
        """As `predict`, one after another: no more than a batch of pictures is in memory.

        Args:
            pictures: each as `predict` takes several; they may be read while they are asked for.
            count: about how many there are, to decide whether compiled kernels are worth building.

        Raises:
            DataError, NumbersError, NotEnoughMemoryError: as `predict`.
        """
        waiting = iter(pictures)
        batch_size = max(1, min(batch_size, count))
        with capacity.enough(self.graph, batch_size):
            from striate.engine import pays

            module = self.frozen(fused=pays(self.graph, count, training=False), engine="striate")
            while part := [*islice(waiting, batch_size)]:
                yield from self._answered(module, part, ink)

    def _answered(self, module: Frozen, part: list[Any], ink: str) -> Iterator[Prediction]:
        """The predictions for one batch."""
        import torch

        x = torch.from_numpy(np.stack([self._input(each, ink) for each in part]))
        scores = module(x).double().numpy()
        if not np.isfinite(scores).all():
            raise NumbersError(
                "the network answers with what is no number",
                remedy="Its weights are damaged, or far too large.",
            )
        return map(self._ranked, self.probabilities(scores))

    def _input(self, picture: Given | PictureSource, ink: str) -> Array:
        if isinstance(picture, str | Path):
            picture = self.read(picture, ink=ink)
        picture = plain(picture)
        if isinstance(picture, np.ndarray):
            picture = picture_of(picture)
        if not isinstance(picture, Given):
            picture = Given(self.preprocessing.picture(picture, ink=ink))
        return picture.input(self.preprocessing)

    def _ranked(self, row: Array) -> Prediction:
        order = np.argsort(-row, kind="stable")
        return Prediction(tuple((self.classes[k], float(row[k])) for k in order))

    def _check(self, path: Path | str) -> None:
        (entrance, *more) = self.graph.inputs
        size, scores = self.graph.specs[entrance.name], self.graph.specs[self.graph.scores.name]
        if more or size.shape != self.preprocessing.shape or scores.size != len(self.classes):
            raise ModelFileError(
                f"the parts of {path} do not fit together",
                remedy=f"The network takes {size} and answers with {scores.size} scores, for "
                f"pictures of {self.preprocessing.shape} and {len(self.classes)} classes.",
            )


def _is_one(pictures: object, takes: tuple[int, int, int]) -> bool:
    if isinstance(pictures, np.ndarray):
        return is_one_picture(pictures, takes)
    return isinstance(pictures, str | bytes | Path | Given | Image.Image)


def _described(
    metadata: Mapping[str, Any],
) -> tuple[Graph, tuple[str, ...], Preprocessing, dict[str, Any]]:
    """Graph, classes, preprocessing and the rest, each field checked.

    Raises:
        StriateError: a field is missing or cannot mean anything.
    """
    found = fields.checked(metadata, _FIELDS, "the description", ModelFileError, others=True)
    about = found.get("about", {})
    fields.checked(about, _ABOUT, "about", ModelFileError, others=True)
    fields.checked(about.get("data", {}), _DATA, "about.data", ModelFileError, others=True)
    fields.checked(about.get("recipe", {}), _RECIPE, "about.recipe", ModelFileError, others=True)
    preprocessing = Preprocessing.from_dict(found["preprocessing"])
    return parse(found["notation"]), tuple(found["classes"]), preprocessing, dict(about)


def _fitting(
    graph: Graph, tensors: Mapping[str, Array], path: Path | str
) -> dict[str, dict[str, Array]]:
    """The arrays of every node, if they are exactly what the graph needs."""
    wanted = {
        f"{node.name}.{name}": (node.name, name, weight.shape)
        for node in graph
        for name, weight in graph.own_weights(node).items()
    }
    found: dict[str, dict[str, Array]] = {}
    for key, (node, name, shape) in wanted.items():
        if key not in tensors:
            raise ModelFileError(f"{path} lacks {key}", remedy="The file is damaged.")
        if tensors[key].shape != shape:
            raise ModelFileError(
                f"{key} in {path} has the shape {tensors[key].shape}, but the network needs {shape}"
            )
        if tensors[key].dtype.kind != "f":
            raise ModelFileError(
                f"{key} in {path} holds {tensors[key].dtype}", remedy="Weights are fractions."
            )
        found.setdefault(node, {})[name] = np.require(tensors[key], np.float32, "A")
    strange = sorted(set(tensors) - set(wanted))
    if strange:
        raise ModelFileError(f"{path} holds {strange[0]}, which its network does not have")
    return found
