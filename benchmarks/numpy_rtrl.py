"""Real-time recurrent learning in plain numpy, for one fully recurrent tanh layer and a linear read-out.

    net(t) = W z(t),  z(t) = [a(t-1), x(t), 1],  a(t) = tanh(net(t)),  y(t) = V [a(t), 1],  E = sum (y - target)^2
    P(t) = da(t)/dW = diag(f'(net)) R P(t-1) + immediate,  immediate: da_i/dW_ij = f'(net_i) z_j
    dE(t)/dW = dE(t)/da(t) P(t)

Two forms. `kronecker` is the one of the textbook and of published numpy code: the immediate influence is built as a
Kronecker product, dense, and added. `sparse` is what a careful numpy user makes of it: one matrix product into a buffer
that exists already, and only the n (n + I + 1) entries that are not zero are added.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Update = Callable[[Floats, Floats, Floats, Floats, Floats], Floats]


class Weights(NamedTuple):
    """inner (n, n + I + 1) for [a(t-1), x(t), 1]; outer (O, n + 1) for [a(t), 1]."""

    inner: Floats
    outer: Floats


def kronecker(influence: Floats, jacobian: Floats, slope: Floats, heard: Floats, spare: Floats) -> Floats:
    """P, (n, (n + I + 1) n), the columns of W one after the other."""
    del spare
    return jacobian.dot(influence) + np.kron(heard, np.diag(slope))


def sparse(influence: Floats, jacobian: Floats, slope: Floats, heard: Floats, spare: Floats) -> Floats:
    """The same P, in the buffer `spare`."""
    np.matmul(jacobian, influence, out=spare)
    units = len(slope)
    entries = spare.reshape(units, len(heard), units)
    each = np.arange(units)
    entries[each, :, each] += slope[:, None] * heard
    return spare


def learn(weights: Weights, xs: Floats, targets: Floats, update: Update) -> Weights:
    """The gradient of the summed squared error; xs (T, I), targets (T, O)."""
    units, width = weights.inner.shape
    dtype = weights.inner.dtype
    inner, outer = np.zeros_like(weights.inner), np.zeros_like(weights.outer)
    influence, spare = np.zeros((2, units, width * units), dtype)
    one, activity = np.ones(1, dtype), np.zeros(units, dtype)
    for x, target in zip(xs, targets, strict=True):
        heard = np.concatenate([activity, x, one])
        activity = np.tanh(weights.inner @ heard)
        slope = 1 - activity * activity
        jacobian = slope[:, None] * weights.inner[:, :units]
        influence, spare = update(influence, jacobian, slope, heard, spare), influence
        shown = np.concatenate([activity, one])
        error = 2 * (weights.outer @ shown - target)
        outer += np.outer(error, shown)
        inner += (error @ weights.outer[:, :units] @ influence).reshape(width, units).T
    return Weights(inner, outer)
