"""Any module as a graph with weights: recorded twice, translated, and checked by running it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from striate.errors import CaptureError
from striate.graph.settings import shown
from striate.pytorch.capture.accounting import accounted
from striate.pytorch.capture.assembled import Notes, assembled
from striate.pytorch.capture.captured import Captured
from striate.pytorch.capture.checking import MIDDLE, Check, apart
from striate.pytorch.capture.layout import LARGE, SMALL, BatchLayout, layout_of
from striate.pytorch.capture.naming import legal
from striate.pytorch.capture.pairing import Made, paired
from striate.pytorch.capture.recorder import Recorder
from striate.pytorch.capture.recording import Recording
from striate.pytorch.capture.steadied import Steadied
from striate.pytorch.capture.steps import ModuleValue
from striate.pytorch.capture.translation import Translation, first_tensor

Example: TypeAlias = "Tensor | Sequence[Tensor] | Sequence[int] | str"


def capture(module: nn.Module, example: Example, *, training: bool = False) -> Captured:
    """Any module as a graph with weights, as it predicts.

    The module runs a few times, in evaluation mode and without gradients, and is left as it was.
    What no operator computes stays in its place as OPAQUE, computed by PyTorch. Before it is
    returned, the graph is run on pictures that it was not made from, and compared with the module.

    Args:
        module: whatever a batch goes through: an axis of its inputs, the first, is the batch's.
        example: a batch of pictures, several for several inputs; or the shape of one picture, the
            batch not counted: (3, 224, 224) or "3x224x224".
        training: whether the graph is that of training mode: with dropout, and whatever the module
            does then only. Numbers are compared without chance, by the kept statistics.

    Raises:
        CaptureError: what it computes is no graph: it decides by numbers, mixes pictures, leaves
            PyTorch on the way, or writes over a part of a value that it reads again.

    >>> captured = capture(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 8, 8))
    >>> print(captured.graph)
    INPUT 1x8x8 -> layers.0: CONV 2 3x3 -> layers.1: RELU
    """
    if not isinstance(module, nn.Module):
        raise CaptureError(
            f"{shown(module)} is no torch.nn.Module",
            remedy="Pass the module itself; the command line takes package.module:name.",
        )
    examples = _examples(module, example)
    with _left_as_it_was(module):
        module.train(training)
        with Steadied() if training else nullcontext():  # type: ignore[no-untyped-call]
            return _captured(module, examples)


def _captured(module: nn.Module, examples: Sequence[Tensor]) -> Captured:
    (small, entered, _), (large, larger, wanted) = (
        _recorded(module, _pictures(examples, count, turn), turn) for count, turn in _RUNS
    )
    names = _input_names(module, len(examples))
    inputs = {
        name: Made(number, tuple(a.shape), layout_of(tuple(a.shape), tuple(b.shape)), a.dtype)
        for name, number, a, b in zip(names, small.inputs, entered, larger, strict=True)
    }
    translation = Translation(inputs, paired(small, large), _dtype(module))
    ref, answers = first_tensor(small.answer)
    value = translation.step_of(ref)
    found = assembled(value.step, translation.inputs)
    unread = [name for name in names if name not in found.graph]
    account = accounted(module, found)
    remarks = (*_remarks(small, answers, value, unread), *account.remarks())
    unused = tuple(name for name, _ in module.named_parameters() if name not in found.read)
    notes = Notes(tuple(found.folded), tuple(found.opaque), unused, remarks)
    dtype = torch.float64 if _dtype(module) == torch.float64 else torch.float32
    captured = Captured(found.graph, found.weights, notes, account, tuple(names), dtype)
    check = Check(captured, translation, found.names, large, _device(module))
    check.answer(check.nodes(larger), wanted, value, LARGE)
    _alone(module, check, [each[[MIDDLE]] for each in larger], wanted, value)
    return captured


def _alone(
    module: nn.Module, check: Check, picture: list[Tensor], together: Any, value: ModuleValue
) -> None:
    """Compare what graph and module answer to one picture, also with its answer in a batch."""
    copies = 2 if module.training else 1  # in training, PyTorch normalizes no single number
    given = [torch.cat([each] * copies) for each in picture]
    answer = _answered(module, given)
    check.answer(check.run(given), answer, value, copies)
    apart(answer, together, value, copies)


_RUNS = ((SMALL, 0), (LARGE, 1))


def _examples(module: nn.Module, example: Example) -> list[Tensor]:
    """What is given, or drawn in a given shape: a tensor for each input, the batch first."""
    lazy = (n for n, p in module.named_parameters() if nn.parameter.is_lazy(p))
    if (name := next(lazy, None)) is not None:
        raise CaptureError(
            f"{name} has no size yet", remedy="Run the module once, then capture it."
        )
    if isinstance(example, Tensor):
        example = [example]
    if isinstance(example, str):
        example = [int(n) if n.isdecimal() else 0 for n in example.split("x")]
    given = list(example)
    tensors = [each for each in given if isinstance(each, Tensor) and each.ndim and len(each)]
    shape = [each for each in given if type(each) is int and each > 0]
    if given and len(tensors) == len(given):
        return [each.detach() for each in tensors]
    if not given or len(shape) < len(given):
        raise CaptureError(
            "an example is a batch of pictures, or the shape of one",
            remedy="Pass a tensor (N, C, H, W), a tuple of tensors, or (3, 224, 224).",
        )
    return [_drawn((1, *shape), 7, _dtype(module), _device(module))]


def _drawn(shape: Sequence[int], seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random).to(device, dtype)


def _pictures(examples: Sequence[Tensor], count: int, turn: int) -> list[Tensor]:
    """A batch of `count` from each example, another one at each turn: 0 holds the example."""
    found = []
    for each in examples:
        rows = torch.arange(count) + turn
        batch = each[rows.to(each.device) % len(each)].clone()
        if each.dtype.is_floating_point:
            noise = _drawn(batch.shape, turn, each.dtype, each.device) * _spread(each)
            noise[: not turn] = 0
            batch = (batch if not turn else -batch if turn == 1 else batch.flip(-1)) + noise
        found.append(batch)
    return found


def _spread(x: Tensor) -> float:
    deviation = float(x.double().std()) if x.numel() > 1 else 1.0
    return deviation or 1.0


def _recorded(
    module: nn.Module, inputs: list[Tensor], seed: int
) -> tuple[Recording, list[Tensor], Any]:
    given = [each.clone() for each in inputs]
    recorder = Recorder(module, given)
    with _apart(seed), recorder.listening() as recording:
        output = module(*given)
        recorder.answer(output)
    return recording, inputs, output


def _answered(module: nn.Module, inputs: list[Tensor]) -> Any:
    with _apart(SMALL), torch.inference_mode():
        return module(*(each.clone() for each in inputs))


@contextmanager
def _apart(seed: int) -> Iterator[None]:
    """Other random numbers in each run, so that noise shows, and attention taken apart."""
    fast = torch.backends.mha.get_fastpath_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _left_as_it_was(module: nn.Module) -> Iterator[None]:
    """Whatever runs inside, a module has afterwards the attributes and numbers it had before."""
    modules = [each for each in module.modules() if not isinstance(each, torch.jit.ScriptModule)]
    kept = [
        (each, dict(each.__dict__), {n: dict(each.__dict__[n]) for n in _TABLES})
        for each in modules
    ]
    modes = [(each, each.training) for each in module.modules()]
    buffers = [(each, each.detach().clone()) for each in module.buffers()]
    try:
        yield
    finally:
        for each, attributes, tables in kept:
            each.__dict__.clear()
            each.__dict__.update(attributes)
            for name, table in tables.items():
                each.__dict__[name].clear()
                each.__dict__[name].update(table)
        for each, training in modes:
            if each.training != training:  # a scripted module keeps it elsewhere
                each.training = training
        for buffer, before in buffers:
            if not torch.equal(buffer, before):
                buffer.data.copy_(before)


_TABLES = ("_parameters", "_buffers", "_modules")


def _input_names(module: nn.Module, count: int) -> list[str]:
    """`input`, or the names of the arguments where there are several."""
    if count == 1:
        return ["input"]
    named = list(inspect.signature(module.forward).parameters.values())
    plain = [legal(each.name) for each in named if each.kind is each.POSITIONAL_OR_KEYWORD]
    return plain[:count] if len(plain) >= count else [f"input{k + 1}" for k in range(count)]


def _remarks(
    small: Recording, answers: int, value: ModuleValue, unread: list[str]
) -> Iterator[str]:
    for place in dict.fromkeys(small.reads):
        yield f"captured as it ran for these pictures; it reads a number of them: {place}"
    if answers > 1:
        yield f"the module returns {answers} values; this is the first"
    if value.layout != BatchLayout():
        yield f"the module answers with the batch along axis {value.layout.batch}; here it is first"
    for name in unread:
        yield f"the answer does not depend on the input {name}"


def _dtype(module: nn.Module) -> torch.dtype:
    types = (p.dtype for p in module.parameters() if p.dtype.is_floating_point)
    return next(types, torch.get_default_dtype())


def _device(module: nn.Module) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))
