"""Simulated systems for identification, each with its seeds: what a method is tried on that must need no expert.

`record(name, seed)` gives u (T, I) and y (T, O), the same for the same seed, NaN where nothing was measured; every output has white
noise of a hundredth of its deviation, where its docstring says nothing else.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from throughtime.experiments import systems_plants as plants
from throughtime.experiments.systems_plants import Pair, levels

Values = NDArray[np.float64]
Random = np.random.Generator
Make = Callable[[Random, int], Pair]
ROWS, NOISE = 1500, 0.01
LAG = ([0.0, 0.3, 0.2], [1.0, -1.1, 0.4])  # of the block-oriented systems: numerator and denominator
SETTLING = ([0.0, 0.4], [1.0, -0.6])


def narendra_1(random: Random, rows: int) -> Pair:
    """y(t) = 0.3 y(t-1) + 0.6 y(t-2) + f(u(t-1)), f(u) = 0.6 sin(pi u) + 0.3 sin(3 pi u) + 0.1 sin(5 pi u).

    Source of this and the next three: K. Narendra, K. Parthasarathy, IEEE Trans. Neural Networks 1, 1990.
    """
    u = random.uniform(-1, 1, (rows, 1))
    bent = 0.6 * np.sin(np.pi * u) + 0.3 * np.sin(3 * np.pi * u) + 0.1 * np.sin(5 * np.pi * u)
    return u, lfilter([0.0, 1.0], [1.0, -0.3, -0.6], bent, axis=0)


def narendra_2(random: Random, rows: int) -> Pair:
    """y(t) = y(t-1) y(t-2) (y(t-1) + 2.5) / (1 + y(t-1)^2 + y(t-2)^2) + u(t-1)."""
    return _recursive(
        random, rows, 2, lambda y, u: y[-1] * y[-2] * (y[-1] + 2.5) / (1 + y[-1] ** 2 + y[-2] ** 2) + u[-1]
    )


def narendra_3(random: Random, rows: int) -> Pair:
    """y(t) = y(t-1) / (1 + y(t-1)^2) + u(t-1)^3."""
    return _recursive(random, rows, 2, lambda y, u: y[-1] / (1 + y[-1] ** 2) + u[-1] ** 3)


def narendra_4(random: Random, rows: int) -> Pair:
    """y(t) = (a b c u(t-2) (c - 1) + u(t-1)) / (1 + b^2 + c^2), (a, b, c) = (y(t-1), y(t-2), y(t-3))."""

    def now(y: Values, u: Values) -> float:
        a, b, c = y[-1], y[-2], y[-3]
        return float((a * b * c * u[-2] * (c - 1) + u[-1]) / (1 + b**2 + c**2))

    return _recursive(random, rows, 1, now)


def _recursive(random: Random, rows: int, width: float, now: Callable[[Values, Values], float]) -> Pair:
    """What `now` makes of the outputs and inputs before a step; inputs within +-width."""
    u, y = levels(random, rows, -width, width, 3), np.zeros(rows + 3)
    heard = np.concatenate([np.zeros(3), u[:, 0]])
    for t in range(3, rows + 3):
        y[t] = now(y[:t], heard[:t])
    return u, y[3:, None]


def wiener(random: Random, rows: int) -> Pair:
    """A linear system, then a static one: y = x + 0.3 x^2 - 0.15 x^3.

    Source of this and the next two: S. Billings, Nonlinear System Identification, 2013.
    """
    u = levels(random, rows, -1, 1, 5)
    x = lfilter(*LAG, u, axis=0)
    return u, x + 0.3 * x**2 - 0.15 * x**3


def hammerstein(random: Random, rows: int) -> Pair:
    """A static system, x = tanh(2 u) + 0.4 u^2, then a linear one."""
    u = levels(random, rows, -1.5, 1.5, 5)
    return u, lfilter(*LAG, np.tanh(2 * u) + 0.4 * u**2, axis=0)


def wiener_hammerstein(random: Random, rows: int) -> Pair:
    """A static system between two linear ones."""
    u = levels(random, rows, -1.5, 1.5, 5)
    return u, lfilter(*SETTLING, np.tanh(1.5 * lfilter(*LAG, u, axis=0)), axis=0)


def bilinear(random: Random, rows: int) -> Pair:
    """y(t) = 0.7 y(t-1) + 0.5 u(t-1) + 0.25 u(t-1) y(t-1).

    Source of the like: R. Mohler, Bilinear Control Processes, 1973.
    """
    return _recursive(random, rows, 1, lambda y, u: 0.7 * y[-1] + 0.5 * u[-1] + 0.25 * u[-1] * y[-1])


def backlash(random: Random, rows: int) -> Pair:
    """A gear with play of 0.5 on either side drives a linear system.

    Source of this and the next two: G. Tao, P. Kokotovic, Adaptive Control of Systems with Actuator and Sensor
    Nonlinearities, 1996.
    """
    u = np.cumsum(random.normal(size=(rows, 1)), axis=0) * 0.1
    u = u - np.convolve(u[:, 0], np.ones(51) / 51, "same")[:, None] + levels(random, rows, -1, 1, 8)
    x, place = np.zeros_like(u), 0.0
    for t, drive in enumerate(u[:, 0]):
        place = min(max(place, drive - 0.5), drive + 0.5)
        x[t] = place
    return u, lfilter(*SETTLING, x, axis=0)


def dead_zone(random: Random, rows: int) -> Pair:
    """A valve that does nothing within +-0.5 drives a linear system."""
    u = levels(random, rows, -1.5, 1.5, 5)
    return u, lfilter(*LAG, np.sign(u) * np.maximum(np.abs(u) - 0.5, 0.0), axis=0)


def saturation(random: Random, rows: int) -> Pair:
    """An actuator that gives no more than +-0.6 drives a linear system."""
    u = levels(random, rows, -1.5, 1.5, 5)
    return u, lfilter(*LAG, np.clip(u, -0.6, 0.6), axis=0)


def changing_gain(random: Random, rows: int) -> Pair:
    """A linear system whose gain rises by half from the first row to the last."""
    u = levels(random, rows, -1, 1, 5)
    return u, lfilter(*LAG, u * np.linspace(1.0, 1.5, rows)[:, None], axis=0)


def two_by_two(random: Random, rows: int) -> Pair:
    """Two inputs and two outputs that hear each other through tanh."""
    u, y = np.concatenate([levels(random, rows, -1, 1, 5) for _ in range(2)], axis=1), np.zeros((rows, 2))
    for t in range(1, rows):
        a, b = y[t - 1]
        y[t] = [0.7 * a + 0.3 * np.tanh(2 * b) + 0.5 * u[t - 1, 0], 0.5 * b - 0.3 * np.tanh(a) + 0.6 * u[t - 1, 1]]
    return u, y


def dead_time(random: Random, rows: int) -> Pair:
    """The system of `hammerstein`, heard 15 rows late."""
    u, y = hammerstein(random, rows)
    return u, np.concatenate([np.zeros((15, 1)), y[:-15]])


def marginal(random: Random, rows: int) -> Pair:
    """Two poles at 0.999 of the unit circle: y(t) = 1.98 y(t-1) - 0.998 y(t-2) + 0.05 tanh(u(t-1))."""
    u = random.normal(size=(rows, 1))
    return u, lfilter([0.0, 0.05], [1.0, -1.98, 0.998], np.tanh(u), axis=0)


def chaotic(random: Random, rows: int) -> Pair:
    """Henon's map, pushed a little: y(t) = 1 - 1.3 y(t-1)^2 + 0.3 y(t-2) + 0.03 u(t-1).

    Source: M. Henon, Communications in Mathematical Physics 50, 1976.
    """
    return _recursive(random, rows, 1, lambda y, u: 1 - 1.3 * y[-1] ** 2 + 0.3 * y[-2] + 0.03 * u[-1])


def heavy_noise(random: Random, rows: int) -> Pair:
    """The system of `wiener` with white noise of half its deviation."""
    u, y = wiener(random, rows)
    return u, y + 0.5 * y.std() * random.normal(size=y.shape)


def coloured_noise(random: Random, rows: int) -> Pair:
    """The system of `hammerstein` with noise of a fifth of its deviation, whose neighbours go together by 0.95."""
    u, y = hammerstein(random, rows)
    noise = lfilter([1.0], [1.0, -0.95], random.normal(size=y.shape), axis=0)
    return u, y + 0.2 * y.std() / noise.std() * noise


def missing_rows(random: Random, rows: int) -> Pair:
    """The system of `bilinear`, of which a tenth of the rows was not measured: single ones, and a stretch of a twentieth."""
    u, y = bilinear(random, rows)
    y[random.random(rows) < 0.05] = np.nan
    first = int(random.integers(rows // 3, rows // 2))
    y[first : first + rows // 20] = np.nan
    return u, y


def ten_outputs(random: Random, rows: int) -> Pair:
    """Ten cells in a row, heated at the first: each takes from the one before it and loses to what is around it, x + 0.2 x^2."""
    u, y = levels(random, rows, 0, 1, 20), np.zeros((rows, 10))
    for t in range(1, rows):
        x = y[t - 1]
        source = np.concatenate([u[t - 1], x[:-1]])
        y[t] = x + 0.3 * (source - x) - 0.02 * (x + 0.2 * x**2)
    return u, y


SYSTEMS: dict[str, Make] = {
    "Narendra 1": narendra_1,
    "Narendra 2": narendra_2,
    "Narendra 3": narendra_3,
    "Narendra 4": narendra_4,
    "Wiener": wiener,
    "Hammerstein": hammerstein,
    "Wiener-Hammerstein": wiener_hammerstein,
    "bilinear": bilinear,
    "Duffing": plants.duffing,
    "two tanks": plants.tanks,
    "two tanks that run over": plants.tanks_that_run_over,
    "stirred reactor": plants.reactor,
    "neutralisation": plants.neutralisation,
    "Van der Pol": plants.van_der_pol,
    "backlash": backlash,
    "dead zone": dead_zone,
    "saturation": saturation,
    "friction": plants.friction,
    "changing gain": changing_gain,
    "two by two": two_by_two,
    "dead time": dead_time,
    "marginal": marginal,
    "chaotic": chaotic,
    "heavy noise": heavy_noise,
    "coloured noise": coloured_noise,
    "missing rows": missing_rows,
    "ten outputs": ten_outputs,
}


def record(name: str, seed: int, rows: int = ROWS) -> Pair:
    """u (T, I) and y (T, O) of a system, with noise.

    >>> u, y = record("two by two", 0, rows=50)
    >>> u.shape, y.shape
    ((50, 2), (50, 2))
    """
    random = np.random.default_rng([seed, *name.encode()])
    u, y = SYSTEMS[name](random, rows)
    return u, y + NOISE * np.nanstd(y, axis=0) * random.normal(size=y.shape)
