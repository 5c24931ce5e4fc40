"""Distributed training on one rank, of a lowered network beside hand-written layers.

python distributed_networks.py ddp|fsdp|fully_shard MEETING

It prints "the same" and ends at once: a process group that is taken down as Python ends may wait
for a thread of its own that waits for Python.
"""

from __future__ import annotations

import os
import sys
import warnings

import torch
from ordinary import LENET, NETS, assert_same, labels, learn, pair, pictures
from torch import distributed, nn
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh


def with_ddp() -> None:
    """Values, loss and gradients of two steps."""
    for graph in NETS.values():
        both = [nn.parallel.DistributedDataParallel(each) for each in pair(graph)]
        for _ in range(2):
            assert_same(*(learn(each, pictures(graph)) for each in both))


def with_fsdp() -> None:
    """Weights in one flat parameter."""
    network, layers = pair(LENET)
    wanted = learn(layers, pictures(LENET))
    module = fsdp.FullyShardedDataParallel(network, device_id=torch.device("cpu"))
    y = module(pictures(LENET))
    nn.functional.cross_entropy(y, labels()).backward()
    flat = torch.cat([p.grad.flatten() for p in module.parameters()])
    theirs = torch.cat([g.flatten() for g in wanted[2:] if g is not None])
    assert_same([y.detach(), flat[: len(theirs)]], [wanted[0], theirs])


def with_fully_shard() -> None:
    """Weights as distributed tensors, which are a subclass."""
    network, layers = pair(LENET)
    wanted = learn(layers, pictures(LENET))
    module = fsdp.fully_shard(network, mesh=init_device_mesh("cpu", (1,)))
    y = module(pictures(LENET))
    nn.functional.cross_entropy(y, labels()).backward()
    gradients = [p.grad.full_tensor() for p in module.parameters()]
    assert_same([y.detach(), *gradients], [wanted[0], *wanted[2:]])


WAYS = {"ddp": with_ddp, "fsdp": with_fsdp, "fully_shard": with_fully_shard}

if __name__ == "__main__":
    way, meeting = sys.argv[1:]
    warnings.simplefilter("ignore")
    distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
    WAYS[way]()
    print("the same", flush=True)
    os._exit(0)
