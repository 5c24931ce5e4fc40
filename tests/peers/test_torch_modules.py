"""PyTorch's own samples of its modules (`module_db`), as our graphs and run by our judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from tally import Suite
from torch_modules import MODULES as TABLE
from torch_modules import parameters
from torch_samples import judged, listed

EXPLAINED = {
    f"nn.LPPool{d}d": (2, "PyTorch sums x^p, we |x|^p as ONNX does: for odd p they differ below 0")
    for d in (1, 2, 3)
}
"""How many samples of a module have other numbers than ours, and why."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
def test_samples_of_modules(capsys: pytest.CaptureFixture[str]) -> None:
    suite, known = Suite("torch modules", EXPLAINED), modules()
    for name, row in TABLE.items():
        for k, (module, args, kwargs) in enumerate(samples(known[name])):
            own = parameters(module)
            judge = partial(judged, module, partial(built, row, module), args, kwargs, more=own)
            suite.count(name, f"sample {k}", judge)
    with capsys.disabled():
        print("\n" + "\n".join(suite.summary()))
    assert not suite.unexplained, "\n".join(suite.unexplained)
    assert suite.share >= 0.92


def built(row: Any, module: Any, net: Any, *args: Any, **kwargs: Any) -> Any:
    """The row of a module, which takes the module second."""
    return row(net, module, *args, **kwargs)


def modules() -> dict[str, Any]:
    """PyTorch's descriptions of its modules by name."""
    return {described.name: described for described in listed("common_modules", "module_db")}


def samples(described: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each module, while training and after, and what it is called with."""
    for training in (True, False):
        torch.manual_seed(0)
        made = described.module_inputs_func(
            described, "cpu", torch.float64, requires_grad=True, training=training
        )
        for given in made:
            if given.forward_input is None:
                continue
            settings = given.constructor_input
            module = described.module_cls(*settings.args, **settings.kwargs)
            module = module.double().train(training)
            if "Lazy" in described.name:
                with torch.no_grad():
                    module(*given.forward_input.args, **given.forward_input.kwargs)
            yield module, given.forward_input.args, given.forward_input.kwargs
