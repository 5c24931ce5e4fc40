"""What made a model: the versions that its numbers depend on."""

from __future__ import annotations

import platform

import numpy as np
import torch

from striate.exchange.own_version import own_version


def versions() -> dict[str, str]:
    """Versions by name."""
    return {
        "striate": own_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
