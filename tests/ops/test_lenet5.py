"""LeNet-5's own operators, against the numbers of its paper."""

from __future__ import annotations

import numpy as np
import pytest

from striate import ops
from striate.graph import Call, Spec
from striate.ops.convolution.wiring import TABLES
from striate.ops.output.bitmaps import DIGITS, HEIGHT, WIDTH, codes


def test_c3_has_the_paper_s_numbers() -> None:
    c3, s2 = ops.Conv(16, 5, table="lenet5"), Spec((6, 14, 14))
    assert c3.weights(s2)["weight"].shape == (60, 5, 5)
    assert sum(weight.size for weight in c3.weights(s2).values()) == 1_516
    assert c3.cost(s2).connections == 151_600


@pytest.mark.parametrize(
    ("size", "parameters", "connections"), [((6, 28, 28), 12, 5_880), ((16, 10, 10), 32, 2_000)]
)
def test_s2_and_s4_have_the_paper_s_numbers(
    size: tuple[int, ...], parameters: int, connections: int
) -> None:
    pool = ops.Subsample(2)
    assert sum(w.size for w in pool.weights(Spec(size)).values()) == parameters
    assert pool.cost(Spec(size)).connections == connections


def test_the_table_is_the_paper_s() -> None:
    """Table I: six maps read 3 neighbors, six read 4, three read 4 apart, one reads all."""
    table = np.array(TABLES["lenet5"])
    assert table.sum(axis=1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert table.sum(axis=0).tolist() == [10] * 6
    assert len({tuple(row) for row in table.tolist()}) == 16
    for start in range(6):
        for row, count in ((start, 3), (6 + start, 4)):
            assert set(np.flatnonzero(table[row])) == {(start + k) % 6 for k in range(count)}


def test_a_table_written_out_is_the_one_with_the_name() -> None:
    assert ops.Conv(16, 5, table=TABLES["lenet5"]) == ops.Conv(16, 5, table="lenet5")


def test_codes_are_bitmaps_that_differ() -> None:
    assert all(len(d.split()) == HEIGHT for d in DIGITS)
    assert all(len(row) == WIDTH for d in DIGITS for row in d.split())
    apart = (codes()[:, None] != codes()[None]).sum(axis=2)
    assert (apart[~np.eye(10, dtype=bool)] >= 5).all()


def test_the_map_loss_is_the_cross_entropy_of_negative_penalties_without_rubbish() -> None:
    y = np.random.default_rng(5).random((3, 7)) * 9
    target = np.array([2, 6, 0])
    loss = ops.MapLoss(j=1e6).forward(Call((y,), target=target))
    plain = ops.CrossEntropy().forward(Call((-y,), target=target))
    np.testing.assert_allclose(loss, plain, rtol=1e-12)
