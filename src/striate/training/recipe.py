"""How a network is trained: every setting, checked, and to and from YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

from striate.data import Augment
from striate.display import Block, Column, Displayed, Grid
from striate.engine.optimizers import OPTIMIZERS
from striate.errors import IdleSettingError, SettingError, did_you_mean
from striate.graph.settings import shown
from striate.training.reading import read
from striate.training.requirements import check_recipe

BALANCED = "balanced"
"""Of `class_weights` and `sampling`: every class counts the same."""
SAMPLINGS = ("shuffled", BALANCED)
SCHEDULES = ("constant", "step", "cosine", "onecycle")

USUAL_RATES = {"sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adam": 1e-3, "adamw": 1e-3}
USUAL_MOMENTUM = 0.9
USUAL_STEP_FACTOR = 0.1


@dataclass(frozen=True, repr=False)
class Recipe(Displayed):
    """Settings of a training run.

    A setting that would do nothing beside the others is refused: `striate.training.requirements`
    has the table.

    Args:
        epochs: passes over the training pictures.
        steps: end after n optimizer steps, if the epochs do not end before; 0 for no such end.
        batch_size: pictures per step; the last batch of an epoch may be smaller.
        optimizer: sgd, momentum, nesterov, adam or adamw.
        learning_rate: 0 takes the usual one: 0.1 for sgd, 0.05 with momentum, 0.001 for Adam's.
        momentum: for momentum and nesterov; None takes 0.9.
        weight_decay: pull of kernels toward zero.
        schedule: constant; step (times `step_factor` every `step_epochs`); cosine (to zero at
            the end); onecycle (up to the rate in the first third, then to zero).
        step_epochs: for step: epochs between two falls; None takes a third of the epochs.
        step_factor: for step: what the rate is multiplied by; None takes 0.1.
        warmup: epochs over which the rate rises from zero.
        smoothing: share of the target spread over all classes.
        patience: end when the validation pictures were not better for so many epochs; 0 never.
        patience_steps: the older form: look at the validation error every epoch, and end at this
            many steps, which double each time the error falls by 0.5 % of itself; 0 never.
        class_weights: what the pictures of a class count in the loss: "balanced" lets all classes
            count the same, however many pictures they have; or a YAML file of numbers by class.
        sampling: shuffled takes each picture once an epoch; balanced draws as many pictures, with
            replacement, of each class about the same number.
        clip: largest norm of all gradients together; longer ones are shortened to it. 0 for none.
        accumulate: parts that a batch is computed in, adding their gradients: so many times less
            memory for activations. Batch normalization then sees a part at a time.
        ema: decay of a moving average of the weights, which is what is judged and kept: 0.999;
            0 for none.
        mixup, cutmix: mix pairs of pictures and their classes, by shares from a beta distribution
            with this parameter: 0.2, 1; 0 never. Of both, one is drawn for each batch.
        erase: share of the pictures in which a random rectangle is noise.
        shift, rotate, scale, flip: random distortion, in pixels, degrees, and a share; a whole
            shift alone moves by whole pixels, a fraction interpolates.
        validation: pictures set aside from the training ones to choose the best weights by, a
            count or a share; None for the data set's usual; 0 takes the last weights.
        normalize: bring the pictures to mean 0 and deviation 1 a channel; else to 0..1 only.
        start: a file with first weights of some or all nodes: a model file, a run folder, one of
            `striate pretrain`, or weights of PyTorch's; empty for none. What fits is taken, the
            rest is drawn.
        freeze: layers that do not learn, by name: "conv*, bn1"; their batch normalization keeps
            its statistics too.
        initializer, bias_initializer: of kernels and biases.
        seed: of weights, order, distortion and dropout; an integer of any size.

    Raises:
        SettingError: a setting cannot mean anything.
        IdleSettingError: a setting does nothing beside the others.
    """

    epochs: int = 10
    steps: int = 0
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 0.0
    momentum: float | None = None
    weight_decay: float = 0.0
    schedule: str = "cosine"
    step_epochs: int | None = None
    step_factor: float | None = None
    warmup: float = 0.0
    smoothing: float = 0.0
    class_weights: str = ""
    sampling: str = "shuffled"
    clip: float = 0.0
    accumulate: int = 1
    ema: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    erase: float = 0.0
    patience: int = 0
    patience_steps: int = 0
    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    flip: bool = False
    validation: float | int | None = None
    normalize: bool = True
    start: str = ""
    freeze: str = ""
    initializer: str = "usual"
    bias_initializer: str = "zeros"
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("sampling", self.sampling, SAMPLINGS)
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise SettingError(f"{name} is {shown(value)}", remedy=_range(least, most))
        for name in ("momentum", "smoothing", "step_factor", "scale", "ema"):
            value = getattr(self, name)
            if value is not None and value >= 1:
                raise SettingError(f"{name} is {value}", remedy="It is 0 or more, and below 1.")
        _check_share(self.validation)
        check_recipe(self)

    @property
    def headline(self) -> str:
        """The settings that are not the usual ones."""
        return ", ".join(f"{k}={v}" for k, v in self.unusual.items()) or "the usual settings"

    @property
    def unusual(self) -> dict[str, Any]:
        """The settings that are not the usual ones, by name."""
        usual = {each.name: each.default for each in fields(self)}
        return {name: value for name, value in self.to_dict().items() if value != usual[name]}

    def display(self) -> Iterator[Block]:
        """Every setting."""
        columns = (Column("setting", text=True), Column("value", text=True, wide=60))
        yield Grid(columns, tuple((name, str(value)) for name, value in self.to_dict().items()))

    @property
    def rate(self) -> float:
        """The learning rate: what is given, or the usual one of the optimizer."""
        return self.learning_rate or USUAL_RATES[self.optimizer]

    @property
    def epochs_per_fall(self) -> int:
        """Epochs between two falls of the step schedule."""
        return self.step_epochs or max(1, self.epochs // 3)

    def last_step(self, steps_per_epoch: int) -> int:
        """The number of steps at which the run ends: the earlier of the two ends."""
        by_epochs = self.epochs * steps_per_epoch
        return min(self.steps, by_epochs) if self.steps else by_epochs

    def augment(self, fill: str) -> Augment:
        """The distortion of the pictures, with what stands beyond their edges."""
        return Augment(
            self.shift, self.rotate, self.scale, flip=self.flip, erase=self.erase, fill=fill
        )

    def part_size(self, pictures: int) -> int:
        """How many of so many training pictures are computed at once."""
        return -(-min(self.batch_size, pictures) // self.accumulate)

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
        return cls(**{name: read(name, value, types[name]) for name, value in settings.items()})

    @classmethod
    def changed(cls, base: Mapping[str, Any], given: Mapping[str, Any]) -> Recipe:
        """The recipe of `base` with the `given` settings in place of its own.

        A setting of `base` alone that does nothing beside the given ones is dropped: nobody
        asked for it.

        Raises:
            SettingError: as `from_dict`.
        """
        kept = dict(base)
        while True:
            try:
                return cls.from_dict({**kept, **given})
            except IdleSettingError as idle:
                if idle.setting in given or kept.pop(idle.setting, None) is None:
                    raise


MOST = 2**31 - 1
"""The largest count."""

LARGEST_RATE = 1e38
"""About the largest number that float32 holds."""

LIMITS: Mapping[str, tuple[float, float]] = {
    "epochs": (1, MOST),
    "steps": (0, MOST),
    "batch_size": (1, MOST),
    "learning_rate": (0, LARGEST_RATE),
    "momentum": (0, 1),
    "weight_decay": (0, LARGEST_RATE),
    "step_epochs": (1, MOST),
    "step_factor": (0, 1),
    "warmup": (0, MOST),
    "smoothing": (0, 1),
    "clip": (0, LARGEST_RATE),
    "accumulate": (1, MOST),
    "ema": (0, 1),
    "mixup": (0, 100),
    "cutmix": (0, 100),
    "erase": (0, 1),
    "patience": (0, MOST),
    "patience_steps": (0, MOST),
    "shift": (0, 100_000),
    "rotate": (0, 360),
    "scale": (0, 1),
    "seed": (0, 10**1000),
}
"""The smallest and the largest value of each number."""

SETTINGS: tuple[str, ...] = tuple(field.name for field in fields(Recipe))


def _range(least: float, most: float) -> str:
    """What a number may be, in words."""
    if most > LARGEST_RATE:
        return f"It is a whole number of {least} or more."
    return f"It is a number of {least} or more, up to {most:,}."


def _check_share(share: float | int | None) -> None:
    """Hold the validation pictures to a count or a fraction."""
    if share is None or (isinstance(share, int) and share >= 0) or 0 <= share < 1:
        return
    raise SettingError(
        f"validation is {share}", remedy="It is a fraction from 0 up to 1, or a count of pictures."
    )


def _one_of(name: str, value: str, known: Any) -> None:
    if value not in known:
        raise SettingError(
            f"{name} is {shown(value)}",
            remedy=did_you_mean(value, known) or f"There are: {', '.join(known)}.",
        )
