"""Convolutional networks you can see through.

>>> import striate
>>> graph = striate.parse("INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 10")
>>> striate.table(graph).totals["parameters"]
8806

The public names are loaded when they are first used: `import striate` loads neither torch nor
NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from striate.analysis.compare.comparison import compare
    from striate.analysis.heat import Heat, heat
    from striate.analysis.invariance import Invariance, invariance
    from striate.analysis.memory import memory
    from striate.analysis.table import table
    from striate.analysis.verify import verify
    from striate.analysis.why.explanation import Explanation
    from striate.analysis.why.inquiry import why
    from striate.diagnosis import diagnose
    from striate.errors import StriateError
    from striate.exchange.fitting import fit_weights
    from striate.exchange.onnx import read_onnx
    from striate.graph import Graph
    from striate.html_report import report
    from striate.model import Model
    from striate.notation import parse, text
    from striate.pytorch.capture import Captured, capture
    from striate.training import Recipe, resume, train
    from striate.training.evaluate import evaluate

__version__ = "0.1.0"

_HOMES = {
    "Captured": "striate.pytorch.capture",
    "Explanation": "striate.analysis.why.explanation",
    "Graph": "striate.graph",
    "Heat": "striate.analysis.heat",
    "Invariance": "striate.analysis.invariance",
    "Model": "striate.model",
    "Recipe": "striate.training",
    "StriateError": "striate.errors",
    "capture": "striate.pytorch.capture",
    "compare": "striate.analysis.compare.comparison",
    "diagnose": "striate.diagnosis",
    "evaluate": "striate.training",
    "fit_weights": "striate.exchange.fitting",
    "heat": "striate.analysis.heat",
    "invariance": "striate.analysis.invariance",
    "memory": "striate.analysis.memory",
    "parse": "striate.notation",
    "read_onnx": "striate.exchange.onnx",
    "report": "striate.html_report",
    "resume": "striate.training",
    "table": "striate.analysis.table",
    "text": "striate.notation",
    "train": "striate.training",
    "verify": "striate.analysis.verify",
    "why": "striate.analysis.why.inquiry",
}

__all__ = [
    "Captured",
    "Explanation",
    "Graph",
    "Heat",
    "Invariance",
    "Model",
    "Recipe",
    "StriateError",
    "capture",
    "compare",
    "diagnose",
    "evaluate",
    "fit_weights",
    "heat",
    "invariance",
    "memory",
    "parse",
    "read_onnx",
    "report",
    "resume",
    "table",
    "text",
    "train",
    "verify",
    "why",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'striate' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
