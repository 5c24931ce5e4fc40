"""Bugs of `planted_bugs` in the capture of modules: (what, file, right text, wrong text)."""

from __future__ import annotations

CAPTURE_BUGS = (
    (
        "capture: a tensor that was written over in part is read as it was",
        "pytorch/capture/recorder.py",
        "self._stale[id(other)] = place",
        "pass",
    ),
    (
        "capture: numbers that differ between two runs are taken for constants",
        "pytorch/capture/pairing.py",
        "isinstance(a, float) and a != b and a == a",
        "False",
    ),
    (
        "capture: the other folding of the batch",
        "pytorch/capture/steps.py",
        "return replace(layout, major=major)",
        "return layout",
    ),
    (
        "capture: windows of a picture counted as pictures",
        "pytorch/capture/layout.py",
        "Layout(grown[0], small[grown[0]] != SMALL)",
        "Layout(grown[0], False)",
    ),
    (
        "capture: a mean over the batch is let through",
        "pytorch/capture/checking.py",
        "beside.shape and _distance(one, beside) <= bound",
        "beside.shape",
    ),
    (
        "capture: the first picture is asked about alone, which a write into it hides in",
        "pytorch/capture/checking.py",
        "MIDDLE = 1",
        "MIDDLE = 0",
    ),
    (
        "capture: a write into a view leaves the whole as it was",
        "pytorch/capture/recorder.py",
        "fresh.append(parent)",
        "pass",
    ),
    (
        "capture: what is behind a part that was written over is lost",
        "pytorch/capture/rows/moving.py",
        "_cut(a, x, axis, stop, length)",
        "_cut(a, x, axis, start, length - stop + start)",
    ),
    (
        "capture: in training, batches are normalized by themselves",
        "pytorch/capture/steadied.py",
        "args = (*args[:5], False, *args[6:])",
        "pass",
    ),
    (
        "capture: joined axes of an einsum stay in the order of the product",
        "pytorch/capture/rows/convolution.py",
        'return _ordered(a, step, "".join(found), list(out))',
        "return step",
    ),
    (
        "capture: the rest of a folded convolution's axes is padded too",
        "pytorch/capture/rows/convolution.py",
        "zip((1, 0, 1), settings, strict=True)",
        "zip((1, 1, 1), settings, strict=True)",
    ),
    (
        "capture: hyphens stay in names",
        "pytorch/capture/naming.py",
        "words.insert(0, ROOT)",
        "pass",
    ),
    (
        "capture: buffers keep what the runs wrote into them",
        "pytorch/capture/capturing.py",
        "buffer.data.copy_(before)",
        "pass",
    ),
)
