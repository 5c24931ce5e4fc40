"""What the contract's promises are tried on: for every operator, settings and inputs at random.

`SETTINGS` has a line per operator: a Hypothesis strategy for the operator and the specs of its
inputs. `cases` fills them with numbers. Sizes are all different, so that swapped axes show;
values are sometimes whole numbers, so that there are ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import arranging_settings as arranging
import loss_settings
import pool_settings as pooling
import recurrent_settings as recurring
from drawn_specs import (
    EITHER_SIGN,
    EPSILONS,
    FACTORS,
    RATES,
    Draw,
    Setting,
    alone,
    numbers_an_axis,
    paddings,
    plain,
    shapes,
    spatial,
)
from specimens import Lines
from striate import ops
from striate.graph import Call, Operator, Reach, Ref, Routes, Spec, Weight
from striate.graph.window import windows

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One evaluation of an operator, and a random gradient of its output.

    The arrays are read-only: an operator that writes into what it is given fails at once.
    """

    operator: Operator
    specs: tuple[Spec, ...]
    call: Call
    error: Array

    @property
    def trainable(self) -> list[str]:
        """Names of the weights that a gradient reaches."""
        return [name for name, w in self.operator.weights(*self.specs).items() if w.trainable]

    @property
    def stays(self) -> bool:
        """Whether an output sees its own position alone, and of the channels no more than a few."""
        field = self.operator.field(*self.specs)
        if isinstance(field, Routes):
            return field.in_place and field.goes[0] is not None
        return field is Reach.POINT

    def value(self, ref: Ref) -> float:
        """The number that `ref` means."""
        return float(self.array(ref.source)[ref.index])

    def array(self, source: int | str) -> Array:
        """What a `Ref.source` names."""
        if isinstance(source, str):
            return (self.call.inner if source in self.call.inner else self.call.weights)[source]
        return self.call.y if source < 0 else self.call.inputs[source]

    def changed(self, source: int | str, values: Array) -> Call:
        """The same call with another input or weight, and without its output."""
        bare = replace(self.call, output=None, inner={})
        if isinstance(source, str):
            return replace(bare, weights={**self.call.weights, source: values})
        if self.operator.vocabulary is not None:
            values = (np.abs(np.round(values)) % self.operator.vocabulary).astype(values.dtype)
        inputs = (*self.call.inputs[:source], values, *self.call.inputs[source + 1 :])
        return replace(bare, inputs=inputs)

    def sources(self) -> Iterator[int | str]:
        """Every input, and every weight that learns."""
        yield from range(len(self.call.inputs))
        yield from self.trainable


@st.composite
def cases(
    draw: Draw,
    kind: type[Operator],
    ties: bool = True,
    training: bool | None = None,
    dtype: type = np.float64,
) -> Case:
    """An operator of a kind, called with random numbers.

    Args:
        kind: the class of the operator.
        ties: whether the numbers may be small whole numbers.
        training: how it is called; None for either.
        dtype: float type of all numbers.
    """
    operator, specs = draw(SETTINGS[kind])
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    batch = draw(st.integers(2, 3))
    tied = ties and draw(st.booleans())

    def numbers(source: int, shape: tuple[int, ...]) -> Array:
        values = suitable(operator, rng, shape, source)
        return np.round(values) if tied and kind not in DOMAIN else values

    entering = (operator.shape(),) if operator.is_input else specs
    sizes = [(batch, *spec.shape) for spec in entering]
    inputs = tuple(fixed(numbers(k, size).astype(dtype)) for k, size in enumerate(sizes))
    weights = {n: weight(w, rng, dtype) for n, w in operator.weights(*specs).items()}
    trains = draw(st.booleans()) if training is None else training
    call = Call(inputs, weights, trains, given=entering, pictures=batch)
    if operator.is_random and call.training:
        call = replace(call, noise=fixed(operator.draw(rng, *inputs)))
    if operator.is_loss:
        plain = kind is ops.Hinge or draw(st.booleans())
        wanted = loss_settings.target(operator, specs[0], batch, plain, rng)
        call = replace(call, target=wanted if wanted.dtype.kind == "i" else wanted.astype(dtype))
    inner = operator.inner_values(call)
    call = replace(call, inner={name: fixed(values) for name, values in inner.items()})
    call = call.with_output(fixed(np.asarray(operator.forward(call))))
    error = fixed(rng.standard_normal(call.y.shape).astype(dtype))
    return Case(operator, specs, call, error)


def suitable(
    operator: Operator, rng: np.random.Generator, shape: tuple[int, ...], source: int = 0
) -> Array:
    """Random numbers that an operator can take as its input number `source`."""
    if operator.vocabulary is not None:
        return rng.integers(0, operator.vocabulary, shape).astype(float)
    if isinstance(operator, ops.MaskedSoftmax) and source == 1:
        return arranging.mask(operator, rng, shape)
    kind = type(operator)
    return DOMAIN[kind](rng, shape) if kind in DOMAIN else rng.standard_normal(shape) * 2


def fixed(values: Array) -> Array:
    """`values`, read-only."""
    values = values.view()
    values.flags.writeable = False
    return values


def weight(kind: Weight, rng: np.random.Generator, dtype: type) -> Array:
    """Random numbers for a weight; what starts at one as a statistic is a variance."""
    values = rng.standard_normal(kind.shape)
    if kind.role == "statistic_one":
        values = 0.5 + np.abs(values)
    return fixed(values.astype(dtype))


def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Shares that sum to one, none of them near zero."""
    shares = rng.random(shape) + 0.2
    return shares / shares.sum(axis=1, keepdims=True)


def above_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers that have a logarithm."""
    return 0.5 + 2 * rng.random(shape)


def away_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs that can be divided by."""
    return rng.choice([-1, 1], shape) * (0.5 + 2 * rng.random(shape))


DOMAIN: Mapping[type[Operator], Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    ops.Power: above_zero,
    ops.Log: above_zero,
    ops.Sqrt: above_zero,
    ops.LogLoss: probabilities,
    ops.Divide: away_from_zero,
    ops.GLU: away_from_zero,
}
"""What inputs are drawn from where any real number will not do: a gate moves no zero."""


FITTED = ("same_upper", "same_lower")


@st.composite
def conv(draw: Draw) -> Setting:
    """One or two axes, every setting of its own on each."""
    rank = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    kernel, stride, dilation = (draw(numbers_an_axis(rank, most)) for most in (4, 3, 3))
    pad = draw(st.one_of(st.sampled_from(["same", "full", *FITTED]), paddings(kernel, 3)))
    out = groups * draw(st.integers(1, 3))
    channels = groups * draw(st.integers(1, 2))
    table = None
    if groups == 1 and draw(st.booleans()):
        channels = draw(st.integers(1, 4))
        reads = draw(st.lists(st.integers(1, 2**channels - 1), min_size=out, max_size=out))
        table = tuple(tuple(row >> c & 1 for c in range(channels)) for row in reads)
    made = ops.Conv(out, kernel, stride, pad, dilation, groups, draw(st.booleans()), table)
    axes = windows(rank, kernel, stride, "same" if pad in FITTED else pad, dilation)
    return made, (Spec((channels, *draw(spatial(axes)))),)


@st.composite
def transposed_conv(draw: Draw) -> Setting:
    """Inputs that are large enough for the padding to leave something."""
    rank = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    kernel, stride, dilation = (draw(numbers_an_axis(rank, most)) for most in (4, 3, 3))
    pad = draw(st.one_of(st.just("same"), paddings(kernel, 2)))
    behind = tuple(draw(st.integers(0, step - 1)) for step in stride)
    out = groups * draw(st.integers(1, 3))
    made = ops.TransposedConv(
        out, kernel, stride, pad, behind, dilation, groups, draw(st.booleans())
    )
    sizes = draw(st.permutations([5, 6, 7]))[:rank]
    return made, (Spec((groups * draw(st.integers(1, 2)), *sizes)),)


@st.composite
def maxout(draw: Draw) -> Setting:
    """One to three pieces, and channels that they divide."""
    pieces, spec = draw(st.integers(1, 3)), draw(shapes())
    return ops.Maxout(pieces), (Spec((pieces * draw(st.integers(1, 2)), *spec.spatial)),)


@st.composite
def group_norm(draw: Draw) -> Setting:
    """Two numbers a group at least."""
    groups, spec, affine = draw(st.integers(1, 3)), draw(shapes()), draw(st.booleans())
    size = draw(st.integers(1, 2)) if spec.spatial else draw(st.integers(2, 3))
    made = ops.GroupNorm(groups, affine=affine, epsilon=draw(EPSILONS))
    return made, (Spec((groups * size, *spec.spatial)),)


SETTINGS = Lines[st.SearchStrategy[Setting]]("tests/promises.py")
SETTINGS |= {
    ops.Input: st.tuples(st.builds(lambda spec: ops.Input(spec.shape), shapes()), st.just(())),
    ops.Conv: conv(),
    ops.TransposedConv: transposed_conv(),
    ops.Dense: arranging.dense(),
    ops.Flatten: plain(ops.Flatten),
    ops.PixelShuffle: st.builds(
        lambda r, c: (ops.PixelShuffle(r), (Spec((c * r**2, 2, 3)),)), *[st.integers(1, 3)] * 2
    ),
    ops.MaxPool: pooling.max_pool(),
    ops.AveragePool: pooling.average_pool(),
    ops.HistogramPool: pooling.histogram_pool(),
    ops.GlobalAveragePool: alone(st.builds(ops.GlobalAveragePool), (2, 3)),
    ops.AdaptiveAveragePool: pooling.adaptive(ops.AdaptiveAveragePool),
    ops.AdaptiveMaxPool: pooling.adaptive(ops.AdaptiveMaxPool),
    ops.Mean: arranging.reduced(ops.Mean),
    ops.Sum: arranging.reduced(ops.Sum),
    ops.Max: arranging.reduced(ops.Max),
    ops.Min: arranging.reduced(ops.Min),
    ops.L2Pool: pooling.l2_pool(),
    ops.StochasticPool: pooling.stochastic_pool(),
    ops.Subsample: pooling.subsample(),
    ops.ReLU: plain(ops.ReLU),
    ops.ReLU6: plain(ops.ReLU6),
    ops.LeakyReLU: alone(st.builds(ops.LeakyReLU, st.floats(-2, 2))),
    ops.PReLU: st.one_of(
        alone(st.builds(ops.PReLU, st.booleans())),
        arranging.spread_weights(lambda size: ops.PReLU(size=size)),
    ),
    ops.NoisyReLU: alone(st.builds(ops.NoisyReLU, FACTORS)),
    ops.ELU: alone(st.builds(ops.ELU, FACTORS)),
    ops.GELU: alone(st.builds(ops.GELU, st.booleans())),
    ops.SiLU: plain(ops.SiLU),
    ops.SELU: st.one_of(plain(ops.SELU), alone(st.builds(ops.SELU, FACTORS, FACTORS))),
    ops.GLU: arranging.halved(),
    ops.CELU: alone(st.builds(ops.CELU, FACTORS)),
    ops.Mish: plain(ops.Mish),
    ops.Softsign: plain(ops.Softsign),
    ops.Clip: alone(st.builds(ops.Clip, st.floats(-0.9, -0.1), st.floats(0.1, 0.9))),
    ops.Threshold: alone(st.builds(ops.Threshold, st.floats(-1, 1), st.floats(-1, 1))),
    ops.SoftShrink: alone(st.builds(ops.SoftShrink, st.sampled_from((0.0, 0.5, 1.0)))),
    ops.HardShrink: alone(st.builds(ops.HardShrink, st.sampled_from((0.0, 0.5, 1.0)))),
    ops.TanhShrink: plain(ops.TanhShrink),
    ops.Abs: plain(ops.Abs),
    ops.Sign: plain(ops.Sign),
    ops.Square: plain(ops.Square),
    ops.Power: alone(st.builds(ops.Power, st.sampled_from((2.0, 3.0, 0.5, 1.7, -1.0)))),
    ops.Exp: plain(ops.Exp),
    ops.Log: plain(ops.Log),
    ops.Sqrt: plain(ops.Sqrt),
    ops.Softplus: alone(st.builds(ops.Softplus, FACTORS, st.floats(0, 20))),
    ops.HardSigmoid: alone(
        st.builds(ops.HardSigmoid, st.sampled_from((1 / 6, 0.25, 0.5)), st.sampled_from((0.5, 0.0)))
    ),
    ops.HardSwish: plain(ops.HardSwish),
    ops.Maxout: maxout(),
    ops.Sigmoid: plain(ops.Sigmoid),
    ops.LogSigmoid: plain(ops.LogSigmoid),
    ops.Tanh: plain(ops.Tanh),
    ops.ScaledTanh: alone(st.builds(ops.ScaledTanh, FACTORS, FACTORS)),
    ops.Sine: plain(ops.Sine),
    ops.Cosine: plain(ops.Cosine),
    ops.Softmax: arranging.along(lambda draw, n, axis: ops.Softmax(axis)),
    ops.MaskedSoftmax: arranging.masked(),
    ops.LogSoftmax: arranging.along(lambda draw, n, axis: ops.LogSoftmax(axis)),
    ops.RBF: st.tuples(st.builds(ops.RBF, st.integers(1, 10)), st.just((Spec((84,)),))),
    ops.BatchNorm: alone(
        st.builds(ops.BatchNorm, st.floats(1e-5, 1.0), st.floats(0, 1), st.booleans())
    ),
    ops.LocalResponseNorm: alone(
        st.builds(ops.LocalResponseNorm, st.integers(1, 6), FACTORS, FACTORS, FACTORS), (2, 3)
    ),
    ops.LayerNorm: arranging.over_axes(ops.LayerNorm),
    ops.RMSNorm: arranging.over_axes(ops.RMSNorm),
    ops.InstanceNorm: alone(
        st.builds(ops.InstanceNorm, affine=st.booleans(), epsilon=EPSILONS), (2, 3)
    ),
    ops.L2Norm: arranging.along(lambda draw, n, axis: ops.L2Norm(axis, draw(st.floats(1e-3, 5)))),
    ops.GroupNorm: group_norm(),
    ops.Dropout: alone(st.builds(ops.Dropout, RATES)),
    ops.Add: arranging.branches(ops.Add),
    ops.Concat: arranging.stacked(),
    ops.Multiply: arranging.branches(ops.Multiply),
    ops.Divide: arranging.branches(ops.Divide, 2),
    ops.Subtract: arranging.branches(ops.Subtract, 2),
    ops.MatMul: arranging.matrices(),
    ops.RNN: recurring.recurrent(
        ops.RNN, nonlinearity=st.sampled_from(("tanh", "sigmoid", "relu"))
    ),
    ops.GRU: recurring.recurrent(ops.GRU, reset=st.sampled_from(("after", "before"))),
    ops.LSTM: recurring.recurrent(ops.LSTM, 2, peepholes=st.booleans()),
    ops.Stack: st.builds(lambda spec, n: (ops.Stack(), (spec,) * n), shapes(), st.integers(2, 3)),
    ops.Affine: alone(st.builds(ops.Affine, EITHER_SIGN, st.floats(-1, 1))),
    ops.Scale: arranging.spread_weights(ops.Scale),
    ops.Shift: arranging.spread_weights(ops.Shift),
    ops.Learned: st.builds(lambda spec: (ops.Learned(spec.shape), ()), shapes()),
    ops.Constant: st.builds(lambda spec: (ops.Constant(spec.shape), ()), shapes()),
    ops.Embedding: st.builds(
        lambda spec, n, c: (ops.Embedding(n, c), (spec,)),
        shapes((1, 2)),
        st.integers(30, 40),
        st.integers(1, 4),
    ),
    ops.PositionalEncoding: alone(
        st.builds(ops.PositionalEncoding, st.sampled_from((10000.0, 7.0))), (2,)
    ),
    ops.Reshape: arranging.reshaped(),
    ops.Permute: arranging.permuted(),
    ops.Slice: arranging.sliced(),
    ops.Pad: arranging.padded(),
    ops.Flip: arranging.along(lambda draw, n, axis: ops.Flip(axis)),
    ops.Roll: arranging.along(lambda draw, n, axis: ops.Roll(draw(st.integers(-4, 4)), axis)),
    ops.Repeat: arranging.along(lambda draw, n, axis: ops.Repeat(draw(st.integers(1, 3)), axis)),
    ops.Resize: arranging.resized(),
    ops.Expand: arranging.expanded(),
    ops.Unfold: arranging.unfolded(),
    ops.Opaque: arranging.foreign(),
    ops.CrossEntropy: loss_settings.class_loss(ops.CrossEntropy, shapes()),
    ops.LogLoss: loss_settings.class_loss(ops.LogLoss, shapes()),
    ops.SquaredError: plain(ops.SquaredError),
    ops.Hinge: loss_settings.hinge(shapes()),
    ops.SigmoidCrossEntropy: loss_settings.sigmoid_cross_entropy(shapes()),
    ops.CTC: loss_settings.ctc(),
    ops.MapLoss: alone(st.builds(ops.MapLoss, st.floats(-3, 3), loss_settings.SMOOTHING)),
}
"""Settings and input specs of every operator."""
