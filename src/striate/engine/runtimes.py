"""Engines of other makers that can run a whole frozen network on the processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from striate.errors import SettingError
from striate.exchange.onnx_out import onnx_bytes, onnx_model
from striate.graph import Graph
from striate.ops.arrays import Weights

EngineName = Literal["auto", "striate", "onnxruntime", "openvino", "pytorch"]
Answering: TypeAlias = Callable[[tuple[Tensor, ...]], Tensor]
"""From the inputs of a network to its scores."""


def _onnxruntime(content: bytes, threads: int) -> Answering:
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Else its threads take the processor from whoever comes next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def answer(inputs: tuple[Tensor, ...]) -> Tensor:
        feed = {name: _array(x) for name, x in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feed)[0])

    return answer


def _openvino(content: bytes, threads: int) -> Answering:
    core: Any = import_module("openvino").Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it
    }
    compiled = core.compile_model(core.read_model(content), "CPU", settings)

    def answer(inputs: tuple[Tensor, ...]) -> Tensor:
        found = compiled([_array(x) for x in inputs])
        return torch.from_numpy(found[0].copy())  # its memory is the next answer's

    return answer


RUNTIMES: Mapping[str, Callable[[bytes, int], Answering]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
"""How each opens the content of an ONNX file, with so many threads."""


def absent(name: str) -> str | None:
    """Why a runtime cannot be used here, or None."""
    missing = [each for each in ("onnx", name) if find_spec(each) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def version_of(name: str) -> str:
    """The installed version of a runtime; empty where its package has another name."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def opened(name: str, graph: Graph, weights: Weights, threads: int) -> Answering:
    """A network in a runtime.

    Args:
        name: one of `RUNTIMES`.
        graph, weights: what is run, up to its scores.

    Raises:
        SettingError: the runtime is not installed, or does not take the network.
        OnnxError: an operator cannot be written as ONNX.
    """
    why = absent(name)
    if why:
        raise SettingError(
            f"engine {name}: {why}",
            remedy=f'Install it (pip install onnx {name}), or take engine="auto".',
        )
    content = onnx_bytes(onnx_model(graph, weights))
    try:
        return RUNTIMES[name](content, threads)
    except Exception as error:  # its own classes, which name no base
        raise SettingError(
            f"engine {name} does not take the network: {_first_line(error)}",
            remedy='Take engine="auto", which leaves it out.',
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _array(x: Tensor) -> Any:
    return x.detach().contiguous().numpy()
