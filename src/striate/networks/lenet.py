"""LeNet, from 1998 and as it was retold: the digits that started it."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

NETWORKS = (
    CatalogNetwork(
        name="lenet5",
        notation="""\
INPUT 1x32x32
-> C1: CONV 6 5x5 -> STANH -> S2: SUBSAMPLE 2 -> STANH
-> C3: CONV 16 5x5 table=lenet5 -> STANH -> S4: SUBSAMPLE 2 -> STANH
-> C5: CONV 120 5x5 -> STANH -> F6: FC 84 -> STANH -> RBF 10 -> MAPLOSS""",
        source="LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document "
        "Recognition, Proceedings of the IEEE 86(11), 1998, section II.B",
        figures=Figures(
            parameters=60_000,
            connections=340_908,
            layers={
                "C1": {"parameters": 156, "connections": 122_304},
                "S2": {"parameters": 12, "connections": 5_880},
                "C3": {"parameters": 1_516, "connections": 151_600},
                "S4": {"parameters": 32, "connections": 2_000},
                "C5": {"connections": 48_120},
                "F6": {"parameters": 10_164},
            },
        ),
        data="mnist",
        recipe={
            "epochs": 30,
            "batch_size": 64,
            "optimizer": "adam",
            "learning_rate": 0.002,
            "shift": 1,
            "rotate": 6,
            "scale": 0.05,
        },
    ),
    CatalogNetwork(
        name="lenet_sigmoid",
        notation="""\
INPUT 1x28x28
-> CONV 6 5x5 pad=2 -> SIGMOID -> AVGPOOL 2 -> CONV 16 5x5 -> SIGMOID -> AVGPOOL 2
-> FC 120 -> SIGMOID -> FC 84 -> SIGMOID -> FC 10""",
        source="Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 7.6",
        data="mnist",
        recipe={
            "epochs": 10,
            "batch_size": 256,
            "optimizer": "sgd",
            "learning_rate": 0.9,
            "schedule": "constant",
            "initializer": "xavier",
        },
    ),
    CatalogNetwork(
        name="lenet_tutorial",
        notation="""\
INPUT 1x28x28
-> [CONV 20 5x5 -> MAXPOOL 2 -> TANH] -> [CONV 50 5x5 -> MAXPOOL 2 -> TANH]
-> FC 500 -> TANH -> FC 10 -> SOFTMAX""",
        source="Deep Learning Tutorials of the Theano project, Convolutional Neural Networks "
        "(LeNet), 2008-2013",
        data="mnist",
        recipe={
            "epochs": 200,
            "batch_size": 500,
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "schedule": "constant",
            "patience_steps": 10_000,
            "validation": 10_000,
            "normalize": False,
            "initializer": "xavier",
        },
    ),
    CatalogNetwork(
        name="lenet_adam",
        notation="""\
INPUT 1x28x28
-> CONV 32 5x5 same -> RELU -> MAXPOOL 2 -> CONV 64 5x5 same -> RELU -> MAXPOOL 2
-> FC 1024 -> RELU -> FC 10""",
        source="The 500-step example of the TensorFlow 1 tutorials",
        data="mnist",
        recipe={
            "steps": 500,
            "epochs": 2,
            "batch_size": 128,
            "learning_rate": 0.001,
            "schedule": "constant",
            "normalize": False,
            "initializer": "normal(1)",
            "bias_initializer": "normal(1)",
        },
    ),
    CatalogNetwork(
        name="cnn_matlab",
        notation="""\
INPUT 1x28x28
-> CONV 6 5x5 -> SIGMOID -> AVGPOOL 2 -> CONV 12 5x5 -> SIGMOID -> AVGPOOL 2
-> FC 10 -> SIGMOID -> SQUAREDERROR""",
        source="Palm, Prediction as a candidate for learning deep hierarchical models of data, "
        "Technical University of Denmark, 2012 (6c5-2s-12c5-2s)",
        data="mnist",
        recipe={
            "epochs": 100,
            "batch_size": 50,
            "optimizer": "sgd",
            "learning_rate": 1.0,
            "schedule": "constant",
            "normalize": False,
            "initializer": "xavier",
        },
    ),
    CatalogNetwork(
        name="lenet",
        notation="""\
INPUT 1x8x8 -> CONV 16 3x3 same -> RELU -> CONV 32 3x3 same -> RELU -> MAXPOOL 2
-> CONV 64 3x3 same -> RELU -> MAXPOOL 2 -> DROPOUT 0.25 -> FC 84 -> RELU -> FC 10""",
        source="Ours: a LeNet for the 8x8 digits that come with scikit-learn; `striate train` "
        "without a name trains it",
        data="digits",
        recipe={
            "epochs": 30,
            "batch_size": 32,
            "shift": 1.0,
            "rotate": 10.0,
            "smoothing": 0.05,
        },
    ),
)
