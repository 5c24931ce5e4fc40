"""A dense layer is a convolution whose kernel covers its input: it slides over a larger picture."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.graph import Call

RNG = np.random.default_rng(7)
KERNELS = {"weight": RNG.standard_normal((4, 2, 3, 3)), "bias": RNG.standard_normal(4)}
DENSE = {"weight": RNG.standard_normal((3, 4 * 4 * 5)), "bias": RNG.standard_normal(3)}


def features(x: np.ndarray) -> np.ndarray:
    """A 2x10x12 picture becomes 4x4x5 features."""
    convolved = ops.Conv(4, 3).forward(Call((x,), KERNELS))
    return ops.MaxPool(2).forward(Call((np.tanh(convolved),)))


def dense_scores(x: np.ndarray) -> np.ndarray:
    return ops.Dense(3).forward(Call((features(x).reshape(len(x), -1),), DENSE))


def score_map(x: np.ndarray) -> np.ndarray:
    """The same weights, reshaped, as kernels of 4x5 cells."""
    kernels = {"weight": DENSE["weight"].reshape(3, 4, 4, 5), "bias": DENSE["bias"]}
    return ops.Conv(3, (4, 5)).forward(Call((features(x),), kernels))


def test_on_its_own_size_it_gives_the_same_scores() -> None:
    x = RNG.standard_normal((2, 2, 10, 12))
    np.testing.assert_allclose(score_map(x)[..., 0, 0], dense_scores(x), rtol=1e-12)


def test_on_a_larger_picture_it_gives_the_scores_of_all_crops() -> None:
    x = RNG.standard_normal((2, 2, 16, 22))
    scores = score_map(x)
    assert scores.shape == (2, 3, 4, 6)
    for i in range(4):
        for j in range(6):  # the pooling moves on by two
            crop = x[:, :, 2 * i : 2 * i + 10, 2 * j : 2 * j + 12]
            np.testing.assert_allclose(scores[..., i, j], dense_scores(crop), rtol=1e-9)


def test_one_by_one_convolution_is_a_dense_layer_over_channels() -> None:
    x = RNG.standard_normal((2, 4, 3, 5))
    weights = {"weight": RNG.standard_normal((6, 4, 1, 1)), "bias": RNG.standard_normal(6)}
    y = ops.Conv(6, 1).forward(Call((x,), weights))
    flat = {"weight": weights["weight"][:, :, 0, 0], "bias": weights["bias"]}
    for i, j in np.ndindex(3, 5):
        cell = ops.Dense(6).forward(Call((x[:, :, i, j],), flat))
        np.testing.assert_allclose(y[:, :, i, j], cell, rtol=1e-12)
