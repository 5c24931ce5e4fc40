"""Digits read row by row: a picture as a sequence of 28 steps of 28 numbers."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork

_RECIPE = {
    "epochs": 10,
    "batch_size": 128,
    "optimizer": "adam",
    "learning_rate": 0.004,
    "schedule": "onecycle",
}


def _rows(name: str, cell: str, source: str) -> CatalogNetwork:
    """The last state of a cell that read every row, top to bottom, classified."""
    notation = f"""\
INPUT 1x28x28
-> rows: RESHAPE 28x28 -> steps: PERMUTE 1x0
-> {cell} 128 last -> FC 10"""
    return CatalogNetwork(name, notation, source, data="mnist", recipe=_RECIPE)


NETWORKS = (
    _rows(
        "mnist_rows_gru",
        "GRU",
        "Striate's own; the unit: Cho et al., EMNLP 2014, arXiv:1406.1078, equations 5-8",
    ),
    _rows(
        "mnist_rows_lstm",
        "LSTM",
        "Striate's own; the unit: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997",
    ),
)
