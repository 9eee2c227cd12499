"""Strings that must be counted, told symbol by symbol, and when an answer is right."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from throughtime import engine
from throughtime.network import Network

TRAINED = range(1, 11)
ASKED = ((1, 100), (101, 1000))  # stretches of n, asked side by side


def symbols_at(letters: int, n: Any, step: Any) -> tuple[Any, Any]:
    """The symbol told at a step of the string with that n, counted from 0, and which may come next: two (..., letters + 1).

    The first is one of S, a, b, ...; the second some of a, b, ..., T. Past the end they mean nothing.

    >>> heard, next = symbols_at(2, np.array([2] * 5), np.arange(5))
    >>> heard.argmax(-1).tolist(), next.astype(int).tolist()  # S a a b b
    ([0, 1, 1, 2, 2], [[1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    """
    places = np.arange(letters + 1)
    block = -(-step // n)  # 0 for S, 1 in the a, 2 in the b, ...
    last = step == block * n
    sure = (block - 1 + last) * (block > 1)  # a at first; then this letter, or the one after its last
    return block[..., None] == places, (sure[..., None] == places) | ((block == 1)[..., None] & (places == 1))


def counting_strings(letters: int) -> list[tuple[Any, Any]]:
    """The training strings: ones and zeros in, ones and minus ones out."""
    made = []
    for n in TRAINED:
        heard, possible = symbols_at(letters, np.full(letters * n + 1, n), np.arange(letters * n + 1))
        made.append((heard.astype(np.float32), 2 * possible.astype(np.float32) - 1))
    return made


@partial(jax.jit, static_argnames=("network", "letters", "longest"))
def right(network: Network, letters: int, longest: int, weights: Any, ns: Array) -> Array:
    """Which strings count, (seeds, len(ns)), for weights with a leading axis of seeds; no n is above `longest`."""

    def one(weights: Any) -> Array:
        def step(going: tuple[Any, Array], now: Array) -> tuple[Any, None]:
            history, good = going
            heard, possible = symbols_at(letters, ns, now)
            said, history = engine.step(network, weights, history, heard)
            return (history, good & (((said > 0) == possible).all(-1) | (now > letters * ns))), None

        start = engine.start(network, weights, len(ns)), jnp.ones(len(ns), bool)
        return lax.scan(step, start, jnp.arange(letters * longest + 1))[0][1]

    return jax.vmap(one)(weights)


def longest_right(network: Network, letters: int, weights: Any) -> list[int]:
    """For each seed the largest n so that it and all smaller ones count."""
    found: np.ndarray[Any, Any] | None = None
    for first, last in ASKED:
        if found is None or (found == first - 1).any():
            counts = np.asarray(right(network, letters, last, weights, jnp.arange(first, last + 1)))
            more = np.cumprod(counts, axis=1).sum(1)
            found = more if found is None else found + more * (found == first - 1)
    return [] if found is None else found.tolist()
