"""How each operator is written: one line per operator.

What is not said here follows from the operator's own settings: `stride=2` for any of them,
`ceil` alone for a yes, and valid, same or another word for padding alone where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from striate.graph import Composition, Operator
from striate.graph.settings import settings_of
from striate.graph.window import PADDINGS
from striate.ops import OPERATORS
from striate.passes.attention import COMPOSITIONS


@dataclass(frozen=True, slots=True)
class Form:
    """How one operator is written.

    Args:
        keyword: its name in the notation.
        operator: its class.
        positional: settings that may be given without their name, in order. They are always
            printed.
        aliases: other keywords for it.
    """

    keyword: str
    operator: str
    positional: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def _form(keyword: str, operator: str, positional: str = "", aliases: str = "") -> Form:
    return Form(keyword, operator, tuple(positional.split()), tuple(aliases.split()))


FORMS = (
    _form("INPUT", "Input", "size"),
    _form("ATTENTION", "Attention", "heads score", "MULTIHEADATTENTION"),
    _form("CONV", "Conv", "out_channels kernel", "CONVOLUTION CONV1D CONV2D"),
    _form("DECONV", "TransposedConv", "out_channels kernel", "TRANSPOSEDCONV CONVTRANSPOSE"),
    _form("FC", "Dense", "out_features", "DENSE LINEAR FULLYCONNECTED"),
    _form("FLATTEN", "Flatten"),
    _form("PIXELSHUFFLE", "PixelShuffle", "upscale_factor"),
    _form("MAXPOOL", "MaxPool", "kernel", "POOL MAXPOOLING"),
    _form("AVGPOOL", "AveragePool", "kernel", "AVERAGEPOOL MEANPOOL AVGPOOLING"),
    _form("L2POOL", "L2Pool", "kernel", "LPPOOL"),
    _form("STOCHASTICPOOL", "StochasticPool", "kernel"),
    _form("HISTOGRAMPOOL", "HistogramPool", "kernel"),
    _form("GLOBALAVGPOOL", "GlobalAveragePool", "", "GLOBALAVERAGEPOOL GAP"),
    _form("ADAPTIVEAVGPOOL", "AdaptiveAveragePool", "size", "ADAPTIVEAVERAGEPOOL"),
    _form("ADAPTIVEMAXPOOL", "AdaptiveMaxPool", "size", "ADAPTIVEMAXPOOLING GLOBALMAXPOOL GMP"),
    _form("MEAN", "Mean", "axis", "AVERAGE"),
    _form("SUM", "Sum", "axis"),
    _form("MAX", "Max", "axis"),
    _form("MIN", "Min", "axis"),
    _form("SUBSAMPLE", "Subsample", "kernel", "SUBSAMPLING"),
    _form("RELU", "ReLU"),
    _form("RELU6", "ReLU6"),
    _form("LEAKYRELU", "LeakyReLU", "slope", "LRELU"),
    _form("PRELU", "PReLU"),
    _form("NOISYRELU", "NoisyReLU", "", "NRELU"),
    _form("ELU", "ELU"),
    _form("GELU", "GELU"),
    _form("SILU", "SiLU", "", "SWISH"),
    _form("HARDSWISH", "HardSwish"),
    _form("HARDSIGMOID", "HardSigmoid"),
    _form("SOFTPLUS", "Softplus"),
    _form("SELU", "SELU"),
    _form("CELU", "CELU"),
    _form("MISH", "Mish"),
    _form("GLU", "GLU"),
    _form("SOFTSIGN", "Softsign"),
    _form("CLIP", "Clip", "low high", "CLAMP HARDTANH"),
    _form("THRESHOLD", "Threshold", "threshold value"),
    _form("SOFTSHRINK", "SoftShrink", "threshold"),
    _form("HARDSHRINK", "HardShrink", "threshold"),
    _form("TANHSHRINK", "TanhShrink"),
    _form("ABS", "Abs"),
    _form("SIGN", "Sign"),
    _form("SQUARE", "Square"),
    _form("POW", "Power", "exponent", "POWER"),
    _form("EXP", "Exp"),
    _form("LOG", "Log"),
    _form("SQRT", "Sqrt"),
    _form("SIGMOID", "Sigmoid", "", "LOGISTIC"),
    _form("LOGSIGMOID", "LogSigmoid"),
    _form("TANH", "Tanh"),
    _form("STANH", "ScaledTanh", "", "SCALEDTANH"),
    _form("SINE", "Sine", "", "SIN"),
    _form("COSINE", "Cosine", "", "COS"),
    _form("MAXOUT", "Maxout", "pieces"),
    _form("SOFTMAX", "Softmax", "", "SOFT-MAX"),
    _form("MASKEDSOFTMAX", "MaskedSoftmax"),
    _form("LOGSOFTMAX", "LogSoftmax", "", "LOG-SOFTMAX"),
    _form("DROPOUT", "Dropout", "rate", "DROP"),
    _form("BN", "BatchNorm", "", "BATCHNORM"),
    _form("LAYERNORM", "LayerNorm", "", "LN"),
    _form("GROUPNORM", "GroupNorm", "groups", "GN"),
    _form("INSTANCENORM", "InstanceNorm", "", "IN"),
    _form("RMSNORM", "RMSNorm"),
    _form("L2NORM", "L2Norm"),
    _form("LRN", "LocalResponseNorm", "size", "LOCALRESPONSENORM"),
    _form("ADD", "Add"),
    _form("CONCAT", "Concat", "", "CONCATENATE CAT"),
    _form("MUL", "Multiply", "", "MULTIPLY"),
    _form("SUB", "Subtract", "", "SUBTRACT"),
    _form("DIV", "Divide", "", "DIVIDE"),
    _form("MATMUL", "MatMul"),
    _form("RNN", "RNN", "units"),
    _form("GRU", "GRU", "units"),
    _form("LSTM", "LSTM", "units"),
    _form("STACK", "Stack"),
    _form("AFFINE", "Affine", "scale shift"),
    _form("SCALE", "Scale", "", "LAYERSCALE"),
    _form("SHIFT", "Shift"),
    _form("LEARNED", "Learned", "size"),
    _form("CONSTANT", "Constant", "size"),
    _form("EMBEDDING", "Embedding", "num_embeddings embedding_dim", "EMBED"),
    _form("POSITIONS", "PositionalEncoding", "", "POSITIONALENCODING"),
    _form("RESHAPE", "Reshape", "size", "VIEW"),
    _form("PERMUTE", "Permute", "order", "TRANSPOSE"),
    _form("SLICE", "Slice", "start stop"),
    _form("PAD", "Pad", "sides mode"),
    _form("FLIP", "Flip", "axis"),
    _form("ROLL", "Roll", "shift axis"),
    _form("REPEAT", "Repeat", "times", "TILE"),
    _form("RESIZE", "Resize", "scale size mode", "UPSAMPLE INTERPOLATE"),
    _form("EXPAND", "Expand", "size"),
    _form("UNFOLD", "Unfold", "kernel", "IM2COL"),
    _form("OPAQUE", "Opaque", "name size"),
    _form("RBF", "RBF", "units"),
    _form("CROSSENTROPY", "CrossEntropy"),
    _form("SIGMOIDCROSSENTROPY", "SigmoidCrossEntropy", "", "BCE"),
    _form("SQUAREDERROR", "SquaredError", "", "MSE"),
    _form("LOGLOSS", "LogLoss", "", "NLL"),
    _form("HINGE", "Hinge", "p"),
    _form("MAPLOSS", "MapLoss"),
    _form("CTC", "CTC"),
)

PASS, AUX = "PASS", "AUX"
"""Words that are no operators: a branch that changes nothing, and a side exit."""

SHARES = "shares"
"""What stands before the name of the node whose weights an operator uses: shares=conv1."""

SHORT = {"padding": "pad", "class_weights": "weights"}
"""Settings with a shorter name in the notation."""

PADDING_WORDS = tuple(PADDINGS)


@cache
def classes() -> dict[str, type[Operator] | type[Composition]]:
    """Every operator and composition by its name in Python."""
    kinds: tuple[type[Operator] | type[Composition], ...] = (*OPERATORS, *COMPOSITIONS)
    return {each.__name__: each for each in kinds}


@cache
def by_operator() -> dict[str, Form]:
    """The form of every operator there is, by its name in Python.

    One without a line of its own is written as in Python, with its required settings in order.
    """
    lines = {form.operator: form for form in FORMS}
    return {name: _fitting(lines.get(name), name, known) for name, known in classes().items()}


def _fitting(form: Form | None, name: str, operator: type[Operator] | type[Composition]) -> Form:
    known = settings_of(operator)
    if form is None:
        return Form(name.upper(), name, tuple(k for k, each in known.items() if each.required))
    return replace(form, positional=tuple(each for each in form.positional if each in known))


@cache
def by_keyword() -> dict[str, Form]:
    """The same by keyword and alias."""
    here = by_operator().values()
    found = {alias: form for form in here for alias in form.aliases}
    return found | {form.keyword: form for form in here}
