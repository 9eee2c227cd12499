"""Levenberg-Marquardt for a NARX network in closed loop, in plain numpy: a Python loop over time, as published code has it.

    net(t) = W z(t),  z(t) = [u(t - d), d of the input's, y(t - d), d of the output's, 1],  a = tanh(net),  y = V [a, 1]
    dy(t)/dw = explicit + sum over output delays d of  dy(t)/dy(t - d)  dy(t - d)/dw                         (RTRL)

Two forms. `kronecker` is the one of published numpy code: a diagonal matrix of slopes, a Kronecker product for every delay,
appended to one another, and the inverse of the damped matrix. `careful` is what a careful numpy user makes of it: one
outer product per step into an array that exists already, and a Cholesky factor.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Weights(NamedTuple):
    """inner (n, Du I + Dy O + 1) for z; outer (O, n + 1) for [a, 1]."""

    inner: Floats
    outer: Floats


class Delays(NamedTuple):
    """Which past inputs and outputs the hidden layer hears."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


Rows = Callable[[Weights, Floats, Floats, Floats, int, list[Floats]], Floats]
Solve = Callable[[Floats, Floats], Floats]


def free_run(weights: Weights, delays: Delays, us: Floats) -> tuple[Floats, Floats, Floats]:
    """Outputs (T, O), and at each step what was heard, z (T, .), and the activities (T, n)."""
    steps, inputs = us.shape
    outputs, units = len(weights.outer), len(weights.inner)
    us = np.concatenate([np.zeros((max(delays.inputs), inputs)), us])
    deep = max(delays.outputs)
    ys, heard = np.zeros((deep + steps, outputs)), np.ones((steps, weights.inner.shape[1]))
    shown = np.ones((steps, units + 1))
    for t in range(steps):
        now = t + max(delays.inputs)
        heard[t, :-1] = np.concatenate(
            [us[now - d] for d in delays.inputs] + [ys[t + deep - d] for d in delays.outputs]
        )
        shown[t, :-1] = np.tanh(weights.inner @ heard[t])
        ys[t + deep] = weights.outer @ shown[t]
    return ys[deep:], heard, shown[:, :-1]


def kronecker(
    weights: Weights, heard: Floats, activity: Floats, feedback: Floats, size: int, past: list[Floats]
) -> Floats:
    """dy(t)/dw (O, W): the columns of W, of V, one after the other."""
    outputs = len(weights.outer)
    sensitivity = weights.outer[:, :-1].dot(np.diag(1 - activity**2))
    explicit = np.empty((outputs, 0))
    for value in heard:
        explicit = np.append(explicit, np.kron(np.array([[value]]), sensitivity), 1)
    for value in activity:
        explicit = np.append(explicit, np.kron(np.array([[value]]), np.eye(outputs)), 1)
    explicit = np.append(explicit, np.eye(outputs), 1)
    through = np.zeros((outputs, size))
    for d, earlier in enumerate(past):
        through = through + sensitivity.dot(feedback[d].dot(earlier))
    return explicit + through


def careful(
    weights: Weights, heard: Floats, activity: Floats, feedback: Floats, size: int, past: list[Floats]
) -> Floats:
    """The same rows."""
    outputs, units = weights.outer.shape[0], len(activity)
    sensitivity = weights.outer[:, :-1] * (1 - activity * activity)
    rows = np.zeros((outputs, size))
    inner = units * len(heard)
    np.multiply(heard[None, :, None], sensitivity[:, None, :], out=rows[:, :inner].reshape(outputs, len(heard), units))
    each = np.arange(outputs)
    rows[:, inner:].reshape(outputs, units + 1, outputs)[each, :, each] = np.append(activity, 1.0)
    for d, earlier in enumerate(past):
        rows += (sensitivity @ feedback[d]) @ earlier
    return rows


def inverse(matrix: Floats, slope: Floats) -> Floats:
    """By the inverse matrix."""
    return np.linalg.inv(matrix) @ slope


def cholesky(matrix: Floats, slope: Floats) -> Floats:
    """By a Cholesky factor."""
    return scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix, lower=True, check_finite=False), slope)


def jacobian(weights: Weights, delays: Delays, heard: Floats, activity: Floats, rows: Rows) -> Floats:
    """dy/dw (T O, W)."""
    outputs, units = len(weights.outer), len(weights.inner)
    size, first = weights.inner.size + weights.outer.size, heard.shape[1] - 1 - len(delays.outputs) * outputs
    fed = weights.inner[:, first:-1].reshape(units, len(delays.outputs), outputs)
    feedback = fed.transpose(1, 0, 2)  # for each delay dnet/dy(t - d)
    made = [np.zeros((outputs, size))] * max(delays.outputs)
    for z, a in zip(heard, activity, strict=True):
        made.append(rows(weights, z, a, feedback, size, [made[-d] for d in delays.outputs]))
    return np.concatenate(made[max(delays.outputs) :])


def train(
    weights: Weights, delays: Delays, us: Floats, targets: Floats, epochs: int, rows: Rows, solve: Solve
) -> tuple[Weights, float]:
    """The weights after so many epochs, and their mean squared error; damping 0.001, a tenth or ten times as much."""
    damping = 1e-3
    ys, heard, activity = free_run(weights, delays, us)
    r = (ys - targets).ravel()
    for _ in range(epochs):
        j = jacobian(weights, delays, heard, activity, rows)
        hessian, slope = j.T @ j / len(r), j.T @ r / len(r)
        flat = _flat(weights)
        while True:
            moved = _apart(flat - solve(hessian + damping * np.eye(len(flat)), slope), weights)
            ys, heard, activity = free_run(moved, delays, us)
            new = (ys - targets).ravel()
            if new @ new < r @ r:
                break
            damping *= 10
        weights, r, damping = moved, new, damping / 10
    return weights, float(r @ r / len(r))


def _flat(weights: Weights) -> Floats:
    return np.concatenate([weights.inner.ravel(order="F"), weights.outer.ravel(order="F")])


def _apart(flat: Floats, like: Weights) -> Weights:
    inner, outer = np.split(flat, [like.inner.size])
    return Weights(inner.reshape(like.inner.shape, order="F"), outer.reshape(like.outer.shape, order="F"))
