"""Simulated plants: differential equations, stepped finely between two samples, whose input is held from sample to sample.

Each takes a random generator and a number of rows, and returns u (T, 1) and y (T, O) without noise.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Pair = tuple[Values, Values]
Rate = Callable[[Values, float], Values]


def levels(random: np.random.Generator, rows: int, low: float, high: float, hold: int = 10) -> Values:
    """(T, 1): random levels, each held for 1 to 2 `hold` rows."""
    made = np.repeat(random.uniform(low, high, rows), random.integers(1, 2 * hold + 1, rows))
    return np.asarray(made[:rows, None])


def stepped(rate: Rate, u: Values, state: Values, sample: float, parts: int) -> Values:
    """(T, states) at the end of every sample: Runge and Kutta's method of fourth order in so many parts of it."""
    made, step = np.zeros((len(u), len(state))), sample / parts
    for t, now in enumerate(u[:, 0]):
        for _ in range(parts):
            a = rate(state, now)
            b = rate(state + step / 2 * a, now)
            c = rate(state + step / 2 * b, now)
            state = state + step / 6 * (a + 2 * b + 2 * c + rate(state + step * c, now))
        made[t] = state
    return made


def duffing(random: np.random.Generator, rows: int) -> Pair:
    """A mass on a spring that hardens: y'' + 0.2 y' + y + y^3 = u, sampled every 0.6.

    Source of the like, an electronic circuit: T. Wigren, J. Schoukens, European Control Conference, 2013 (Silverbox).
    """
    u = 0.6 * random.normal(size=(rows, 1))
    return u, stepped(lambda x, f: np.array([x[1], f - 0.2 * x[1] - x[0] - x[0] ** 3]), u, np.zeros(2), 0.6, 4)[:, :1]


def van_der_pol(random: np.random.Generator, rows: int) -> Pair:
    """Van der Pol's oscillator, driven: y'' = (1 - y^2) y' - y + u, sampled every 0.4.

    Source: B. van der Pol, Philosophical Magazine 2, 1926.
    """
    u = levels(random, rows, -2, 2, 6)
    return u, stepped(
        lambda x, f: np.array([x[1], (1 - x[0] ** 2) * x[1] - x[0] + f]), u, np.array([1.0, 0.0]), 0.4, 6
    )[:, :1]


def tanks(random: np.random.Generator, rows: int, most: float = np.inf) -> Pair:
    """Two tanks, one above the other, each with a hole: the level of the lower one; `most`: at which both run over.

    Of what runs over from the upper tank half falls into the lower one. Torricelli's law.
    Source of the like: M. Schoukens, P. Mattsson, T. Wigren, J.-P. Noel, Cascaded tanks benchmark, 2016.
    """

    def rate(x: Values, pump: float) -> Values:
        upper, lower = np.sqrt(np.maximum(x, 0.0))
        inflow, over = 0.08 * pump - 0.12 * upper, 0.0
        if x[0] >= most and inflow > 0:
            inflow, over = 0.0, 0.5 * inflow
        fill = 0.12 * upper - 0.11 * lower + over
        return np.array([inflow, 0.0 if x[1] >= most and fill > 0 else fill])

    u = levels(random, rows, 0.5, 5.0)
    return u, np.clip(stepped(rate, u, np.array([2.0, 2.0]), 4.0, 4), 0.0, most)[:, 1:]


def tanks_that_run_over(random: np.random.Generator, rows: int) -> Pair:
    """The two tanks, 5 high."""
    return tanks(random, rows, 5.0)


def reactor(random: np.random.Generator, rows: int) -> Pair:
    """A stirred tank in which A becomes B and gives off heat: concentration and temperature, by that of the coolant, in minutes.

    Source: M. Henson, D. Seborg, Nonlinear Process Control, 1997.
    """

    def rate(x: Values, coolant: float) -> Values:
        speed = 7.2e10 * np.exp(-8750 / x[1]) * x[0]
        return np.array([1 - x[0] - speed, 350 - x[1] + 5e4 / 239 * speed + 5e4 / 23900 * (coolant - x[1])])

    u = levels(random, rows, 288, 300, 12)
    return u, stepped(rate, u, np.array([0.88, 324.5]), 0.1, 4)


def neutralisation(random: np.random.Generator, rows: int) -> Pair:
    """The pH in a stirred tank that an acid, a buffer and a base flow into, by the flow of the base (ml/s), every 10 s.

    Source: M. Henson, D. Seborg, IEEE Trans. Control Systems Technology 2, 1994.
    """
    acid, buffer, volume = 16.6, 0.55, 2900.0
    u = levels(random, rows, 12, 18, 12)

    def rate(x: Values, base: float) -> Values:
        flows = np.array([acid, buffer, base])
        given = np.array([[3e-3, -3e-2, -3.05e-3], [0.0, 3e-2, 5e-5]]) @ flows
        return np.asarray((given - flows.sum() * x) / volume)

    invariants = stepped(rate, u, np.array([-4.3e-4, 5.3e-4]), 10.0, 2)
    low, high = np.zeros(rows), np.full(rows, 14.0)
    for _ in range(50):  # the balance of charges falls with the pH through one root
        middle = (low + high) / 2
        balance = _charges(middle, invariants)
        low, high = np.where(balance < 0, middle, low), np.where(balance < 0, high, middle)
    return u, low[:, None]


def _charges(ph: Values, invariants: Values) -> Values:
    share = (1 + 2 * 10 ** (ph - 10.25)) / (1 + 10 ** (6.35 - ph) + 10 ** (ph - 10.25))
    return np.asarray(invariants[:, 0] + 10 ** (ph - 14) - 10.0**-ph + invariants[:, 1] * share)


def friction(random: np.random.Generator, rows: int) -> Pair:
    """A mass on a spring that sticks and slips: y'' = u - y - 0.4 y' - 0.5 tanh(y' / 0.02), sampled every 0.5."""
    u = levels(random, rows, -2, 2, 8)
    rate: Rate = lambda x, f: np.array([x[1], f - x[0] - 0.4 * x[1] - 0.5 * np.tanh(x[1] / 0.02)])  # noqa: E731
    return u, stepped(rate, u, np.zeros(2), 0.5, 40)[:, :1]
