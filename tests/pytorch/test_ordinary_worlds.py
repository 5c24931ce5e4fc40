"""A lowered and a frozen network in other modes, distributed, and written down as programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ordinary import (
    LENET,
    Tagged,
    assert_same,
    every_net,
    every_net_and_kind,
    kernels,  # noqa: F401 (a fixture)
    labels,
    learn,
    pair,
    pictures,
)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from striate.engine import lower, optimizer
from striate.graph import Graph

# ---- other worlds


@every_net_and_kind
def test_modes_and_types(graph: Graph, frozen: bool) -> None:
    network, layers = pair(graph, frozen=frozen)
    network.eval(), layers.eval()
    x = pictures(graph)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert_same([network(x)], [layers(x)])
        assert network(x[:0]).shape == (0, 4)
        assert_same([network(x.as_subclass(Tagged))], [layers(x.as_subclass(Tagged))])
        assert type(network(x.as_subclass(Tagged))) is Tagged
        assert_same([network(torch._neg_view(x))], [layers(torch._neg_view(x))])
        assert_same([network(x.flip(3))], [layers(x.flip(3))])
        last = x.contiguous(memory_format=torch.channels_last)
        assert_same([network(last)], [layers(x)])
        with torch.inference_mode():
            assert_same([network(x)], [layers(x)])
        with torch.device("meta"):
            assert network(x).device == layers(x).device
        assert_same(
            [network.double()(x.double()), network.float()(x)],
            [layers.double()(x.double()), layers.float()(x)],
        )
        assert network.to("meta")(x.to("meta")).is_meta
        for module in (network, layers.to("meta")):
            with pytest.raises((RuntimeError, NotImplementedError)):
                module(x).sum().item()


@every_net
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # PyTorch's own
def test_functions_of_functions(graph: Graph) -> None:
    network, layers = pair(graph)
    network.eval(), layers.eval()
    x = pictures(graph)
    tangent = torch.ones_like(x)
    weights = {name: 2 * each.detach() for name, each in layers.named_parameters()}
    found = []
    for module in (network, layers):
        values = [
            *torch.func.jvp(module, (x,), (tangent,)),
            torch.func.grad(lambda x, m=module: m(x).square().sum())(x),
            torch.vmap(lambda one, m=module: m(one[None])[0])(x),
            torch.func.functional_call(module, weights, x),
            *torch.func.grad(
                lambda w, m=module: torch.func.functional_call(m, w, x).square().sum()
            )(weights).values(),
        ]
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, tangent)
            values += torch.autograd.forward_ad.unpack_dual(module(dual))
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        many = torch.eye(4)[:, None].expand(4, len(x), 4)
        values += torch.autograd.grad(y, leaf, many, is_grads_batched=True, retain_graph=True)
        (first,) = torch.autograd.grad(y.square().sum(), leaf, create_graph=True)
        values += torch.autograd.grad(first.square().sum(), leaf)
        found.append([each.detach() for each in values])
    assert_same(*found)


@every_net
def test_saved_tensors_and_checkpoints(graph: Graph) -> None:
    network, layers = pair(graph)
    network.eval(), layers.eval()
    found = []
    for module in (network, layers):
        x = pictures(graph).requires_grad_()
        checkpoint(module, x, use_reentrant=False).square().sum().backward()
        values = [x.grad, *(p.grad.clone() for p in module.parameters())]
        module.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(as_half, as_it_was):
            y = module(pictures(graph))
        y.square().sum().backward()
        found.append([*values, *(p.grad for p in module.parameters())])
    assert_same(*found)


def as_half(x: Tensor) -> tuple[torch.dtype, Tensor]:
    """What a person may do to save memory; kernels would keep more than numbers."""
    return x.dtype, x.bfloat16() if x.is_floating_point() else x


def as_it_was(packed: tuple[torch.dtype, Tensor]) -> Tensor:
    return packed[1].to(packed[0])


# ---- training


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_scaled_gradients_step_as_torch_does(name: str) -> None:
    network, layers = pair(LENET)
    for module in (network, layers):  # rounding grows by steps as large as those of random weights
        module.load_state_dict(lower(LENET).state_dict())
    x = pictures(LENET)
    kind = {"sgd": torch.optim.SGD, "momentum": torch.optim.SGD}.get(
        name, torch.optim.Adam if name == "adam" else torch.optim.AdamW
    )
    more = {"momentum": 0.9} if name == "momentum" else {}
    ours = optimizer(name, network, 0.1)
    theirs = kind(layers.parameters(), lr=0.1, weight_decay=0.0, **more)
    for module, update in ((network, ours), (layers, theirs)):
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
        for step in range(5):
            update.zero_grad()
            factor = float("inf") if step == 3 else 1.0
            scaler.scale(nn.functional.cross_entropy(module(x), labels()) * factor).backward()
            scaler.step(update)
            scaler.update()
            assert all(p.isfinite().all() for p in module.parameters())
        assert scaler.get_scale() == 2.0**9
    assert_same(list(network.parameters()), list(layers.parameters()))


@pytest.mark.parametrize("way", ["ddp", "fsdp", "fully_shard"])
def test_a_distributed_network(way: str, tmp_path: Path) -> None:
    """In a process of its own: see there."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "distributed_networks.py", way, (tmp_path / "meeting").as_uri()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1:] == ["the same"], done.stderr


# ---- programs


@every_net_and_kind
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_programs_are_those_of_the_layers(graph: Graph, frozen: bool) -> None:
    network, layers = pair(graph, frozen=frozen)
    network.eval(), layers.eval()
    x, other = pictures(graph), pictures(graph).flip(0)
    with torch.no_grad():
        wanted = layers(other)
        traced = torch.jit.trace(network, x, check_tolerance=1e-3)
        exported = torch.export.export(network, (x,))
        assert "striate" not in str(exported.graph)
        for backend in ("eager", "aot_eager"):
            torch._dynamo.reset()
            compiled = torch.compile(network, backend=backend, fullgraph=True)
            assert_same([compiled(other)], [wanted])
        assert_same([traced(other), exported.module()(other)], [wanted, wanted])
        if not frozen:
            graph_module = torch.fx.symbolic_trace(layers)
            assert_same([graph_module(other)], [wanted])


@every_net
def test_a_compiled_network_learns(graph: Graph) -> None:
    network, layers = pair(graph)
    torch._dynamo.reset()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    y = compiled(pictures(graph))
    nn.functional.cross_entropy(y, labels()).backward()
    found = [p.grad for p in network.parameters()]
    assert_same(
        [y.detach(), *found],
        [each for k, each in enumerate(learn(layers, pictures(graph))) if k != 1],
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_default_compiler() -> None:
    network, layers = pair(LENET)
    compiled = torch.compile(network, fullgraph=True)
    assert_same(learn(compiled, pictures(LENET)), learn(layers, pictures(LENET)))


@pytest.mark.parametrize("dynamo", [False, True])
@every_net_and_kind
@pytest.mark.filterwarnings("ignore")
def test_onnx_files_answer_alike(dynamo: bool, graph: Graph, frozen: bool, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript" if dynamo else "onnx")
    network, layers = pair(graph, frozen=frozen)
    network.eval(), layers.eval()
    x, path = pictures(graph), tmp_path / "network.onnx"
    torch.onnx.export(network, (x,), path, dynamo=dynamo, verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    with torch.no_grad():
        assert_same([torch.from_numpy(session.run(None, {name: x.numpy()})[0])], [layers(x)])


# ---- one network, one start


def test_the_first_weights_are_the_same_through_every_door() -> None:
    state = LENET.module().state_dict()
    for other in (lower(LENET), lower(LENET, fast=False)):
        assert all(torch.equal(state[name], each) for name, each in other.state_dict().items())
    assert not torch.equal(LENET.module(seed=1).fc1.weight, state["fc1.weight"])
