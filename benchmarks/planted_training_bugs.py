"""Bugs of `planted_bugs` in what runs begin with, learn by and are judged by."""

from __future__ import annotations

TRAINING_TESTS = (
    "tests/training/test_fine_tuning.py",
    "tests/training/test_ingredients.py",
    "tests/training/test_evaluation.py",
    "tests/cli/test_predict_many.py",
)
TRAINING_BUGS = (
    (
        "training: frozen statistics move",
        "training/freezing.py",
        "module.get_submodule(name).eval()",
        "module.get_submodule(name)",
    ),
    (
        "training: the units of a head stay in the order of the file",
        "training/first_weights.py",
        "array[[known.index(each) for each in classes]]",
        "array",
    ),
    (
        "training: a head of other classes is kept",
        "training/first_weights.py",
        "elif sorted(known) == sorted(classes):\n            yield key, array[",
        "elif len(known) == len(classes):\n            yield key, array if True else array[",
    ),
    (
        "training: an average begins anew when a run is taken up",
        "training/average.py",
        "mean.copy_(state[key])",
        "state[key]",
    ),
    (
        "training: the average is kept, the last weights are judged",
        "training/loop.py",
        "with self.judged():\n            look",
        "if True:\n            look",
    ),
    (
        "training: each picture of a part counts the same",
        "training/step.py",
        "float(len(y)) if own is None else float(own.sum())",
        "float(len(y))",
    ),
    (
        "training: a box of CutMix counts as it was drawn",
        "training/mixing.py",
        "1 - pixels / (x.shape[-2] * x.shape[-1])",
        "share",
    ),
    (
        "training: weights of classes are lost when a run is taken up",
        "training/resuming.py",
        "ended(network, recipe, weights)",
        "ended(network, recipe)",
    ),
    (
        "training: a schedule that looks ahead is not said",
        "training/resuming.py",
        "rate(begun, k, count) != rate(recipe, k, count)",
        "rate(begun, k, count) != rate(begun, k, count)",
    ),
    (
        "training: each picture is drawn as often in balanced sampling",
        "data/batches.py",
        "1 / (np.count_nonzero(counts) * counts[split.labels])",
        "np.full(len(split), 1 / len(split))",
    ),
    (
        "training: overconfident bins cancel underconfident ones",
        "training/metrics.py",
        "abs(each.accuracy - each.confidence)",
        "(each.accuracy - each.confidence)",
    ),
    (
        "training: a class among the first k + 1 is among the first k",
        "training/evaluate.py",
        "(self.ranks < k).mean()",
        "(self.ranks <= k).mean()",
    ),
    (
        "training: the name of a file is a formula",
        "cli/answers.py",
        'os.path.join(".", name) if name.startswith(FORMULA) else name',
        "name",
    ),
)
