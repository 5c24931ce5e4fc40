"""Bugs of `planted_bugs` in comparisons and weights of others: (what, file, right, wrong)."""

from __future__ import annotations

COMPARE_BUGS = (
    (
        "compare: a folded normalization compared with the convolution before it",
        "analysis/compare/changes.py",
        'into.kind, into.what, into.holds = SAME, "", name',
        'into.kind, into.what, into.holds = SAME, "", ""',
    ),
    (
        "compare: a normalization called folded where the convolution has no bias",
        "analysis/compare/alignment.py",
        'return mine == others and "bias" in dict(other.weights)',
        "return mine == others",
    ),
    (
        "compare: kernels of another size called the same where the numbers agree",
        "analysis/compare/numbers.py",
        "if any(self._pairs.has_other_kernel(match) for match in run):",
        "if False:",
    ),
    (
        "compare: what reads a rewritten part not looked at",
        "analysis/compare/numbers.py",
        "return bool(found) and all(each and each.relative <= tolerance for each in found)",
        "return bool(found)",
    ),
    (
        "compare: inputs of a sum compared in their order",
        "analysis/compare/changes.py",
        "if isinstance(x.operator, _ANY_ORDER):",
        "if False:",
    ),
    (
        "compare: a number that is none taken for no difference",
        "analysis/compare/numbers.py",
        "if not isfinite(largest) or not isfinite(size):",
        "if False:",
    ),
    (
        "weights: the shortcut of a block run before its convolutions",
        "exchange/calculating_order.py",
        '"conv1 bn1 conv2 bn2 conv3 bn3 downsample",',
        '"downsample conv1 bn1 conv2 bn2 conv3 bn3",',
    ),
    (
        "weights: those behind a missing layer given to the wrong ones",
        "exchange/fitting.py",
        "return found if len(nodes) == len(order) or all(fits[:-1]) else {}",
        "return found",
    ),
    (
        "weights: what a compressed archive grows to not looked at",
        "exchange/state.py",
        "if any(each.compress_type != zipfile.ZIP_STORED for each in entries):",
        "if False:",
    ),
)
