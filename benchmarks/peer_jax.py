"""Nets A, B and C in JAX, one jitted training step: an adapter of peers.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer import ACTIVATIONS, CONVOLUTIONS, RATES, asked, serve, weights

NET, X, Y = asked()

import jax  # noqa: E402  # only now: it counts the cores that it may use
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

ACTIVATE = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}[ACTIVATIONS[NET]]
WINDOW = (1, 2, 2, 1)


def pool(x: jax.Array) -> jax.Array:
    if NET == "B":
        return lax.reduce_window(x, 0.0, lax.add, WINDOW, WINDOW, "VALID") / 4
    return lax.reduce_window(x, -jnp.inf, lax.max, WINDOW, WINDOW, "VALID")


def loss(parameters: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    for (kernel, bias), (_, _, padding) in zip(parameters, CONVOLUTIONS[NET], strict=False):
        form = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=form) + bias
        x = pool(ACTIVATE(x)) if NET == "B" else ACTIVATE(pool(x))
    x = x.reshape(len(x), -1)
    for matrix, bias in parameters[2:-1]:
        x = ACTIVATE(x @ matrix + bias)
    scores = x @ parameters[-1][0] + parameters[-1][1]
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], 1).mean()


@jax.jit
def trained(state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
    parameters, first, second, count = state
    value, gradients = jax.value_and_grad(loss)(parameters, x, y)
    count, each = count + 1, jax.tree.map
    if NET != "A":
        return (each(lambda p, g: p - RATES[NET] * g, parameters, gradients), *state[1:]), value
    first = each(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = each(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    rate = RATES[NET] * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    parameters = each(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second
    )
    return (parameters, first, second, count), value


def main() -> None:
    start = [(jnp.asarray(kernel), jnp.asarray(bias)) for kernel, bias in weights(NET)]
    zeros = jax.tree.map(jnp.zeros_like, start)
    state = [(start, zeros, zeros, jnp.zeros(()))]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        state[0], value = trained(state[0], jnp.asarray(x.transpose(0, 2, 3, 1)), jnp.asarray(y))
        return float(jax.block_until_ready((state[0], value))[1])

    serve(f"JAX {jax.__version__}", step, X, Y)


main()
