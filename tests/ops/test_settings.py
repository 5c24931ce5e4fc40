"""Settings, inputs and targets that cannot mean anything: what the errors say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from specimens import specimen
from striate import ops
from striate.errors import SettingError, ShapeError
from striate.graph import Call, Operator, Spec
from striate.graph.settings import made, settings_of
from striate.ops import OPERATORS
from striate.ops.loss.row_loss import RowLoss

FLAT, SIGNAL, PICTURE = Spec((7,)), Spec((3, 11)), Spec((6, 5, 4))

BAD_SETTINGS: list[tuple[type[Operator], tuple[object, ...], str]] = [
    (ops.Input, ((),), "an input of nothing is empty"),
    (ops.Input, ((1, 0, 28),), "an input of 1x0x28 is empty"),
    (ops.Conv, (0, 3), "out_channels is 0, but it needs a whole number of 1 or more"),
    (ops.Conv, (6, 2.5), "kernel is 2.5, but it needs a whole number"),
    (ops.Conv, (6, (3, 0)), "kernel is 3x0"),
    (ops.Conv, (6, 3, -1), "stride is -1"),
    (ops.Conv, (6, 3, 1, "sane"), "padding is 'sane'"),
    (ops.Conv, (6, 3, 1, -2), "padding is -2, but it needs whole numbers of 0 or more"),
    (ops.Conv, (6, 3, 1, "valid", 0), "dilation is 0"),
    (ops.Conv, (6, 3, 1, "valid", 1, 4), "6 output channels do not split into 4 groups"),
    (ops.Conv, (6, 3, 1, "valid", 1, 1, True, "lenet"), "no connection table is called lenet"),
    (ops.Conv, (6, 3, 1, "valid", 1, 1, True, "lenet5"), "the connection table has 16 rows for 6"),
    (ops.Conv, (2, 3, 1, "valid", 1, 1, True, ((1, 0), (1,))), "a connection table is a matrix"),
    (ops.Conv, (2, 3, 1, "valid", 1, 1, True, ((1, 2), (1, 0))), "a connection table is a matrix"),
    (ops.Conv, (2, 3, 1, "valid", 1, 1, True, ((1, 0), (0, 0))), "a row of the connection table"),
    (ops.Conv, (2, 3, 1, "valid", 1, 2, True, ((1, 0), (1, 1))), "a convolution has groups or"),
    (ops.TransposedConv, (0,), "out_channels is 0"),
    (ops.TransposedConv, (6, 3, 1, "valid", -1), "output_padding is -1"),
    (ops.TransposedConv, (6, 3, 1, "valid", 0, 1, 4), "6 output channels do not split into 4"),
    (ops.Dense, (0,), "out_features is 0"),
    (ops.Dense, (True,), "out_features is True"),
    (ops.MaxPool, (0,), "kernel is 0"),
    (ops.MaxPool, (2, 0), "stride is 0"),
    (ops.MaxPool, (2, 2, "valid", 0), "dilation is 0"),
    (ops.AveragePool, ((2, 0),), "kernel is 2x0"),
    (ops.AveragePool, (2, 2, "some"), "padding is 'some'"),
    (ops.Subsample, (0,), "kernel is 0"),
    (ops.Subsample, (2, (1, 0)), "stride is 1x0"),
    (ops.AveragePool, (2, 2, 0, False, True, 0), "divisor is 0, but it needs a whole number"),
    (ops.AveragePool, (2, 2, 0, False, True, None, 0), "dilation is 0"),
    (ops.L2Pool, (2, 2, -1), "padding is -1"),
    (ops.L2Pool, (2, 2, 0, False, 0.5), "p is 0.5"),
    (ops.L2Pool, (2, 2, 0, False, float("inf")), "p is inf"),
    (ops.StochasticPool, (2.0,), "kernel is 2.0"),
    (ops.AdaptiveAveragePool, (0,), "size is 0"),
    (ops.AdaptiveMaxPool, ((2, 0),), "size is 2x0"),
    (ops.Hinge, (0.0,), "margin is 0.0"),
    (ops.RBF, (0,), "units is 0"),
    (ops.RBF, (11,), "11 RBF units need 11 codes, but 10 are drawn"),
    (ops.MapLoss, (float("inf"),), "j is inf"),
    (ops.Dropout, (1.0,), "the dropout rate is 1.0"),
    (ops.Dropout, (-0.1,), "the dropout rate is -0.1"),
    (ops.Dropout, (float("nan"),), "the dropout rate is nan"),
    (ops.BatchNorm, (0.0,), "epsilon is 0.0"),
    (ops.BatchNorm, (1e-5, 1.5), "momentum is 1.5"),
    (ops.CrossEntropy, (1.0,), "label smoothing is 1.0"),
    (ops.CrossEntropy, (0.0, (1.0, -2.0)), "class weights are 1, -2"),
    (ops.LogLoss, (0.0, (0.0, 0.0)), "class weights are 0, 0"),
    (ops.SigmoidCrossEntropy, (0.0, (float("inf"),)), "pos_weight is inf"),
    (ops.Hinge, (1.0, 3), "the power p is 3"),
    (ops.CTC, (-1,), "blank is -1"),
    (ops.ScaledTanh, (0.0,), "amplitude is 0.0"),
    (ops.ScaledTanh, (1.7, float("inf")), "slope is inf"),
    (ops.LocalResponseNorm, (0,), "size is 0, but it needs a whole number"),
    (ops.LocalResponseNorm, (5, -1.0), "alpha is -1.0"),
    (ops.LocalResponseNorm, (5, 1.0, 0.5, -0.5), "k is -0.5"),
    (ops.LeakyReLU, (float("nan"),), "slope is nan"),
    (ops.ELU, (0.0,), "alpha is 0.0"),
    (ops.SoftShrink, (-0.5,), "threshold is -0.5"),
    (ops.HardShrink, (-0.5,), "threshold is -0.5"),
    (ops.Threshold, (0.0, float("inf")), "value is inf"),
    (ops.SELU, (1.0, -1.0), "gamma is -1.0"),
    (ops.HardSigmoid, (0.0,), "slope is 0.0"),
    (ops.HardSigmoid, (0.2, float("nan")), "shift is nan"),
    (ops.NoisyReLU, (-1.0,), "sigma is -1.0"),
    (ops.Softplus, (0.0,), "beta is 0.0"),
    (ops.Softplus, (1.0, -1.0), "threshold is -1.0"),
    (ops.PixelShuffle, (0,), "upscale_factor is 0"),
    (ops.Maxout, (0,), "pieces is 0"),
    (ops.Mean, (" ",), "axis names no axis"),
    (ops.Max, ((),), "axis names no axis"),
    (ops.LayerNorm, ((),), "axis names no axis"),
    (ops.L2Norm, ("last", 0.0), "epsilon is 0.0"),
    (ops.GroupNorm, (0,), "groups is 0"),
    (ops.HistogramPool, (0,), "kernel is 0"),
    (ops.HistogramPool, (2, None, 1), "1 bins from 0 to 1 tell nothing apart"),
    (ops.HistogramPool, (2, None, 4, 2.0, 1.0), "4 bins from 2 to 1 tell nothing"),
]
"""Operator, its arguments, and what the error begins with."""

BAD_INPUTS: list[tuple[Operator, tuple[Spec, ...], str, str]] = [
    (ops.Conv(4, 3), (FLAT,), "needs a map with channels, but its input is flat (7 units)", "CONV"),
    (ops.Conv(4, 7), (PICTURE,), "7x7 window of {self} does not fit its 5x4 input", "up to 5x4"),
    (ops.Conv(4, 9, padding=1), (PICTURE,), "padding included: 7x6", "pad by 2 more"),
    (ops.Conv(4, 3, groups=4), (PICTURE,), "6 input channels of {self} do not split", "divide"),
    (ops.Conv(4, (3, 2)), (SIGNAL,), "kernel has 2 numbers, but the input has 1", "Write one"),
    (ops.Conv(16, 3, table="lenet5"), (SIGNAL,), "has 6 columns, but its input has 3", "column"),
    (ops.TransposedConv(4), (FLAT,), "needs a map with channels, but its input is flat", "DECONV"),
    (ops.TransposedConv(4, groups=4), (PICTURE,), "6 input channels of {self} do not", "divide"),
    (ops.TransposedConv(4, 3, 2, output_padding=2), (PICTURE,), "not smaller", "stride - 1"),
    (ops.TransposedConv(4, 1, padding=2), (PICTURE,), "cuts all of its output off", "Pad by less"),
    (ops.Subsample(2), (FLAT,), "pools maps, but its input is flat", "before FLATTEN"),
    (ops.Subsample(6), (PICTURE,), "6x6 pooling window of {self} does not fit", "up to 5x4"),
    (ops.RBF(), (FLAT,), "compares 84 features with 7x12 bitmaps, but its input is 7", "FC 84"),
    (ops.L2Pool(2), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.StochasticPool(2), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.AdaptiveAveragePool(2), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.AdaptiveAveragePool((2, 3)), (SIGNAL,), "size has 2 numbers, but the input has 1", "one"),
    (ops.AdaptiveMaxPool(2), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.Dense(4), (PICTURE,), "needs a flat input, not 6x5x4", "FLATTEN"),
    (ops.MaxPool(2), (FLAT,), "pools maps, but its input is flat (7 units)", "before FLATTEN"),
    (ops.MaxPool(6), (PICTURE,), "6x6 pooling window of {self} does not fit", "Windows up to 5x4"),
    (ops.MaxPool(2, padding=2), (PICTURE,), "could lie in the padding alone", "Pad by 1 or less"),
    (ops.MaxPool(2, 1, 1, 2), (Spec((1, 1)),), "could lie in the padding", "dilate by 1 or less"),
    (ops.AveragePool(3, padding=3), (PICTURE,), "could lie in the padding", "Pad by 2 or less"),
    (ops.AveragePool(2), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.GlobalAveragePool(), (FLAT,), "pools maps", "before FLATTEN"),
    (ops.Mean(), (FLAT,), "{self} reduces the spatial axes, but its input is flat (7", "axis=ch"),
    (
        ops.Sum("step rows"),
        (SIGNAL,),
        "{self} names the axis rows, which 3x11 lacks",
        "channel, st",
    ),
    (ops.Max("step -1"), (SIGNAL,), "{self} names an axis of 3x11 twice: step -1", "each once"),
    (ops.Min("unit"), (FLAT,), "{self} reduces every axis of 7 and leaves none", "keep=yes"),
    (ops.LogSoftmax("column"), (SIGNAL,), "names the axis column, which 3x11 lacks", "step"),
    (ops.LocalResponseNorm(), (FLAT,), "needs a map with channels", "before FLATTEN"),
    (ops.PReLU(size=(6, 5, 3)), (PICTURE,), "the weight of {self} has the shape 6x5x3", "or 1"),
    (ops.GLU("row"), (PICTURE,), "the 5 positions of row do not split into two halves", "6"),
    (ops.GLU("step"), (PICTURE,), "{self} names the axis step", "channel, row, column"),
    (ops.Maxout(4), (PICTURE,), "the 6 channels of {self} do not split into groups of 4", "8"),
    (ops.PixelShuffle(2), (SIGNAL,), "enlarges maps of a height and a width", "FLATTEN"),
    (ops.PixelShuffle(2), (PICTURE,), "6 channels of {self} do not split into blocks of 4", "8 c"),
    (ops.GroupNorm(4), (PICTURE,), "the 6 channels of {self} do not split", "1, 2, 3, 6"),
    (ops.InstanceNorm(), (FLAT,), "{self} has one number a channel", "LAYERNORM"),
    (ops.LayerNorm("row 3"), (PICTURE,), "{self} names the axis 3", "row, column, or 0 to 2"),
    (ops.RMSNorm("row 1"), (PICTURE,), "names an axis of 6x5x4 twice: row 1", "Name each once"),
    (ops.L2Norm("rows"), (PICTURE,), "{self} names the axis rows", "row"),
    (ops.GroupNorm(7), (FLAT,), "one number a group (7 in 7 groups)", "fewer groups"),
    (ops.CrossEntropy(0.1, (1.0, 2.0)), (SIGNAL,), "{self} has 2 class weights, but", "per class"),
    (ops.CTC(), (FLAT,), "reads a sequence of class scores", "classes x steps"),
    (ops.CTC(3), (SIGNAL,), "blank (3) included, but its input is 3x11", "classes x steps"),
    (ops.SigmoidCrossEntropy(0, (1.0, 2.0)), (FLAT,), "has 2 numbers in pos_weight", "per class"),
    (ops.Divide(), (FLAT, PICTURE), "divides maps of one size", "equal"),
    (ops.Add(), (PICTURE, FLAT), "adds maps of one size, but its inputs are 6x5x4 and 7", "equal"),
    (ops.Multiply(), (FLAT, Spec((8,))), "multiplies maps of one size", "equal"),
    (ops.Concat(), (PICTURE, Spec((6, 4, 5))), "inputs are 6x5x4 and 6x4x5", "equal strides"),
    (ops.Concat(), (SIGNAL, PICTURE), "stacks maps of one height and width", "equal strides"),
]
"""Operator, what reaches it, and parts of the sentence and of the remedy."""


@pytest.mark.parametrize(("kind", "arguments", "what"), BAD_SETTINGS)
def test_bad_settings_are_named(
    kind: type[Operator], arguments: tuple[object, ...], what: str
) -> None:
    with pytest.raises(SettingError) as caught:
        kind(*arguments)
    assert caught.value.what.startswith(what)
    assert caught.value.remedy.endswith((".", "?"))


@pytest.mark.parametrize(("operator", "specs", "what", "remedy"), BAD_INPUTS)
def test_inputs_that_do_not_fit_are_named(
    operator: Operator, specs: tuple[Spec, ...], what: str, remedy: str
) -> None:
    with pytest.raises((ShapeError, SettingError)) as caught:
        operator.shape(*specs)
    assert what in caught.value.what
    assert remedy in caught.value.remedy


AWKWARD = (0, -1, 2, 1 << 40, 0.5, -0.5, 1e308, float("inf"), "nonsense", "", "row", True, None)
AWKWARD_ROWS = ((), (0,), (-1, 2), (3, 4), (1, 2, 3, 4, 5), ((0, 1), (2, 3)), ((-1, -1),), ((),))


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("spec", [FLAT, SIGNAL, PICTURE], ids=str)
def test_every_setting_means_something_or_is_refused(kind: type[Operator], spec: Spec) -> None:
    """Whatever is given makes an operator that knows its shape, or an error of ours."""
    usual = {name: getattr(specimen(kind), name) for name in settings_of(kind)}
    count = kind.arity[0]
    for name in usual:
        for value in (*AWKWARD, *AWKWARD_ROWS):
            with suppress(SettingError, ShapeError):
                made(kind, {**usual, name: value}).shape(*[spec] * count)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (ops.Conv(4, (5, 5)), ops.Conv(4, 5)),
        (ops.Conv(4, 5, padding=0), ops.Conv(4, 5, padding="valid")),
        (ops.Conv(4, 5, padding=((2, 2), (2, 2))), ops.Conv(4, 5, padding=2)),
        (ops.Conv(4, 5, padding=((1, 1), (2, 2))), ops.Conv(4, 5, padding=(1, 2))),
        (ops.MaxPool(2, 2), ops.MaxPool(2)),
        (ops.MaxPool((3, 2), (3, 2)), ops.MaxPool((3, 2))),
        (ops.AveragePool((2, 2), 2, 0), ops.AveragePool()),
    ],
)
def test_settings_have_one_form(one: Operator, same: Operator) -> None:
    assert one == same
    assert hash(one) == hash(same)
    assert repr(one) == repr(same)


def test_unequal_padding_is_kept() -> None:
    assert ops.Conv(4, 5, padding=((0, 1), (0, 1))) != ops.Conv(4, 5, padding=1)


@pytest.mark.parametrize(
    "loss", [kind() for kind in OPERATORS if issubclass(kind, RowLoss)], ids=str
)
@pytest.mark.parametrize(
    ("target", "what"),
    [
        (None, "a loss needs a target"),
        (np.array([0, 3]), "the target [0, 3] names no class"),
        (np.array([-1, 0]), "the target [-1, 0] names no class"),
        (np.array([0]), "the target [0] names no class"),
        (np.array([0.5, 1.0]), "the target [0.5, 1.0] names no class"),
    ],
)
def test_targets_that_mean_nothing(loss: Operator, target: np.ndarray | None, what: str) -> None:
    with pytest.raises(SettingError, match=r"target") as caught:
        loss.forward(Call((np.full((2, 3), 0.3),), target=target))
    assert caught.value.what == what


def test_dropout_without_a_mask_says_so() -> None:
    with pytest.raises(SettingError, match="dropout has no mask"):
        ops.Dropout().forward(Call((np.ones((2, 3)),), training=True))


def test_batch_norm_refuses_to_train_on_one_number() -> None:
    weights = {"weight": np.ones(3), "bias": np.zeros(3)}
    with pytest.raises(SettingError, match="batch of 2 or more"):
        ops.BatchNorm().forward(Call((np.ones((1, 3)),), weights, training=True))


def test_call_without_output_is_a_mistake_of_the_engine() -> None:
    with pytest.raises(ValueError, match="forward has not run"):
        _ = Call((np.ones(1),)).y


@pytest.mark.parametrize("make", [ops.Sigmoid, ops.Tanh, ops.Softmax])
def test_squashing_does_not_overflow(make: Callable[[], Operator]) -> None:
    call = Call((np.array([[-1e4, 0.0, 1e4]]),))
    y = make().forward(call)
    assert np.isfinite(y).all()
    assert np.isfinite(make().backward(call.with_output(y), np.ones_like(y)).inputs[0]).all()


def test_losses_stay_finite_where_probabilities_end() -> None:
    sure = Call((np.array([[1.0, 0.0]]),), target=np.array([1]))
    assert np.isfinite(ops.LogLoss().forward(sure)).all()
    scores = Call((np.array([[1e4, -1e4]]),), target=np.array([1]))
    assert ops.CrossEntropy().forward(scores).tolist() == [2e4]


def test_padding_alike_on_all_axes_is_not_that_of_the_spatial_ones() -> None:
    assert ops.Pad((1, 1, 1)).shape(Spec((1, 3, 3))) == Spec((3, 5, 5))
    assert ops.Pad((1, 1)).shape(Spec((1, 3, 3))) == ops.Pad(1).shape(Spec((1, 3, 3)))
