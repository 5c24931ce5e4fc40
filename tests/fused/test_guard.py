"""What the guard says of tensors alone; of modules see tests/pytorch/test_ordinary.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from striate.engine import lower
from striate.fused import private
from striate.fused.guard import Guard, allows, originals
from striate.notation import parse


class Tagged(Tensor):
    """A subclass."""


X = torch.randn(3, 4)
OTHERS: dict[str, Callable[[], Tensor]] = {
    "double": X.double,
    "complex": lambda: X.to(torch.complex64),
    "empty": lambda: X[:0],
    "meta": lambda: X.to("meta"),
    "sparse": X.to_sparse,
    "a subclass": lambda: X.as_subclass(Tagged),
    "a negative view": lambda: torch._neg_view(X),
    "nothing but zeros": lambda: torch._efficientzerotensor(3, 4),
    "heard": lambda: _heard(),
}


def _heard() -> Tensor:
    x = X.clone().requires_grad_()
    x.register_hook(lambda gradient: None)
    return x


def test_plain_tensors_are_read() -> None:
    assert allows(X, None, nn.Parameter(X), X.T, X[1:, ::2], X.clone().requires_grad_())
    with torch.no_grad(), torch.inference_mode():
        assert allows(X, X + 1)


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_not(name: str) -> None:
    assert not allows(OTHERS[name]())
    assert not allows(X, OTHERS[name]())


def test_a_release_without_a_name_runs_layers_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert private.MISSING == []
    monkeypatch.setattr(private, "MISSING", [])
    assert private._found("torch._C._nobody_has_this") is None
    assert private.MISSING == ["torch._C._nobody_has_this"]
    assert not allows(X)


def test_the_same_answer_until_something_changes() -> None:
    network = lower(parse("INPUT 2x6x5 -> CONV 3 3x3 -> BN -> RELU -> FC 4"))
    x = torch.randn(2, 2, 6, 5)
    for copied in (False, True):
        guard = Guard(originals(network), copied=copied)
        first = guard.look(network, (x,))
        assert first is not None
        network.bn1.momentum, network.bn1.eps = 0.2, 1e-3
        assert guard.look(network, (x,)) is first
        with torch.no_grad():
            network.fc1.weight.add_(1)
        assert (guard.look(network, (x,)) is first) is not copied
        network.conv1.stride = (2, 2)
        assert guard.look(network, (x,)) is None
        network.conv1.stride = (1, 1)
        assert guard.look(network, (x,)) is not None
        guard.forget()
        assert guard.look(network, (x,)) not in (None, first)
        network.bn1.momentum, network.bn1.eps = 0.1, 1e-5
