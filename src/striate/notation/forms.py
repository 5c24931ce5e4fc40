"""How each operator is written: one line an operator.

What is not said here follows from the operator's own settings: `stride=2` for any of them,
`ceil` alone for a yes, and valid, same or full alone where there is a padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from striate.graph import Operator
from striate.ops import OPERATORS


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
    _form("CONV", "Conv", "out_channels kernel", "CONVOLUTION CONV1D CONV2D"),
    _form("FC", "Dense", "out_features", "DENSE LINEAR FULLYCONNECTED"),
    _form("FLATTEN", "Flatten"),
    _form("MAXPOOL", "MaxPool", "kernel", "POOL MAXPOOLING"),
    _form("AVGPOOL", "AveragePool", "kernel", "AVERAGEPOOL MEANPOOL AVGPOOLING"),
    _form("GLOBALAVGPOOL", "GlobalAveragePool", "", "GLOBALAVERAGEPOOL GAP"),
    _form("RELU", "ReLU"),
    _form("RELU6", "ReLU6"),
    _form("SIGMOID", "Sigmoid", "", "LOGISTIC"),
    _form("TANH", "Tanh"),
    _form("STANH", "ScaledTanh", "", "SCALEDTANH"),
    _form("SOFTMAX", "Softmax", "", "SOFT-MAX"),
    _form("DROPOUT", "Dropout", "rate", "DROP"),
    _form("BN", "BatchNorm", "", "BATCHNORM"),
    _form("LRN", "LocalResponseNorm", "size", "LOCALRESPONSENORM"),
    _form("ADD", "Add", "", "SUM"),
    _form("CONCAT", "Concat", "", "CONCATENATE CAT"),
    _form("MUL", "Multiply", "", "MULTIPLY"),
    _form("CROSSENTROPY", "CrossEntropy"),
    _form("SQUAREDERROR", "SquaredError", "", "MSE"),
    _form("LOGLOSS", "LogLoss", "", "NLL"),
)

PASS, AUX = "PASS", "AUX"
"""Words that are no operators: a branch that changes nothing, and a side exit."""

SHORT = {"padding": "pad"}
"""Settings with a shorter name in the notation."""

PADDING_WORDS = ("valid", "same", "full")


@cache
def classes() -> dict[str, type[Operator]]:
    """Every operator by its name in Python."""
    return {each.__name__: each for each in OPERATORS}


@cache
def by_keyword() -> dict[str, Form]:
    """The forms of all operators there are, by keyword and alias."""
    here = [form for form in FORMS if form.operator in classes()]
    found = {alias: form for form in here for alias in form.aliases}
    return found | {form.keyword: form for form in here}


@cache
def by_operator() -> dict[str, Form]:
    """The forms by the operator's name in Python."""
    return {form.operator: form for form in FORMS}
