"""A linear support vector machine in place of a trained network's last dense layer.

The layers before it stay as they are; their answers to the training pictures are the features.
The features are standardized for the solver, and that is folded into the weights afterwards, so
that the result is an ordinary FC layer with the hinge loss behind it. The solver separates each
class from the rest (liblinear's squared hinge), while HINGE compares classes with each other.

Source: Tang, "Deep Learning using Linear Support Vector Machines", arXiv:1306.0239; Fan et al.,
"LIBLINEAR", JMLR 9, 2008.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.data import Batches, DataSet
from striate.engine import lower
from striate.errors import DataError, GraphError, NumbersError, SettingError
from striate.graph import Graph, Node
from striate.model import Model
from striate.ops import Dense, Hinge
from striate.training.evaluate import evaluate

BATCH = 500


@dataclass(frozen=True)
class SvmHead:
    """A model with its new head, and the accuracies of both on the same split."""

    model: Model
    split: str
    before: float
    after: float


def with_svm_head(
    model: Model,
    data: DataSet,
    *,
    penalty: float = 1.0,
    split: str = "test",
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda text: None,
) -> SvmHead:
    """Replace the last dense layer by a linear SVM trained on what reaches it.

    Args:
        penalty: the C of the machine: how much a picture inside the margin costs; above 0.
        split: where both heads are judged.
        on_progress: is told what is done next; solving takes minutes with many pictures.

    Raises:
        SettingError: the penalty is not above 0.
        GraphError: the scores do not come from a dense layer.
        DataError: pictures or classes are not the model's, or a class has no training picture.
    """
    if not 0 < penalty < float("inf"):
        raise SettingError(f"a penalty of {penalty:g} cannot be", remedy="Write one above 0: 1.")
    head = _head(model.graph)
    on_progress(f"judging the model, then computing {len(data.train):,} training pictures")
    before = evaluate(model, data, split=split).accuracy
    features, labels = _features(model, data.with_classes(model.classes), head)
    missing = set(range(len(model.classes))) - set(labels.tolist())
    if missing:
        raise DataError(f"{data.name} has no training picture of {model.classes[min(missing)]}")
    if not np.isfinite(features).all():
        raise NumbersError("what reaches the last layer is no number for some pictures")
    solved = partial(_solved, features, labels, penalty=penalty, seed=seed)
    weight, bias = solved(classes=model.classes, on_progress=on_progress)
    kept = model.graph.upto(head.inputs[0])
    new = Node(head.name, Dense(len(model.classes)), head.inputs)
    graph = Graph((*kept, new, Node("loss", Hinge(), (new.name,))))
    own = {node.name: model.weights[node.name] for node in kept if node.name in model.weights}
    about = {**model.about, "svm": {"penalty": penalty, "seed": seed, "data": data.sha256}}
    about.pop("validation_accuracy", None)  # it was that of the old head
    weights = {**own, new.name: {"weight": weight, "bias": bias}}
    changed = replace(model, graph=graph, weights=weights, about=about)
    return SvmHead(changed, split, before, evaluate(changed, data, split=split).accuracy)


def _head(graph: Graph) -> Node:
    """The dense layer that makes the scores, before any softmax."""
    node = graph.scores
    if graph.gives_shares(node.name):
        node = graph[node.inputs[0]]
    if not isinstance(node.operator, Dense) or graph.specs[node.name].rank > 1:
        raise GraphError(
            f"{node.name} is no dense layer",
            remedy="A support vector machine takes the place of an FC that ends the network.",
        )
    return node


def _features(model: Model, data: DataSet, head: Node) -> tuple[NDArray[Any], NDArray[Any]]:
    kept = model.graph.upto(head.inputs[0])
    weights = {node.name: model.weights[node.name] for node in kept if node.name in model.weights}
    module = lower(kept, weights, fused=False)
    module.eval()
    rows, labels = [], []
    with torch.inference_mode():
        for x, y in Batches(data.train, BATCH, shuffle=False, seed=0).epoch(0):
            rows.append(module(model.preprocessing.normalize(x)).flatten(1).double().numpy())
            labels.append(y.numpy())
    return np.concatenate(rows), np.concatenate(labels)


def _solved(
    features: NDArray[Any],
    labels: NDArray[Any],
    *,
    penalty: float,
    seed: int,
    classes: Sequence[str],
    on_progress: Callable[[str], None],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight (classes, units) and bias (classes,) for features that are not standardized.

    Each class is separated from the rest by a machine of its own, one after the other.
    """
    from sklearn.svm import LinearSVC

    mean, std = features.mean(axis=0), features.std(axis=0)
    std[std < 1e-8] = 1.0  # a unit that never moves says nothing; its weight comes out near zero
    standard = (features - mean) / std
    # With fewer pictures than units the dual problem is the smaller one.
    dual = features.shape[0] < features.shape[1]
    weights, biases = [], []
    for k, name in enumerate(classes):
        if len(classes) > 2 or not k:
            on_progress(f"class {k + 1} of {len(classes)}: {name} against the others")
            machine = LinearSVC(C=penalty, dual=dual, random_state=seed, max_iter=20_000)
            machine.fit(standard, labels == k)
            weights.append(machine.coef_[0])
            biases.append(machine.intercept_[0])
    if len(classes) == 2:  # what separates one of two from the rest separates both
        weights, biases = [weights[0] / 2, -weights[0] / 2], [biases[0] / 2, -biases[0] / 2]
    weight = np.stack(weights) / std
    return weight.astype(np.float32), (np.array(biases) - weight @ mean).astype(np.float32)
