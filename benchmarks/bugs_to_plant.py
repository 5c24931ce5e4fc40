"""The mistakes that `planted_bugs.py` plants, one line of the tree each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from planted_arranging_bugs import ARRANGING_BUGS
from planted_attention_bugs import ATTENTION_BUGS
from planted_axis_bugs import AXIS_BUGS
from planted_capture_bugs import CAPTURE_BUGS
from planted_compare_bugs import COMPARE_BUGS
from planted_data_bugs import DATA_BUGS
from planted_diagnosis_bugs import DIAGNOSIS_BUGS
from planted_drawing_bugs import DRAWING_BUGS
from planted_loss_bugs import LOSS_BUGS
from planted_memory_bugs import MEMORY_BUGS
from planted_norm_bugs import NORM_BUGS
from planted_onnx_bugs import ONNX_BUGS
from planted_recurrent_bugs import RECURRENT_BUGS
from planted_sharing_bugs import SHARING_BUGS
from planted_training_bugs import TRAINING_BUGS
from planted_written_bugs import WRITTEN_BUGS

SOURCE = Path(__file__).resolve().parent.parent / "src/striate"
SHARED = (
    "Window",
    "Wiring",
    "Rows",
    "ClassLoss",
    "RowLoss",
    "LossOperator",
    "Rearrangement",
    "KeptValue",
    "NormalizedExponential",
    "Shares",
    "Reduction",
    "Extreme",
    "Standardized",
    "OverAxes",
    "Recurrence",
)
"""Classes that are no operators, but used by several."""


@dataclass(frozen=True)
class Bug:
    """One mistake.

    Args:
        what: in words; the part before the colon names the operator.
        file: where, below src/striate.
        right: text that stands there once.
        wrong: what it becomes.
    """

    what: str
    file: str
    right: str
    wrong: str

    @property
    def operator(self) -> str:
        """The operator that the file defines, or nothing where several share it."""
        if not self.file.startswith("ops/"):
            return ""
        found = re.search(r"^class ([A-Z]\w+)\(", (SOURCE / self.file).read_text(), re.MULTILINE)
        return found[1] if found and found[1] not in SHARED else ""


CONV, WIRING = "ops/convolution/conv.py", "ops/convolution/wiring.py"
BN, LRN = "ops/normalization/batch_norm.py", "ops/normalization/local_response_norm.py"
MAX, AVERAGE = "ops/pooling/max_pool.py", "ops/pooling/average_pool.py"
SLIDING = "ops/sliding.py"

BUGS = (
    Bug(
        "convolution: height and width of the kernel swapped",
        CONV,
        'dense(call.weights["weight"])',
        'dense(call.weights["weight"].swapaxes(-1, -2))',
    ),
    Bug(
        "convolution: kernel not rotated in the input's gradient",
        CONV,
        "self._weight_gock(call)[..., ::-1]",
        "self._weight_gock(call)",
    ),
    Bug(
        "convolution: bias gradient averaged",
        CONV,
        "error.sum(axis=(0, ",
        "error.mean(axis=(0, ",
    ),
    Bug(
        "convolution: dilation ignored where a weight is used",
        CONV,
        "w.start(p) + u * w.dilation for",
        "w.start(p) + u for",
    ),
    Bug(
        "convolution: every group reads the channels of the first",
        WIRING,
        "first = output // self._kernels * self._own",
        "first = 0",
    ),
    Bug(
        "convolution: connections without the bias",
        CONV,
        "products + units * self.bias, units",
        "products, units",
    ),
    Bug(
        "convolution: input gradient shifted by one on the last axis when padded",
        CONV,
        "Window(w.kernel, 1, w.dilation, w.extent - 1 - w.before, n + w.before - length)",
        "Window(w.kernel, 1, w.dilation, w.extent - 1 - w.after, n + w.after - length)",
    ),
    Bug(
        "convolution: kernels of a table in the wrong order",
        WIRING,
        "np.transpose(self._pairs))] = taps",
        "np.transpose(self._pairs))] = taps[::-1]",
    ),
    Bug(
        "windows: mirrored, padding before and after swapped",
        SLIDING,
        "[(w.before, w.overhang(n)) for",
        "[(w.overhang(n), w.before) for",
    ),
    Bug(
        "windows: stride ignored when gradients are scattered back",
        SLIDING,
        "slice(u * w.dilation, u * w.dilation + (n - 1) * w.stride + 1, w.stride)",
        "slice(u * w.dilation, u * w.dilation + n)",
    ),
    Bug(
        "windows: padding forgotten in the start",
        "graph/window.py",
        "return output * self.stride - self.before",
        "return output * self.stride",
    ),
    Bug(
        "windows: a window that starts in the padding counts when rounding up",
        "graph/window.py",
        "last_start < size + self.before",
        "last_start < size + self.before + self.after",
    ),
    Bug(
        "windows: the odd cell of same goes before",
        "graph/window.py",
        "else (half, reach - half)",
        "else (reach - half, half)",
    ),
    Bug(
        "dense: weight gradient averaged over the batch",
        "ops/convolution/dense.py",
        '"weight": rows.T @ x.reshape(-1, weight.shape[1])}',
        '"weight": rows.T @ x.reshape(-1, weight.shape[1]) / len(error)}',
    ),
    Bug(
        "dense: the answer left on the last axis",
        "ops/convolution/dense.py",
        "if self.bias else y, -1, self._dim(call))",
        "if self.bias else y, -1, -1)",
    ),
    Bug(
        "dense: one place counted where there are several",
        "ops/convolution/dense.py",
        "return Cost(units * outputs,",
        "return Cost(units * self.out_features,",
    ),
    Bug(
        "dense: uses of a weight at one place only",
        "ops/convolution/dense.py",
        "others = np.ndindex(*shape[:at], *shape[at + 1 :])",
        "others = np.ndindex(*shape[:at], *[1] * len(shape[at + 1 :]))",
    ),
    Bug(
        "max-pooling: the last of equals wins",
        MAX,
        "windows.argmax(axis=-1)",
        "windows.shape[-1] - 1 - windows[..., ::-1].argmax(axis=-1)",
    ),
    Bug("max-pooling: padding can win", MAX, "fill=-np.inf", "fill=0.0"),
    Bug(
        "average pooling: padding after the input not counted",
        AVERAGE,
        "first, end = -window.before, size + window.after",
        "first, end = -window.before, size",
    ),
    Bug(
        "average pooling: gradient divided by the whole window at borders",
        AVERAGE,
        "shares = (error / self._cells(axes, call.x))",
        "shares = (error / prod(w.kernel for w in axes))",
    ),
    Bug(
        "sigmoid: derivative of the input instead of the output",
        "ops/activation/sigmoid.py",
        "return y * (1 - y)",
        "return y * (1 - x)",
    ),
    Bug(
        "tanh: derivative without the square",
        "ops/activation/tanh.py",
        "1 - np.tanh(x) ** 2",
        "1 - np.tanh(x)",
    ),
    Bug("relu: slope 1 at the corner", "ops/activation/relu.py", "(x > 0)", "(x >= 0)"),
    Bug(
        "softmax: gradient without the sum over the other shares",
        "ops/activation/shares.py",
        "call.y * (error - (error * call.y).sum(axis=axis, keepdims=True))",
        "call.y * (1 - call.y) * error",
    ),
    Bug(
        "softmax: over the last axis",
        "ops/activation/shares.py",
        "total = y.sum(axis=axis, keepdims=True)",
        "total = y.sum(axis=-1, keepdims=True)",
    ),
    Bug("batch norm: running variance biased", BN, "axis=axes, ddof=1", "axis=axes"),
    Bug(
        "batch norm: gradient without the mean",
        BN,
        "error - follows_mean - follows_variance",
        "error - follows_variance",
    ),
    Bug(
        "batch norm: gradient without the variance",
        BN,
        "error - follows_mean - follows_variance",
        "error - follows_mean",
    ),
    Bug(
        "batch norm: uses of one cell without the variance",
        BN,
        " - 1 / m - own * other / m",
        " - 1 / m",
    ),
    Bug(
        "batch norm: momentum the wrong way round",
        BN,
        "keep = 1 - self.momentum",
        "keep = self.momentum",
    ),
    Bug(
        "dropout: gradient not scaled up",
        "ops/normalization/dropout.py",
        "error * self._mask(call) / (1 - self.rate)",
        "error * self._mask(call)",
    ),
    Bug(
        "subsampling: input gradient without the coefficient",
        "ops/pooling/subsample.py",
        'error * _wide(call, "weight") / self._divisor',
        "error / self._divisor",
    ),
    Bug(
        "stochastic pooling: the draw ignored in the gradient",
        "ops/pooling/stochastic_pool.py",
        "np.put_along_axis(slopes, self._drawn(call)[..., None], 1, axis=-1)",
        "slopes = slopes + 1 / slopes.shape[-1]",
    ),
    Bug(
        "L2 pooling: gradient not divided by the length",
        "ops/pooling/l2_pool.py",
        "np.divide(np.abs(cells), whole, out",
        "np.divide(np.abs(cells), 1, out",
    ),
    Bug(
        "local response normalization: neighbors of an even size not turned round",
        LRN,
        "*self._reach[::-1])",
        "*self._reach)",
    ),
    Bug(
        "local response normalization: alpha not divided by the size",
        LRN,
        "return self.k + self.alpha / self.size * self._summed",
        "return self.k + self.alpha * self._summed",
    ),
    Bug("RBF: gradient without the 2", "ops/output/rbf.py", "Gradients((2 * (", "Gradients((1 * ("),
    Bug(
        "trait: softplus claims never to fall, though it drops at a low threshold",
        "ops/activation/softplus.py",
        "rectifies: ClassVar[bool] = True",
        "rectifies = rises = True",
    ),
    Bug(
        "trait: relu does not say that it never falls",
        "ops/activation/relu.py",
        "rises: ClassVar[bool] = True",
        "rises: ClassVar[bool] = False",
    ),
    Bug(
        "trait: tanh claims to rectify",
        "ops/activation/tanh.py",
        "rises: ClassVar[bool] = True",
        "rises = rectifies = True",
    ),
    Bug(
        "trait: max-pooling claims to move numbers only",
        MAX,
        'label: ClassVar[str] = "pool"',
        'label: ClassVar[str] = "pool"\n    only_moves: ClassVar[bool] = True',
    ),
    Bug(
        "trait: dropout does not say that it passes its input on after training",
        "ops/normalization/dropout.py",
        "passes_on: ClassVar[bool] = True",
        "passes_on: ClassVar[bool] = False",
    ),
    Bug(
        "trait: a slope for each channel claims to treat all numbers alike",
        "ops/activation/prelu.py",
        "bends: ClassVar[bool] = True",
        "bends = elementwise = True",
    ),
    Bug(
        "trait: softmax does not say that its outputs are shares",
        "ops/activation/softmax.py",
        "return inputs[0].axis(self.axis) == 0",
        "return False",
    ),
    Bug(
        "pixel shuffle: rows and columns of a block swapped",
        "ops/shaping/pixel_shuffle.py",
        "blocks.transpose(0, 1, 4, 2, 5, 3)",
        "blocks.transpose(0, 1, 4, 3, 5, 2)",
    ),
    Bug(
        "softplus: threshold compared with x in place of beta x",
        "ops/activation/softplus.py",
        "return np.where(z > self.threshold, x, smooth)",
        "return np.where(x > self.threshold, x, smooth)",
    ),
    *(Bug(*each) for each in LOSS_BUGS),
    *(Bug(*each) for each in ARRANGING_BUGS),
    *(Bug(*each) for each in MEMORY_BUGS),
    *(Bug(*each) for each in DRAWING_BUGS),
    *(Bug(*each) for each in DIAGNOSIS_BUGS),
    *(Bug(*each) for each in SHARING_BUGS),
    *(Bug(*each) for each in RECURRENT_BUGS),
    *(Bug(*each) for each in ONNX_BUGS),
    *(Bug(*each) for each in CAPTURE_BUGS),
    *(Bug(*each) for each in AXIS_BUGS),
    *(Bug(*each) for each in ATTENTION_BUGS),
    *(Bug(*each) for each in NORM_BUGS),
    *(Bug(*each) for each in DATA_BUGS),
    *(Bug(*each) for each in TRAINING_BUGS),
    *(Bug(*each) for each in WRITTEN_BUGS),
    *(Bug(*each) for each in COMPARE_BUGS),
)
