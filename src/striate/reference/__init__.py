"""The judge: a network run by its operators' own formulas in NumPy float64, keeping everything.

>>> import numpy as np
>>> from striate.graph import Assembly
>>> from striate.ops import Dense, Input
>>> small = Assembly()
>>> _ = small.add(Dense(2, bias=False), [small.add(Input((2,)))])
>>> weights = {"fc1": {"weight": np.array([[1.0, 2.0], [3.0, 4.0]])}}
>>> trace = run(small.graph(), weights, np.array([1.0, 10.0]), target=np.array([0]))
>>> trace.values["fc1"].tolist()
[[21.0, 43.0]]
>>> trace.backward().weights["fc1"]["weight"].round(6).tolist()
[[-1.0, -10.0], [1.0, 10.0]]
"""

from striate.reference.backward import Backward
from striate.reference.products import NamedFactor, Number, Product, behind
from striate.reference.run import Trace, prepared, run
from striate.reference.step import DescentStep, step

__all__ = [
    "Backward",
    "DescentStep",
    "NamedFactor",
    "Number",
    "Product",
    "Trace",
    "behind",
    "prepared",
    "run",
    "step",
]
