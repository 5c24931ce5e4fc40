"""What PyTorch computes for a sample, and how that compares with what our judge computes."""

from __future__ import annotations

import sys
import types
import unittest
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from sample_graph import Cannot, Nothing, SampleGraph, Value
from torch.utils._pytree import tree_flatten, tree_map

from striate.reference import Backward

TOLERANCE = 1e-9
"""Of what is compared in float64, relative to the largest number of the array."""


def listed(module: str, name: str) -> Any:
    """One of the lists of samples in PyTorch's testing modules.

    They import `expecttest` for test cases of their own, which are not run here: where it is not
    installed an empty shell stands in. Where anything else is missing the test is skipped.
    """
    if "expecttest" not in sys.modules and find_spec("expecttest") is None:
        shell = types.ModuleType("expecttest")
        shell.TestCase = unittest.TestCase
        sys.modules["expecttest"] = shell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(import_module(f"torch.testing._internal.{module}"), name)
    except ImportError as error:
        pytest.skip(f"PyTorch's samples need {error.name}, which is not installed")


def leaves(sample: Any) -> Any:
    """Copies of all tensors."""

    def copied(each: Any) -> Any:
        if not isinstance(each, torch.Tensor):
            return each
        return each.detach().clone().requires_grad_(each.requires_grad)

    return tree_map(copied, sample)


def judged(
    function: Callable[..., Any],
    row: Callable[..., Any],
    args: Any,
    kwargs: Any,
    more: Sequence[torch.Tensor] = (),
) -> str:
    """How our graph of a sample differs from PyTorch's function; nothing when they are equal.

    Args:
        function, row: PyTorch's, and how we build it.
        args, kwargs: of the call.
        more: parameters of a module, whose gradients are compared too.

    Raises:
        Cannot, StriateError: the sample cannot be expressed.
    """
    args, kwargs = leaves((args, kwargs))
    result = function(*args, **kwargs)
    theirs = [y for y in tree_flatten(result)[0] if y is not None]
    if not any(y.numel() for y in theirs):
        raise Nothing("nothing comes out")
    net = SampleGraph(theirs=result)
    built = row(net, *args, **kwargs)
    ours = list(built) if isinstance(built, list | tuple) else [built]
    pairs = [(o, t) for o, t in zip(ours, theirs, strict=True) if o is not None]
    return compared(net, pairs, [*tensors(args, kwargs), *more])


def tensors(*trees: Any) -> list[torch.Tensor]:
    """The tensors of real numbers in arguments."""
    found = [each for tree in trees for each in tree_flatten(tree)[0]]
    return [each for each in found if isinstance(each, torch.Tensor) and each.requires_grad]


def compared(
    net: SampleGraph, pairs: list[tuple[Value, torch.Tensor]], given: list[torch.Tensor]
) -> str:
    """The first difference of values, then of gradients by a random error."""
    if any(y.is_complex() for _, y in pairs):
        raise Cannot("complex numbers")
    if net.target is not None:
        return compared_loss(net, pairs[0], given)
    trace = net.traced([value for value, _ in pairs])
    errors: dict[str, np.ndarray] = {}
    backs = []
    generator = np.random.default_rng(7)
    for value, y in pairs:
        found = trace.values[value.node]
        if different := unequal(found, y.detach().numpy()):
            return f"value {different}"
        error = generator.standard_normal(tuple(y.shape))
        errors[value.node] = errors.get(value.node, 0.0) + error.reshape(found.shape)
        backs.append(torch.from_numpy(np.asarray(error)))
    wanted = [(y, e) for (_, y), e in zip(pairs, backs, strict=True) if y.requires_grad]
    if not (wanted and given):
        return ""
    ends, errs = zip(*wanted, strict=True)
    return sloped(net, trace.backward(errors), given, ends, errs)


def compared_loss(
    net: SampleGraph, pair: tuple[Value, torch.Tensor], given: list[torch.Tensor]
) -> str:
    """The same for a loss: the mean over the batch, or one number per picture."""
    value, y = pair
    trace = net.traced([value])
    whole = y.ndim == 0
    found = np.array(trace.loss) if whole else trace.values[value.node]
    if different := unequal(found, y.detach().numpy()):
        return f"value {different}"
    if not (given and y.requires_grad):
        return ""
    error = np.random.default_rng(7).standard_normal(tuple(y.shape))
    backward = trace.backward() if whole else trace.backward(error)
    return sloped(net, backward, given, [y], [torch.ones(()) if whole else torch.tensor(error)])


def sloped(
    net: SampleGraph, backward: Backward, given: list[torch.Tensor], ends: Any, errors: Any
) -> str:
    """The first difference of gradients."""
    wanted = torch.autograd.grad(ends, given, errors, allow_unused=True)
    for tensor, gradient in zip(given, wanted, strict=True):
        theirs = np.zeros(tuple(tensor.shape)) if gradient is None else gradient.numpy(force=True)
        if different := unequal(net.gradient(backward, tensor), theirs):
            return f"gradient {different}"
    return ""


def unequal(found: np.ndarray, wanted: np.ndarray) -> str:
    """How two arrays differ; nothing if they do not. A batch of one may be left out."""
    alike = found.shape == wanted.shape or found.shape == (1, *wanted.shape)
    if not alike and not (found.size == wanted.size == 1):
        return f"is {found.shape}, not {wanted.shape}"
    found = found.reshape(wanted.shape)
    finite = wanted[np.isfinite(wanted)]
    scale = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
    close = np.isclose(found, wanted, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
    if close.all():
        return ""
    worst = tuple(np.argwhere(~close)[0].tolist())
    return f"{found[worst]:.12g}, not {wanted[worst]:.12g} at {worst}"
