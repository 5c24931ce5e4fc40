"""How many bytes a call holds at most, as PyTorch's allocator on a CPU tells it."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from striate.engine import lower
from striate.errors import GraphError
from striate.graph import Graph
from striate.pytorch.losses import loss_function


def held_at_most(call: Callable[[], object]) -> int:
    """The most bytes that a call takes from the allocator at once, beyond what is there before.

    The profiler tells of every array that is made or dropped, those inside PyTorch's kernels
    among them.
    """
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        call()
    results = watched.profiler.kineto_results if watched.profiler else None
    if results is None:
        raise GraphError("this PyTorch does not tell of its allocator")
    events = [each for each in results.events() if each.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda weights: torch.optim.SGD(weights, 1e-6),
    "momentum": lambda weights: torch.optim.SGD(weights, 1e-6, momentum=0.9),
    "nesterov": lambda weights: torch.optim.SGD(weights, 1e-6, momentum=0.9, nesterov=True),
    "adam": lambda weights: torch.optim.Adam(weights, 1e-6),
    "adamw": lambda weights: torch.optim.AdamW(weights, 1e-6),
}
"""PyTorch's own, as a loop written by hand has them."""


def training_peak(
    graph: Graph,
    batch: int,
    *,
    fast: bool = False,
    optimizer: str = "",
    dtype: torch.dtype = torch.float32,
) -> int:
    """The most bytes that are there in a training step of `graph`, weights and pictures included.

    Args:
        batch: pictures a step; noise, all of class 0.
        fast: by Striate's fast plan; else by plain layers, one by one.
        optimizer: one of `OPTIMIZERS` that updates the weights, its state included; none unless
            given.
    """
    network = lower(graph, fast=fast, fused=fast).train().to(dtype)
    loss = loss_function(graph)
    pictures = _pictures(graph, batch, dtype)
    target = torch.zeros((batch, *graph.specs[graph.scores.name].spatial), dtype=torch.long)
    learned = [each for each in network.parameters() if each.requires_grad]
    updating = OPTIMIZERS[optimizer](learned) if optimizer else None

    def step() -> None:
        network.zero_grad(set_to_none=True)
        scores = network(*pictures)  # as in a loop that counts right answers afterwards
        error = loss(scores, target)
        torch.autograd.backward(error)
        if updating is not None:
            updating.step()

    step()  # what is made once and stays
    network.zero_grad(set_to_none=True)
    states = updating.state.values() if updating is not None else ()
    kept = [each for state in states for each in state.values() if isinstance(each, Tensor)]
    return _bytes(network, [*pictures, *kept]) + held_at_most(step)


def prediction_peak(graph: Graph, batch: int, *, dtype: torch.dtype = torch.float32) -> int:
    """The most bytes that are there in a prediction, by plain layers, one by one."""
    network = lower(graph, fast=False, fused=False).eval().to(dtype)
    pictures = _pictures(graph, batch, dtype)

    def predict() -> Tensor:
        with torch.inference_mode():
            scores: Tensor = network(*pictures)
        return scores

    predict()
    return _bytes(network, pictures) + held_at_most(predict)


def _pictures(graph: Graph, batch: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, *graph.specs[node.name].shape, generator=generator).to(dtype)
        for node in graph.inputs
    ]


def _bytes(network: nn.Module, pictures: list[Tensor]) -> int:
    there = [t.untyped_storage() for t in (*network.parameters(), *network.buffers(), *pictures)]
    return sum({memory.data_ptr(): memory.nbytes() for memory in there}.values())
