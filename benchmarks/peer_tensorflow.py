"""Nets A, B and C in Keras on TensorFlow, one traced training step: an adapter of peers.py."""

from __future__ import annotations

import os

import numpy as np
from peer import ACTIVATIONS, CONVOLUTIONS, DENSE, RATES, asked, serve, weights

NET, X, Y = asked()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402  # only now: it counts the cores that it may use
from tensorflow import keras  # noqa: E402


def model() -> keras.Model:
    activation, layers = ACTIVATIONS[NET], [keras.layers.Input((28, 28, 1))]
    for _, channels, padding in CONVOLUTIONS[NET]:
        layers.append(keras.layers.Conv2D(channels, 5, padding=padding.lower()))
        pool = keras.layers.AveragePooling2D(2) if NET == "B" else keras.layers.MaxPooling2D(2)
        pair = [keras.layers.Activation(activation), pool]
        layers += pair if NET == "B" else pair[::-1]
    layers.append(keras.layers.Flatten())
    layers += [keras.layers.Dense(width, activation) for width in DENSE[NET]]
    made = keras.Sequential([*layers, keras.layers.Dense(10)])
    made.set_weights([each for pair in weights(NET) for each in pair])
    return made


def main() -> None:
    net = model()
    rate = RATES[NET]
    update = keras.optimizers.Adam(rate) if NET == "A" else keras.optimizers.SGD(rate)
    update.build(net.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def trained(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(y, net(x, training=True))
        gradients = tape.gradient(value, net.trainable_variables)
        update.apply(gradients, net.trainable_variables)
        return value

    def step(x: np.ndarray, y: np.ndarray) -> float:
        return float(trained(tf.constant(x.transpose(0, 2, 3, 1)), tf.constant(y)))

    serve(f"TensorFlow {tf.__version__}", step, X, Y)


main()
