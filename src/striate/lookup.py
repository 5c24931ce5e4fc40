"""What NETWORK and MODEL may be, on the command line and in Python: the one reader of both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from striate.errors import (
    IdleSettingError,
    ModelFileError,
    NotationError,
    StriateError,
    UnknownNameError,
    WeightsError,
    did_you_mean,
)
from striate.files import read_text
from striate.graph import Graph
from striate.graph.imported import Explainable, Imported
from striate.graph.spec import read_input
from striate.networks import NETWORKS
from striate.networks import network as network_called
from striate.notation import parse

if TYPE_CHECKING:
    from striate.data import Preprocessing
    from striate.data.given import Given
    from striate.model import Model
    from striate.ops.arrays import Array

TRAINABLE_HELP = (
    "A network in the notation, a name (striate networks lists them), a .net file, a model file "
    "(.safetensors) or a run folder."
)
HELP = (
    f"{TRAINABLE_HELP[:-1]}; an ONNX file; or package.module:name, a PyTorch module or what makes "
    "one, with --input."
)
INPUT_HELP = (
    "What enters a module of package.module:name (or an ONNX file that leaves it open), without "
    "the batch: 3x224x224. Several inputs: once for each, in order or as name=3x224x224."
)
FILE_HELP = "A model file (.safetensors) or a run folder."
DATA_HELP = (
    "Pictures: digits, mnist, fashion_mnist or cifar10; a folder with a folder per class, or a tar "
    "of it; a .csv table of paths and labels; or a .npz file of arrays x and y."
)
PICTURE_HELP = (
    "A picture file of any size; a test picture by number: digits#7; or the network's input as "
    "numbers: a .csv or .txt file of rows, or nested lists in a .yaml file."
)

WEIGHTS_HELP = (
    "The network's weights: .safetensors, .pt or .pth, ours or torchvision's and timm's; or YAML, "
    "node: {name: nested lists}."
)

NetworkLike: TypeAlias = "Graph | Explainable | Path | str"
"""A graph, or a network with weights; or the text, name, file or run folder of one."""


@dataclass(frozen=True)
class Weighted:
    """A network with weights that no training here has made.

    Args:
        weights: node -> weight name -> array.
        note: what a person should know of them; empty for weights that a person wrote down.
        origin: the file they are from and what of it did not fit; empty likewise.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, Array]]
    note: str = ""
    classes: tuple[str, ...] = ()
    origin: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Origin and note, where there are any."""
        return tuple(filter(None, (self.origin, self.note)))

    @property
    def preprocessing(self) -> Preprocessing | None:
        """Pictures scaled to 0..1; None where the network does not take any."""
        from striate.data import Preprocessing

        takes = self.graph.specs[self.graph.inputs[0].name]
        if takes.rank != 3:
            return None
        channels, height, width = takes.shape
        return Preprocessing(channels, height, width, (0.0,) * channels, (1.0,) * channels)

    def onnx(self, *, raw: bool = True, every: bool = False) -> Any:
        """The bare network as an `onnx.ModelProto`; see `Model.onnx`."""
        from striate.exchange.onnx_out import onnx_model

        return onnx_model(self.graph, self.weights, classes=self.classes, every=every)

    def read(
        self, picture: Path | str, *, data_dir: Path | str | None = None, ink: str = "keep"
    ) -> Given:
        """A picture as this network takes it; see `Model.read`."""
        from striate.data.given import read

        takes = self.graph.specs[self.graph.inputs[0].name]
        return read(picture, takes, self.preprocessing, data_dir=data_dir, ink=ink)


def graph_of(network: NetworkLike) -> Graph:
    """The graph that `network` names.

    Raises:
        UnknownNameError: it is no text, no name and no file.
        NotationError: the text or file is malformed.
    """
    subject = subject_of(network)
    return subject if isinstance(subject, Graph) else subject.graph


def subject_of(network: NetworkLike) -> Graph | Explainable:
    """The graph that `network` names, or the model when it is a file with weights."""
    if isinstance(network, Graph | Explainable):
        return network
    if not isinstance(network, Path | str):
        return parse(network)  # it says what is wrong
    word = str(network)
    if _looks_like_notation(word):
        return parse(word)
    if CODE.fullmatch(word):
        return named(word)  # type: ignore[return-value]  # it says what is missing
    if word.endswith(".net"):
        return parse(_read(Path(word)))
    if word.endswith(".safetensors") or Path(word).is_dir():
        return model_of(word)
    if word.endswith(".onnx"):
        return _imported(word)
    if name_of(word) not in NETWORKS and Path(word).is_file():
        kind = kind_of(word) or "a file of another kind"
        remedy = f"Name the network, and this as its weights: --weights {shlex.quote(word)}."
        raise UnknownNameError(
            f"{word} is {kind}, not a network", remedy=remedy if kind == _WEIGHTS else HELP
        )
    return parse(network_called(word).notation)


CODE = re.compile(r"[^\W\d][\w./]*:[^\W\d][\w.]*")
"""A place in Python code: package.module:name. A slash is a mistake that its reader explains."""


def named(network: str, inputs: Sequence[str] = ()) -> Explainable | str:
    """The module of a place in code, captured; an ONNX file of that size; or the word itself.

    Args:
        inputs: what enters, the batch not counted: 3x224x224, or name=3x224x224.

    Raises:
        SettingError: an input is not written so, or the network says itself what enters.
        UnknownNameError, CaptureError: there is no such module, or it is no network.
    """
    shapes = [read_input(each) for each in inputs]
    if CODE.fullmatch(network):
        from striate.pytorch.named import captured

        return captured(network, shapes)
    if not shapes:
        return network
    if network.endswith(".onnx") and len(shapes) == 1 and not shapes[0][0]:
        return _imported(network, shapes[0][1])
    raise IdleSettingError(
        f"--input does nothing here: {network[:60]} says itself what enters",
        setting="input",
        remedy="It is for package.module:name, and once, without a name, for an ONNX file.",
    )


def _imported(file: str, size: tuple[int, ...] | None = None) -> Imported:
    from striate.exchange.onnx import read_onnx

    return read_onnx(file, size=size)


def is_model(network: object) -> bool:
    """Whether it is a `Model`, rather than a network that came from elsewhere."""
    from striate.model import Model

    return isinstance(network, Model)


def checkable_of(network: NetworkLike, weights: Path | str | None = None) -> Graph | Explainable:
    """As `subject_of`, but a large network of the catalog in its form for smaller pictures.

    Args:
        weights: a file, as `explainable_of` takes it; where it does not fit the smaller form, whose
            dense layers may read less, it is taken for the network itself.
    """
    known = NETWORKS.get(name_of(network)) if isinstance(network, str) else None
    small = parse(known.small) if known is not None and known.small else None
    if weights is None:
        return small or subject_of(network)
    try:
        return explainable_of(small or network, weights=weights)
    except WeightsError:
        if small is None:
            raise
    return explainable_of(network, weights=weights)


def name_of(network: Path | str) -> str:
    """A short name for a run folder."""
    word = str(network)
    if CODE.fullmatch(word):
        return word.rpartition(":")[2].rpartition(".")[2].lower()
    name = word.lower().replace("-", "_")
    if name in NETWORKS:
        return name
    return Path(word).stem if word.endswith((".net", ".safetensors", ".onnx")) else "network"


def model_of(model: Model | Path | str) -> Model:
    """The model, or that of a file, or the best one of a run folder.

    Raises:
        ModelFileError: there is none, or it is damaged; or a network without trained weights.
    """
    from striate.data.catalog import named
    from striate.model import Model

    if isinstance(model, Model):
        return model
    word = str(model)
    if isinstance(model, Explainable) or CODE.fullmatch(word):
        raise ModelFileError("a network in code is no trained model", remedy=FILE_HELP)
    is_named = name_of(word) in NETWORKS and not Path(word).exists()
    if is_named or _looks_like_notation(word) or word.endswith(".net"):
        what = f"{word} is a network of the catalog," if is_named else "this is a network"
        raise ModelFileError(f"{what} without trained weights", remedy=_train_it(word))
    if named(word.rpartition("#")[0]) and not Path(word).exists():
        raise ModelFileError(
            f"{word} is a picture, not a model", remedy=f"{FILE_HELP} It comes first."
        )
    check_kind(word, "a model")
    return Model.load(word)


def _train_it(word: str) -> str:
    """How a network without weights comes to some."""
    known = NETWORKS.get(name_of(word))
    data = "" if known is not None and known.data else " --data FOLDER"
    return f"Train it: striate train {shlex.quote(word)}{data}; then name the run folder here."


def check_kind(file: Path | str, wanted: str) -> None:
    """Refuse a file that, by its ending, holds something else than weights.

    Raises:
        ModelFileError: it says what the file is, and that it is not what is `wanted`.
    """
    kind = kind_of(str(file))
    if kind and Path(file).is_file():
        raise ModelFileError(f"{file} is {kind}, not {wanted}", remedy=FILE_HELP)


_WEIGHTS = "a file of weights"


def kind_of(file: str) -> str:
    """What a file that is no network and no model is, by its ending; empty where that is not known.

    >>> kind_of("three.csv"), kind_of("best.safetensors")
    ('a file of numbers', '')
    """
    from striate.data.archive import ARCHIVE_SUFFIXES
    from striate.data.formats import SUFFIXES
    from striate.exchange.written import ROWS, YAML

    kinds = {
        tuple(SUFFIXES): "a picture",
        ROWS: "a file of numbers",
        YAML: "a file of settings, weights or numbers",
        ARCHIVE_SUFFIXES: "an archive",
        (".pt", ".pth"): _WEIGHTS,
        (".onnx", ".pkl", ".h5", ".keras", ".pb"): "a model of another program",
        (".py", ".ipynb", ".md"): "a program or a page",
    }
    name = file.lower()
    return next((kind for endings, kind in kinds.items() if name.endswith(endings)), "")


_SCALED = "the network does not say how pictures become its input: they are scaled to 0..1"


def explainable_of(
    network: NetworkLike, seed: int | None = None, weights: Path | str | None = None
) -> Model | Weighted:
    """What can be asked about: a model, or a network with weights of its own.

    Args:
        seed: of first weights; None for 0 where no weights are given, and else for none.
        weights: a file, as `exchange.fitting.fit_weights` takes it.

    Raises:
        ModelFileError, WeightsError: the weights cannot be read, or do not fit; or a model, which
            has its own, is given some.
    """
    subject = subject_of(network)
    if not isinstance(subject, Graph):
        if seed is not None or weights is not None:
            called = network if isinstance(network, str | Path) else "the model"
            raise WeightsError(
                f"{called} has its own weights", remedy="Leave out seed and weights."
            )
        if isinstance(subject, Weighted) or is_model(subject):
            return subject  # type: ignore[return-value]  # one of the two
        return Weighted(subject.graph, subject.weights, _SCALED, tuple(subject.classes))
    from striate.initialize import initialize

    if weights is None:
        drawn = f"first weights of seed {seed or 0}: the network is not trained"
        return Weighted(subject, initialize(subject, seed=seed or 0), drawn)
    from striate.exchange.fitting import fit_weights

    fit = fit_weights(subject, weights)
    found = fit.weights
    if seed is None:
        fit.check()
    else:
        first = initialize(subject, seed=seed)
        found = {node: {**own, **found.get(node, {})} for node, own in first.items()}
    return Weighted(subject, found, fit.origin and _SCALED, origin=fit.origin)


LONGEST_NAME = 255
"""Characters that a file's name may have on most systems."""


def _looks_like_notation(network: str) -> bool:
    """Whether it is a text: a path may hold spaces, but not the signs of a chain."""
    if len(network) > LONGEST_NAME or any(each in network for each in ("->", "→", "[", "{")):
        return True
    is_path = network.endswith((".net", ".safetensors", ".onnx")) or Path(network).is_dir()
    return not is_path and any(each.isspace() for each in network.strip())


def _read(path: Path) -> str:
    if not path.exists() and not path.is_symlink():
        near = did_you_mean(path.name, [each.name for each in path.parent.glob("*.net")])
        raise UnknownNameError(f"there is no file {path}", remedy=near)
    return read_text(path, NotationError)


def checked_output(path: Path) -> Path:
    """`path`, which does not exist yet, in a folder that does.

    Raises:
        StriateError: nothing that is there may be lost.
    """
    if path.exists():
        raise StriateError(f"{path} exists already", remedy="Name another file, or remove it.")
    if not path.parent.is_dir():
        raise StriateError(f"there is no folder {path.parent}", remedy="Make it first.")
    return path
