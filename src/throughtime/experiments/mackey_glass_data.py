"""The Mackey-Glass series, and the echo state network that forecasts it."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Origins = NDArray[np.int64]

LAG, TRAINED, VALIDATED, TOTAL = 17, 3000, 5000, 12_000
DELAYS, AHEAD, WINDOW = (1, 2, 3, *range(15, 21)), 84, 40


@dataclass(frozen=True)
class Echo:
    """Settings of an echo state network; the deviation of its reservoir's weights follows from `radius`."""

    units: int
    radius: float
    leak: float
    ridge: float
    scaling: float
    heard: float  # share of the units that hear the input


ECHOES = {
    "ESN, README": Echo(100, 1.25, 0.3, 1e-5, 1.0, 0.1),
    "ESN, tuned": Echo(1000, 1.0, 0.5, 1e-11, 0.3, 0.2),
}


def mackey_glass(steps: int, every: float = 0.1, dropped: int = 1000) -> Values:
    """Samples at whole t, (steps,), integrated with steps `every`, which must divide 1.

    x(t - 17) lies on the grid; halfway between two of its points it is their cubic Hermite interpolation. Left of t = 0, where
    the slope jumps, it is zero.
    """
    often, lag = round(1 / every), round(LAG / every)
    x, slopes = [1.2] * (lag + 1), [0.0] * lag

    def slope(now: float, then: float) -> float:
        return 0.2 * then / (1 + then**10) - 0.1 * now

    for k in range((dropped + steps - 1) * often):
        now, here, there = x[-1], x[k], x[k + 1]
        slopes.append(slope(now, here))
        end = 0.0 if k + 1 == lag else slopes[k + 1]
        half = (here + there) / 2 + every / 8 * (slopes[k] - end)
        second = slope(now + every / 2 * slopes[-1], half)
        third = slope(now + every / 2 * second, half)
        fourth = slope(now + every * third, there)
        x.append(now + every / 6 * (slopes[-1] + 2 * second + 2 * third + fourth))
    return np.array(x[lag::often][dropped:])


def echo_state(echo: Echo, z: Values, seed: int, origins: Origins) -> tuple[Values, Values]:
    """The same errors of reservoirpy's echo state network.

    It hears the samples scaled to [-1, 1]; its free runs, side by side, are written out here with the weights it drew and
    learned, which is what its own loop does one run at a time.
    """
    nodes = import_module("reservoirpy.nodes")
    low, high = z[:TRAINED].min(), z[:TRAINED].max()
    scaled = (2 * (z - low) / (high - low) - 1)[:, None]
    reservoir = nodes.Reservoir(
        echo.units,
        lr=echo.leak,
        sr=echo.radius,
        input_scaling=echo.scaling,
        input_connectivity=echo.heard,
        rc_connectivity=0.1,
        seed=seed,
    )
    readout = nodes.Ridge(ridge=echo.ridge)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small ridges make its equations badly conditioned, which it warns of
        (reservoir >> readout).fit(scaled[: TRAINED - 1], scaled[1:TRAINED], warmup=100)
    reservoir.reset()
    states = reservoir.run(scaled)
    told = states @ readout.Wout + readout.bias
    one_step = (told[VALIDATED - 1 : -1] - scaled[VALIDATED:])[:, 0]
    state, y, free = states[origins - 1], told[origins - 1], []
    inside, into = _dense(reservoir.W), _dense(reservoir.Win)
    for _ in range(AHEAD):
        free.append(y)
        state = (1 - echo.leak) * state + echo.leak * np.tanh(state @ inside.T + y @ into.T + reservoir.bias)
        y = state @ readout.Wout + readout.bias
    truth = scaled[origins[:, None] + np.arange(AHEAD), 0]
    back = (high - low) / 2
    return back * one_step, back * (np.stack(free, axis=1)[:, :, 0] - truth)


def _dense(matrix: Any) -> Values:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)
