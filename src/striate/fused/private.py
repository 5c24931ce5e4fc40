"""Every private name of PyTorch that the kernels and the engine use, and why no public one will do.

A release may drop any of them: each is looked up, and where one that guards is `MISSING` no kernel
runs (see `striate.fused.guard`).

Not looked up, since every module and tensor has had them since PyTorch 1: `_modules`, `_parameters`
and `_buffers` (names such as `train`, which a node may have, are no attributes), `Tensor._version`
(writes are counted nowhere else), `Tensor._is_zerotensor()` (it has no memory to read), `_orig_mod`
(what `torch.compile` wraps), and `"torch._dynamo" in sys.modules` (whether anybody compiles).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import torch

MISSING: list[str] = []
"""Names that this release does not have."""

Probe = Callable[[], Any]


def _found(path: str) -> Any:
    """What a dotted name stands for; notes it where there is nothing."""
    module, _, name = path.rpartition(".")
    found: Any = None
    with suppress(ImportError):
        found = getattr(import_module(module), name, None)
    if found is None:
        MISSING.append(path)
        logging.getLogger("striate.fused").warning(
            "PyTorch %s has no %s: layers run one by one", torch.__version__, path
        )
    return found


# Who transforms or watches what runs. `torch.jit.is_tracing()` asks the same in three times the
# time; the others have no public form.
tracing_state: Probe = _found("torch._C._get_tracing_state")
dispatch_modes: Probe = _found("torch._C._len_torch_dispatch_stack")
function_modes: Probe = _found("torch._C._len_torch_function_stack")
functorch_level: Probe = _found("torch._C._functorch.peek_interpreter_stack")
any_autocast: Probe = _found("torch._C._is_any_autocast_enabled")
# `saved_tensors_hooks` and checkpoints would be handed what kernels keep, not what layers keep.
saved_tensor_hooks: Callable[[bool], Any] = _found(
    "torch._C._autograd._top_saved_tensors_default_hooks"
)
legacy_batched: Callable[[torch.Tensor], bool] = getattr(
    torch._C._functorch, "is_legacy_batchedtensor", lambda _: False
)
"""`torch.autograd.grad(is_grads_batched=True)` hands these to backward; once gone, none come."""
functorch_tensor: Callable[[torch.Tensor], bool] = getattr(
    torch._C._functorch, "is_functorch_wrapped_tensor", lambda _: True
)
"""Whether a transform of `torch.func` holds a tensor's numbers back: they cannot be looked at."""
forward_ad: Any = import_module("torch.autograd.forward_ad")
"""Its `_current_level` is -1 where no dual tensor can be: asking each tensor takes longer."""
if not hasattr(forward_ad, "_current_level"):
    MISSING.append("torch.autograd.forward_ad._current_level")

# Hooks can be registered in public, but not be counted.
module_world: Any = import_module("torch.nn.modules.module")
GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
)
MISSING += [name for name in GLOBAL_HOOKS if not hasattr(module_world, name)]
MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Attributes of every module."""
handles: Any = import_module("torch.utils.hooks").RemovableHandle
"""Whoever registers a hook of any kind is given one; its `next_id` counts them."""
if not hasattr(handles, "next_id"):
    MISSING.append("torch.utils.hooks.RemovableHandle.next_id")
TENSOR_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
"""Attributes of every tensor."""

# What `torch.optim` calls in the end; around it, it takes a tenth of a small network's step.
fused_sgd: Any = getattr(torch, "_fused_sgd_", None)
fused_adam: Any = getattr(torch, "_fused_adam_", None)
fused_adamw: Any = getattr(torch, "_fused_adamw_", None)
foreach_add: Any = getattr(torch, "_foreach_add_", None)
OPTIMIZER_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
"""Attributes of every optimizer."""
optimizer_world: Any = import_module("torch.optim.optimizer")
GLOBAL_OPTIMIZER_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
