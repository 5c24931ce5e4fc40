"""A plain network of our own for handwritten digits: pairs of 3x3 convolutions, each normalized."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork

NETWORKS = (
    CatalogNetwork(
        name="mnist_plain",
        notation="""\
INPUT 1x28x28
-> [CONV 32 3x3 same bias=no -> BN -> RELU]*2 -> MAXPOOL 2
-> [CONV 64 3x3 same bias=no -> BN -> RELU]*2 -> MAXPOOL 2
-> [CONV 128 3x3 same bias=no -> BN -> RELU]*2 -> GLOBALAVGPOOL -> DROPOUT 0.2 -> FC 10""",
        source="Striate's own: VGG's pairs of 3x3 kernels, batch normalization, global pooling",
        data="mnist",
        recipe={
            "epochs": 24,
            "batch_size": 128,
            "optimizer": "adamw",
            "learning_rate": 0.004,
            "weight_decay": 0.01,
            "schedule": "onecycle",
            "shift": 2,
            "rotate": 10,
            "scale": 0.1,
            "smoothing": 0.05,
            "validation": 0,
        },
    ),
)
