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
        "first.shape and _distance(one, first) <= bound",
        "first.shape",
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
