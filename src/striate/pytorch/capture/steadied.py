"""A module in training mode without what training draws and measures.

What it computes, and with which settings, is recorded as while it trains: batch normalization,
dropout, heads that only train. The numbers are those of a prediction, so that runs can be compared:
the kept statistics normalize, nothing is dropped, and what is drawn by chance is its mean.
"""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


class Steadied(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Calls that training makes depend on chance or on the batch do not."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = str(function.overloadpacket.__name__), kwargs or {}
        if name.rstrip("_") in DROPOUTS:
            return args[0] if name.endswith("_") else args[0].clone()
        if name == "bernoulli_":
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("p", 0.5))
        if name == "batch_norm" and args[3] is not None:
            args = (*args[:5], False, *args[6:])
        return function(*args, **kwargs)
