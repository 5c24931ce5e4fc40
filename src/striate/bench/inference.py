"""One network by several ways to answer, interleaved on the same batches: inference."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.bench.training import Run, plain
from striate.engine.frozen import freeze
from striate.engine.lower import lower
from striate.engine.runtimes import opened
from striate.errors import StriateError
from striate.graph import Graph
from striate.ops.arrays import Weights
from striate.passes.fold import folded
from striate.pytorch.weights import weights_of

CALLS = 3
"""In a turn; ONNX Runtime's threads and OpenMP's wait for work in each other's way for a while."""


def answerers(graph: Graph, shape: tuple[int, ...]) -> tuple[dict[str, Run], dict[str, str]]:
    """The scores of a batch by each contender, all from the same weights.

    Args:
        shape: of a batch, (N, C, H, W).

    Returns:
        "striate" first: `freeze`. "eager": PyTorch in evaluation mode. "torchscript": frozen, in
        channels_last memory. "onnxruntime": the network exported by PyTorch, as many threads.
        "openvino": the network as we write it. And why those that are missing do not take part,
        by name.
    """
    weights = weights_of(lower(graph, fast=False))
    ours, start = freeze(graph, weights), plain(graph, weights).eval()
    example = torch.rand(shape)
    found: dict[str, Run] = {"striate": lambda x, _: ours(x), "eager": _unrecorded(start)}
    missing: dict[str, str] = {}
    peers: dict[str, Callable[[nn.Module, Tensor], Run]] = {
        "torchscript": _torchscript,
        "onnxruntime": _onnxruntime,
    }
    peers["openvino"] = lambda _, __: _openvino(graph, weights)
    for name, made in peers.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # both ways are deprecated, and still the fastest
                found[name] = made(copy.deepcopy(start), example)
        except StriateError as error:
            missing[name] = error.what
        except ImportError as error:
            missing[name] = f"{error.name or error} is not installed"
        except Exception as error:  # a peer's own failure, whatever its class
            missing[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}"
    return found, missing


def disagreement(last: dict[str, Tensor]) -> dict[str, float]:
    """The largest difference of each contender's scores from eager's, over eager's largest."""
    true = last["eager"]
    return {
        name: float(f"{float((each - true).abs().max() / true.abs().max()):.2g}")
        for name, each in last.items()
    }


def _unrecorded(module: nn.Module) -> Run:
    def run(x: Tensor, _: Tensor) -> Any:
        with torch.inference_mode():
            return module(x)

    return run


def _torchscript(module: nn.Module, example: Tensor) -> Run:
    last: nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    example = example.to(memory_format=torch.channels_last)
    with torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(last, example))  # type: ignore[no-untyped-call]

    def run(x: Tensor, _: Tensor) -> Any:
        with torch.inference_mode():
            return frozen(x.to(memory_format=torch.channels_last))

    return run


def _openvino(graph: Graph, weights: Weights) -> Run:
    answer = opened("openvino", *folded(graph, weights), torch.get_num_threads())
    return lambda x, _: answer((x,))


def _onnxruntime(module: nn.Module, example: Tensor) -> Run:
    import onnxruntime

    file = io.BytesIO()
    torch.onnx.export(module, (example,), file, dynamo=False)  # type: ignore[arg-type]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Else its threads take the processor from whoever comes next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(x: Tensor, _: Tensor) -> Any:
        return torch.from_numpy(session.run(None, {name: x.numpy()})[0])

    return run
