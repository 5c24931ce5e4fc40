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


def training_peak(graph: Graph, batch: int, *, fast: bool = False) -> int:
    """The most bytes that are there in a training step of `graph`, weights and pictures included.

    Args:
        batch: pictures a step; noise, all of class 0.
        fast: by Striate's fast plan; else by plain layers, one by one.
    """
    network = lower(graph, fast=fast, fused=fast).train()
    loss = loss_function(graph)
    generator = torch.Generator().manual_seed(0)
    pictures = [
        torch.randn(batch, *graph.specs[node.name].shape, generator=generator)
        for node in graph.inputs
    ]
    target = torch.zeros((batch, *graph.specs[graph.scores.name].spatial), dtype=torch.long)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        scores = network(*pictures)  # as in a loop that counts right answers afterwards
        torch.autograd.backward(loss(scores, target))

    step()  # what is made once and stays
    network.zero_grad(set_to_none=True)
    return _bytes(network, pictures) + held_at_most(step)


def _bytes(network: nn.Module, pictures: list[Tensor]) -> int:
    there = [t.untyped_storage() for t in (*network.parameters(), *network.buffers(), *pictures)]
    return sum({memory.data_ptr(): memory.nbytes() for memory in there}.values())
