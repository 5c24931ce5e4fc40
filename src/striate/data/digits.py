"""The handwritten digits bundled with scikit-learn: 1,797 pictures of 8 x 8, no download.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (its test part).
"""

from __future__ import annotations

import numpy as np

from striate.data.arrays import from_arrays
from striate.data.dataset import DataSet, Share, stratified

TEST_COUNT = 360
CLASSES = tuple("0123456789")


def load_digits(
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
) -> DataSet:
    """1,437 training and 360 test digits, the classes in proportion; white ink on black.

    The test pictures are the same for every seed. A tenth of the training pictures is set aside
    for validation unless told otherwise.
    """
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    # Written out, not drawn: a test split must not change with a version of NumPy.
    rank = np.arange(len(labels)) * 1009 % 1797
    test = stratified(labels, TEST_COUNT, rank)
    return from_arrays(
        "digits",
        CLASSES,
        (images[~test], labels[~test]),
        (images[test], labels[test]),
        size=size,
        channels=channels,
        validation=0.1 if validation is None else validation,
        seed=seed,
    )
