"""PyTorch's own samples of its functions (`op_db`), as our graphs and run by our judge."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from tally import Suite
from torch_arithmetic import ARITHMETIC
from torch_axes import AXES
from torch_layers import LAYERS
from torch_losses import LOSSES
from torch_norms import NORMS
from torch_samples import judged, listed
from torch_shapes import REARRANGING

TABLE = ARITHMETIC | REARRANGING | AXES | LAYERS | NORMS | LOSSES

EXPLAINED = {
    "nn.functional.hardsigmoid": (1, "PyTorch keeps the slope 1/6 in float32"),
}
"""How many samples of a function have other numbers than ours, and why."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
def test_samples_of_functions(capsys: pytest.CaptureFixture[str]) -> None:
    suite, known = Suite("torch functions", EXPLAINED), functions()
    for name, row in TABLE.items():
        function = known[name]
        for k, sample in enumerate(samples(function)):
            args = (sample.input, *sample.args)
            judge = partial(judged, function.op, row, args, sample.kwargs)
            suite.count(name, f"sample {k}", judge)
    with capsys.disabled():
        print("\n" + "\n".join(suite.summary()))
    assert not suite.unexplained, "\n".join(suite.unexplained)
    assert suite.share >= 0.95


def functions() -> dict[str, Any]:
    """PyTorch's descriptions of its functions by name; "name/variant" for a variant."""
    op_db = listed("common_methods_invocations", "op_db")
    return {"/".join(filter(None, (op.name, op.variant_test_name))): op for op in op_db}


def samples(function: Any) -> Any:
    """The samples in float64; what has a gradient remembers it."""
    torch.manual_seed(0)
    slopes = function.supports_autograd
    return function.sample_inputs("cpu", torch.float64, requires_grad=slopes)
