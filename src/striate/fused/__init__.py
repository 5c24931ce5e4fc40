"""CPU code faster than PyTorch's own, each piece standing for a pattern of operators.

Never the only implementation: where there is no compiler, or a kernel does not win, the same
function runs plain PyTorch. `STRIATE_FUSED=off|on|require` is the one switch.
"""

from __future__ import annotations
