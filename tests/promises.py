"""What the contract's promises are tried on: for every operator, settings and inputs at random.

`SETTINGS` has a line an operator: a Hypothesis strategy for the operator and the specs of its
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

from striate import ops
from striate.graph import Call, Operator, Padding, Ref, Spec, Weight, Window
from striate.graph.window import windows

Array: TypeAlias = NDArray[Any]
Setting: TypeAlias = tuple[Operator, tuple[Spec, ...]]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


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

    def value(self, ref: Ref) -> float:
        """The number that `ref` means."""
        return float(self.array(ref.source)[ref.index])

    def array(self, source: int | str) -> Array:
        """What a `Ref.source` names."""
        if isinstance(source, str):
            return self.call.weights[source]
        return self.call.y if source < 0 else self.call.inputs[source]

    def changed(self, source: int | str, values: Array) -> Call:
        """The same call with another input or weight, and without its output."""
        if isinstance(source, str):
            return replace(self.call, weights={**self.call.weights, source: values}, output=None)
        inputs = (*self.call.inputs[:source], values, *self.call.inputs[source + 1 :])
        return replace(self.call, inputs=inputs, output=None)

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

    def numbers(shape: tuple[int, ...]) -> Array:
        if kind in DOMAIN:
            return DOMAIN[kind](rng, shape)
        values = rng.standard_normal(shape) * 2
        return np.round(values) if tied else values

    entering = (operator.shape(),) if operator.is_input else specs
    sizes = [(batch, *spec.shape) for spec in entering]
    inputs = tuple(fixed(numbers(size).astype(dtype)) for size in sizes)
    weights = {n: weight(w, rng, dtype) for n, w in operator.weights(*specs).items()}
    trains = draw(st.booleans()) if training is None else training
    call = Call(inputs, weights, trains, given=entering, pictures=batch)
    if operator.is_random and call.training:
        call = replace(call, noise=fixed(operator.draw(rng, *inputs)))
    if operator.is_loss:
        plain = kind is ops.Hinge or draw(st.booleans())
        wanted = target(specs[0].channels, batch, plain, rng)
        call = replace(call, target=wanted if wanted.dtype.kind == "i" else wanted.astype(dtype))
    call = call.with_output(fixed(np.asarray(operator.forward(call))))
    error = fixed(rng.standard_normal(call.y.shape).astype(dtype))
    return Case(operator, specs, call, error)


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


def target(classes: int, batch: int, plain: bool, rng: np.random.Generator) -> Array:
    """Class numbers, or a wanted value for every score (shares that sum to 1)."""
    if plain:
        return rng.integers(0, classes, batch)
    shares = rng.random((batch, classes)) + 0.1
    return shares / shares.sum(axis=1, keepdims=True)


def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Shares that sum to one, none of them near zero."""
    shares = rng.random(shape) + 0.2
    return shares / shares.sum(axis=1, keepdims=True)


def away_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs that can be divided by."""
    return rng.choice([-1, 1], shape) * (0.5 + 2 * rng.random(shape))


DOMAIN: Mapping[type[Operator], Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    ops.LogLoss: probabilities,
    ops.Divide: away_from_zero,
}
"""What inputs are drawn from where any real number will not do."""


@st.composite
def shapes(draw: Draw, ranks: tuple[int, ...] = (1, 2, 3)) -> Spec:
    """A spec with axes of different lengths."""
    return Spec(tuple(draw(st.permutations([2, 3, 4, 5]))[: draw(st.sampled_from(ranks))]))


@st.composite
def paddings(draw: Draw, kernels: tuple[int, ...], most: int) -> Padding:
    """Any way to say a padding of up to `most` on a side."""
    cells = st.integers(0, most)
    words: list[st.SearchStrategy[Any]] = [cells, st.tuples(*[cells] * len(kernels))]
    words.append(st.tuples(*[st.tuples(cells, cells)] * len(kernels)))
    return draw(st.one_of(st.just("valid"), *words))


@st.composite
def spatial(draw: Draw, axes: tuple[Window, ...]) -> tuple[int, ...]:
    """Lengths, different an axis, in which the windows fit at least once."""
    found: list[int] = []
    for axis in axes:
        least = max(1, axis.extent - axis.before - axis.after)
        size = draw(st.integers(least, least + 5))
        found.append(size + (size in found))
    return tuple(found)


def numbers_an_axis(rank: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Whole numbers from 1, one an axis."""
    return st.tuples(*[st.integers(1, most)] * rank)


@st.composite
def conv(draw: Draw) -> Setting:
    """One or two axes, every setting of its own on each."""
    rank = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    kernel, stride, dilation = (draw(numbers_an_axis(rank, most)) for most in (4, 3, 3))
    pad = draw(st.one_of(st.sampled_from(["same", "full"]), paddings(kernel, 3)))
    out = groups * draw(st.integers(1, 3))
    channels = groups * draw(st.integers(1, 2))
    table = None
    if groups == 1 and draw(st.booleans()):
        channels = draw(st.integers(1, 4))
        reads = draw(st.lists(st.integers(1, 2**channels - 1), min_size=out, max_size=out))
        table = tuple(tuple(row >> c & 1 for c in range(channels)) for row in reads)
    made = ops.Conv(out, kernel, stride, pad, dilation, groups, draw(st.booleans()), table)
    axes = windows(rank, kernel, stride, pad, dilation)
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
def max_pool(draw: Draw) -> Setting:
    """Overlapping windows, and windows with gaps, over one or two axes."""
    rank, kernel, stride, pad, ceil = draw(pools())
    dilation = draw(st.integers(1, 2))
    made = ops.MaxPool(kernel, stride, pad, dilation, ceil)
    axes = windows(rank, kernel, stride or kernel, pad, dilation)
    sizes = tuple(max(dilation, size) for size in draw(spatial(axes)))
    return made, (Spec((3, *sizes)),)


@st.composite
def average_pool(draw: Draw) -> Setting:
    """Every way to count the cells at a border."""
    rank, kernel, stride, pad, ceil = draw(pools())
    made = ops.AveragePool(kernel, stride, pad, ceil, draw(st.booleans()))
    axes = windows(rank, kernel, stride or kernel, pad)
    return made, (Spec((3, *draw(spatial(axes)))),)


@st.composite
def pools(draw: Draw) -> tuple[int, Any, Any, Padding, bool]:
    """Rank, kernel, stride, padding and rounding. Sizes are rounded up only where PyTorch can."""
    rank = draw(st.integers(1, 2))
    kernel = draw(numbers_an_axis(rank, 4))
    stride = draw(st.one_of(st.none(), numbers_an_axis(rank, 3)))
    ceil = draw(st.booleans())
    if ceil:
        return rank, kernel, stride, draw(st.integers(0, min(kernel) // 2)), ceil
    return rank, kernel, stride, draw(paddings(kernel, min(kernel) - 1)), ceil


@st.composite
def l2_pool(draw: Draw) -> Setting:
    rank, kernel, stride, pad, ceil = draw(pools())
    axes = windows(rank, kernel, stride or kernel, pad)
    return ops.L2Pool(kernel, stride, pad, ceil), (Spec((3, *draw(spatial(axes)))),)


@st.composite
def stochastic_pool(draw: Draw) -> Setting:
    rank, kernel, stride, _, _ = draw(pools())
    axes = windows(rank, kernel, stride or kernel)
    return ops.StochasticPool(kernel, stride), (Spec((3, *draw(spatial(axes)))),)


@st.composite
def adaptive(draw: Draw, kind: Callable[..., Operator]) -> Setting:
    """Sizes that divide the map, sizes that do not, and more outputs than cells."""
    rank = draw(st.integers(1, 2))
    size, lengths = draw(numbers_an_axis(rank, 4)), draw(numbers_an_axis(rank, 7))
    return kind(size), (Spec((3, *lengths)),)


@st.composite
def subsample(draw: Draw) -> Setting:
    """Sums and means over windows that may overlap or leave gaps."""
    rank, kernel, stride, _, _ = draw(pools())
    made = ops.Subsample(kernel, stride, draw(st.booleans()))
    return made, (Spec((3, *draw(spatial(windows(rank, kernel, stride or kernel))))),)


@st.composite
def dense(draw: Draw) -> Setting:
    return ops.Dense(draw(st.integers(1, 5)), draw(st.booleans())), (draw(shapes((1,))),)


@st.composite
def branches(draw: Draw, kind: Callable[[], Operator], most: int = 3) -> Setting:
    """Two or more inputs of one size, some of their axes shrunk to 1."""
    spec = draw(shapes())
    count = draw(st.integers(2, most))
    return kind(), tuple(
        Spec(tuple(draw(st.sampled_from((n, n, 1))) for n in spec.shape)) for _ in range(count)
    )


@st.composite
def stacked(draw: Draw) -> Setting:
    """Two or three inputs that differ along one axis."""
    spec, axis = draw(named_axis())
    lengths = draw(st.permutations([1, 2, 3]))[: draw(st.integers(2, 3))]
    at = spec.axis(axis)
    return ops.Concat(axis), tuple(
        Spec((*spec.shape[:at], n, *spec.shape[at + 1 :])) for n in lengths
    )


@st.composite
def named_axis(draw: Draw) -> tuple[Spec, str | int]:
    """A spec and one of its axes, by name or number."""
    spec = draw(shapes())
    number = draw(st.integers(-spec.rank, spec.rank - 1))
    return spec, draw(st.sampled_from((spec.axes[number], number)))


@st.composite
def along(draw: Draw, make: Callable[[Draw, int, str | int], Operator]) -> Setting:
    """An operator that works along one axis, made from the axis' length and its name."""
    spec, axis = draw(named_axis())
    return make(draw, spec.shape[spec.axis(axis)], axis), (spec,)


@st.composite
def sliced(draw: Draw) -> Setting:
    """Parts that are counted from either end."""
    spec, axis = draw(named_axis())
    length = spec.shape[spec.axis(axis)]
    start = draw(st.integers(0, length - 1))
    stop = draw(st.one_of(st.none(), st.integers(start + 1, length)))
    start -= length * draw(st.booleans())
    return ops.Slice(start, stop, axis, draw(st.integers(1, 3))), (spec,)


@st.composite
def padded(draw: Draw) -> Setting:
    """Every kind, of the spatial axes or of all."""
    spec = draw(shapes((2, 3)))
    mode = draw(st.sampled_from((0.0, 0.5, "reflect", "replicate", "circular")))
    every = mode in (0.0, 0.5) and draw(st.booleans())
    lengths = spec.shape if every else spec.spatial
    sides = tuple(draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))) for n in lengths)
    return ops.Pad(sides, mode), (spec,)


@st.composite
def reshaped(draw: Draw) -> Setting:
    """Axes split and joined."""
    size = draw(st.permutations([2, 3, 4]))
    shape = draw(st.sampled_from(((24,), (6, 4), (4, 6), (2, 12), (2, 3, 4), (4, 2, 3), (12, 2))))
    return ops.Reshape(tuple(size)), (Spec(shape),)


@st.composite
def permuted(draw: Draw) -> Setting:
    spec = draw(shapes())
    return ops.Permute(tuple(draw(st.permutations(range(spec.rank))))), (spec,)


@st.composite
def expanded(draw: Draw) -> Setting:
    spec = draw(shapes())
    return ops.Expand(spec.shape), (Spec(tuple(draw(st.sampled_from((n, 1))) for n in spec.shape)),)


@st.composite
def unfolded(draw: Draw) -> Setting:
    rank = draw(st.integers(1, 2))
    kernel, stride, dilation = (draw(numbers_an_axis(rank, most)) for most in (3, 3, 2))
    pad = draw(paddings(kernel, 2))
    axes = windows(rank, kernel, stride, pad, dilation)
    return ops.Unfold(kernel, stride, pad, dilation), (Spec((2, *draw(spatial(axes)))),)


@st.composite
def spread_weights(draw: Draw, kind: Callable[[Any], Operator]) -> Setting:
    """One number per channel, or a weight of which some axes are spread."""
    spec = draw(shapes())
    size = tuple(draw(st.sampled_from((n, 1))) for n in spec.shape)
    return kind(draw(st.sampled_from((None, size)))), (spec,)


@st.composite
def matrices(draw: Draw) -> Setting:
    """Rows by columns, perhaps of several heads, one of them spread."""
    rows, inner, columns, heads = draw(st.permutations([2, 3, 4, 5]))
    both = draw(st.sampled_from((((), ()), ((heads,), (heads,)), ((1,), (heads,)))))
    return ops.MatMul(), (Spec((*both[0], rows, inner)), Spec((*both[1], inner, columns)))


@st.composite
def maxout(draw: Draw) -> Setting:
    """One to three pieces, and channels that they divide."""
    pieces, spec = draw(st.integers(1, 3)), draw(shapes())
    return ops.Maxout(pieces), (Spec((pieces * draw(st.integers(1, 2)), *spec.spatial)),)


@st.composite
def group_norm(draw: Draw) -> Setting:
    """Two numbers a group at least."""
    groups, spec = draw(st.integers(1, 3)), draw(shapes())
    size = draw(st.integers(1, 2)) if spec.spatial else draw(st.integers(2, 3))
    made = ops.GroupNorm(groups, epsilon=draw(EPSILONS))
    return made, (Spec((groups * size, *spec.spatial)),)


@st.composite
def histogram_pool(draw: Draw) -> Setting:
    """Windows of two cells or more; bins at places that floating point hits exactly."""
    rank = draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(2, 3), *[st.integers(1, 3)] * (rank - 1)))
    stride = draw(st.one_of(st.none(), numbers_an_axis(rank, 3)))
    bins, width, low = draw(st.integers(2, 4)), draw(st.sampled_from([0.5, 1, 2])), -2.0
    made = ops.HistogramPool(kernel, stride, bins, low, low + width * (bins - 1))
    return made, (Spec((3, *draw(spatial(windows(rank, kernel, stride or kernel))))),)


def alone(
    operators: st.SearchStrategy[Any], ranks: tuple[int, ...] = (1, 2, 3)
) -> st.SearchStrategy[Setting]:
    """An operator that takes any shape of these ranks."""
    return st.tuples(operators, st.tuples(shapes(ranks)))


def plain(kind: Callable[[], Operator]) -> st.SearchStrategy[Setting]:
    """An operator without settings that takes any shape."""
    return alone(st.builds(kind))


RATES = st.floats(0, 0.9)
FACTORS = st.floats(0.1, 2.0)
EPSILONS = st.floats(1e-3, 1.0)
OVER = st.sampled_from(["all", "channels"])

SETTINGS: Mapping[type[Operator], st.SearchStrategy[Setting]] = {
    ops.Input: st.tuples(st.builds(lambda spec: ops.Input(spec.shape), shapes()), st.just(())),
    ops.Conv: conv(),
    ops.TransposedConv: transposed_conv(),
    ops.Dense: dense(),
    ops.Flatten: plain(ops.Flatten),
    ops.MaxPool: max_pool(),
    ops.AveragePool: average_pool(),
    ops.HistogramPool: histogram_pool(),
    ops.GlobalAveragePool: alone(st.builds(ops.GlobalAveragePool), (2, 3)),
    ops.AdaptiveAveragePool: adaptive(ops.AdaptiveAveragePool),
    ops.AdaptiveMaxPool: adaptive(ops.AdaptiveMaxPool),
    ops.L2Pool: l2_pool(),
    ops.StochasticPool: stochastic_pool(),
    ops.Subsample: subsample(),
    ops.ReLU: plain(ops.ReLU),
    ops.ReLU6: plain(ops.ReLU6),
    ops.LeakyReLU: alone(st.builds(ops.LeakyReLU, FACTORS)),
    ops.PReLU: alone(st.builds(ops.PReLU, st.booleans())),
    ops.NoisyReLU: alone(st.builds(ops.NoisyReLU, FACTORS)),
    ops.ELU: alone(st.builds(ops.ELU, FACTORS)),
    ops.GELU: alone(st.builds(ops.GELU, st.booleans())),
    ops.SiLU: plain(ops.SiLU),
    ops.HardSigmoid: plain(ops.HardSigmoid),
    ops.HardSwish: plain(ops.HardSwish),
    ops.Maxout: maxout(),
    ops.Sigmoid: plain(ops.Sigmoid),
    ops.Tanh: plain(ops.Tanh),
    ops.ScaledTanh: alone(st.builds(ops.ScaledTanh, FACTORS, FACTORS)),
    ops.Sine: plain(ops.Sine),
    ops.Cosine: plain(ops.Cosine),
    ops.Softmax: plain(ops.Softmax),
    ops.RBF: st.tuples(st.builds(ops.RBF, st.integers(1, 10)), st.just((Spec((84,)),))),
    ops.BatchNorm: alone(st.builds(ops.BatchNorm, st.floats(1e-5, 1.0), st.floats(0, 1))),
    ops.LocalResponseNorm: alone(
        st.builds(ops.LocalResponseNorm, st.integers(1, 6), FACTORS, FACTORS, FACTORS), (2, 3)
    ),
    ops.LayerNorm: alone(st.builds(ops.LayerNorm, OVER, epsilon=EPSILONS)),
    ops.GroupNorm: group_norm(),
    ops.Dropout: alone(st.builds(ops.Dropout, RATES)),
    ops.Add: branches(ops.Add),
    ops.Concat: stacked(),
    ops.Multiply: branches(ops.Multiply),
    ops.Divide: branches(ops.Divide, 2),
    ops.Subtract: branches(ops.Subtract, 2),
    ops.MatMul: matrices(),
    ops.Stack: st.builds(lambda spec, n: (ops.Stack(), (spec,) * n), shapes(), st.integers(2, 3)),
    ops.Affine: alone(st.builds(ops.Affine, FACTORS, st.floats(-1, 1))),
    ops.Scale: spread_weights(ops.Scale),
    ops.Shift: spread_weights(ops.Shift),
    ops.Learned: st.builds(lambda spec: (ops.Learned(spec.shape), ()), shapes()),
    ops.Constant: st.builds(lambda spec: (ops.Constant(spec.shape), ()), shapes()),
    ops.Reshape: reshaped(),
    ops.Permute: permuted(),
    ops.Slice: sliced(),
    ops.Pad: padded(),
    ops.Flip: along(lambda draw, length, axis: ops.Flip(axis)),
    ops.Roll: along(lambda draw, length, axis: ops.Roll(draw(st.integers(-4, 4)), axis)),
    ops.Repeat: along(lambda draw, length, axis: ops.Repeat(draw(st.integers(1, 3)), axis)),
    ops.Expand: expanded(),
    ops.Unfold: unfolded(),
    ops.CrossEntropy: alone(st.builds(ops.CrossEntropy, st.one_of(st.just(0.0), RATES)), (1,)),
    ops.LogLoss: alone(st.builds(ops.LogLoss), (1,)),
    ops.SquaredError: alone(st.builds(ops.SquaredError), (1,)),
    ops.Hinge: alone(st.builds(ops.Hinge, st.floats(0.1, 3)), (1,)),
    ops.SigmoidCrossEntropy: alone(st.builds(ops.SigmoidCrossEntropy), (1,)),
    ops.MapLoss: alone(st.builds(ops.MapLoss, st.floats(-3, 3)), (1,)),
}
"""Settings and input specs of every operator."""
