"""How a network is trained: every setting, checked, and to and from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import UnionType
from typing import Any, get_args, get_type_hints

from striate.data import Augment
from striate.engine.optimizers import OPTIMIZERS
from striate.errors import SettingError, did_you_mean
from striate.graph.settings import shown

SCHEDULES = ("constant", "step", "cosine", "onecycle")

USUAL_RATES = {"sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adam": 1e-3, "adamw": 1e-3}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Args:
        epochs: passes over the training pictures.
        steps: end after so many optimizer steps; 0 for no such end.
        batch_size: pictures a step.
        optimizer: sgd, momentum, nesterov, adam or adamw.
        learning_rate: 0 takes the usual one: 0.1 for sgd, 0.05 with momentum, 0.001 for Adam's.
        momentum: for momentum and nesterov.
        weight_decay: pull of kernels toward zero.
        schedule: constant; step (times `step_factor` every `step_epochs`); cosine (to zero at
            the end); onecycle (up to the rate in the first third, then to zero).
        warmup: epochs over which the rate rises from zero.
        smoothing: share of the target spread over all classes.
        patience: end when the validation pictures were not better for so many epochs; 0 never.
        patience_steps: the older form: look at the validation error every epoch, and end at this
            many steps, which double each time the error falls by 0.5 % of itself; 0 never.
        shift, rotate, scale, flip: random distortion, in pixels, degrees, and a share.
        validation: pictures set aside from the training ones to choose the best weights by, a
            count or a share; None for the data set's usual; 0 takes the last weights.
        normalize: bring the pictures to mean 0 and deviation 1 a channel; else to 0..1 only.
        start: a file with first weights of some nodes, from `striate pretrain`; empty for none.
        initializer, bias_initializer: of kernels and biases.
        seed: of weights, order, distortion and dropout.

    Raises:
        SettingError: a setting cannot mean anything.
    """

    epochs: int = 10
    steps: int = 0
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    step_epochs: int = 10
    step_factor: float = 0.1
    warmup: float = 0.0
    smoothing: float = 0.0
    patience: int = 0
    patience_steps: int = 0
    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    flip: bool = False
    validation: float | int | None = None
    normalize: bool = True
    start: str = ""
    initializer: str = "usual"
    bias_initializer: str = "zeros"
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if (isinstance(value, float) and value != value) or value < least:
                raise SettingError(
                    f"{name} is {value}", remedy=f"It is a number of {least} or more."
                )
        for name in ("momentum", "smoothing", "step_factor"):
            if not getattr(self, name) <= 1 or (name != "step_factor" and getattr(self, name) == 1):
                raise SettingError(f"{name} is {getattr(self, name)}", remedy="It is below 1.")

    @property
    def rate(self) -> float:
        """The learning rate: what is given, or the usual one of the optimizer."""
        return self.learning_rate or USUAL_RATES[self.optimizer]

    def augment(self, fill: str) -> Augment:
        """The distortion of the pictures, with what stands beyond their edges."""
        return Augment(self.shift, self.rotate, self.scale, flip=self.flip, fill=fill)

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, for YAML and JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Recipe:
        """A recipe from settings by name; text is read as the setting's type.

        Raises:
            SettingError: an unknown name, or a value of another type.
        """
        types = get_type_hints(cls)
        for name in settings:
            if name not in types:
                raise SettingError(
                    f"a recipe has no setting {shown(name)}",
                    remedy=did_you_mean(str(name), types) or f"There are: {', '.join(types)}.",
                )
        return cls(**{name: _read(name, value, types[name]) for name, value in settings.items()})


_LEAST: Mapping[str, float] = {
    "epochs": 1,
    "steps": 0,
    "batch_size": 1,
    "learning_rate": 0,
    "momentum": 0,
    "weight_decay": 0,
    "step_epochs": 1,
    "step_factor": 0,
    "warmup": 0,
    "smoothing": 0,
    "patience": 0,
    "patience_steps": 0,
    "shift": 0,
    "rotate": 0,
    "scale": 0,
    "seed": 0,
}

SETTINGS: tuple[str, ...] = tuple(field.name for field in fields(Recipe))

_WORDS = {"yes": True, "true": True, "no": False, "false": False}


def _read(name: str, value: Any, kind: Any) -> Any:
    """`value` as the setting's type."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if value is None or (isinstance(value, str) and value.lower() == "none"):
        if type(None) in kinds:
            return None
    elif bool in kinds:
        word = _WORDS.get(str(value).lower())
        if word is not None:
            return word
    elif str in kinds:
        if isinstance(value, str | int | float):
            return str(value)
    elif not isinstance(value, bool):
        for each in (int, float):
            if each in kinds:
                try:
                    if each is float or float(value) == int(float(value)):
                        return each(value) if each is float else int(float(value))
                except (ValueError, TypeError, OverflowError):
                    continue
    wanted = " or ".join(getattr(each, "__name__", str(each)) for each in kinds)
    raise SettingError(
        f"{name} is {shown(value)}", remedy=f"It needs {_PLAIN.get(wanted, wanted)}."
    )


_PLAIN = {"int": "a whole number", "float": "a number", "bool": "yes or no"}


def _one_of(name: str, value: str, known: Any) -> None:
    if value not in known:
        raise SettingError(
            f"{name} is {shown(value)}",
            remedy=did_you_mean(value, known) or f"There are: {', '.join(known)}.",
        )
