"""Features: what a network sees of a recording, and small changes of it that keep its label.

Arrays are (T, I), one recording, numpy in and out. What draws takes a numpy `Generator`, so a seed repeats it.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[Any]


def normalise(x: ArrayLike, deviation: bool = True) -> Values:
    """Each feature of a recording with mean 0 and, if `deviation`, standard deviation 1 over its own steps.

    A constant feature becomes 0. In speech the mean is the microphone's and the room's (cepstral mean normalisation).

    >>> normalise([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    values = _recording(x)
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    flat = spread <= 1e-12 * np.abs(values).max(axis=0)
    return np.where(flat, 0.0, centred) / (np.where(flat, 1.0, spread) if deviation else 1.0)


def delta(x: ArrayLike, reach: int = 2) -> Values:
    """The slope of each feature: least squares over the steps t - reach to t + reach; the ends are repeated.

    d(t) = sum over n = 1..reach of n (x(t+n) - x(t-n)) / (2 sum over n of n^2)

    >>> delta(np.arange(5.0)[:, None] * 3)[2].tolist()
    [3.0]
    """
    values = _recording(x)
    if reach < 1:
        raise ValueError(f"reach must be at least 1, the steps to each side; it is {reach}")
    padded, steps = np.pad(values, ((reach, reach), (0, 0)), mode="edge"), len(values)
    total = sum(
        n * (padded[reach + n : reach + n + steps] - padded[reach - n : reach - n + steps]) for n in range(1, reach + 1)
    )
    return np.asarray(total / (2 * sum(n * n for n in range(1, reach + 1))))


def with_deltas(x: ArrayLike, orders: int = 2, reach: int = 2) -> Values:
    """The features, their deltas, the deltas of these, ... side by side: (T, (1 + orders) I).

    >>> with_deltas(np.zeros((4, 13))).shape
    (4, 39)
    """
    parts = [_recording(x)]
    for _ in range(orders):
        parts.append(delta(parts[-1], reach))
    return np.concatenate(parts, axis=1)


def stack(x: ArrayLike, frames: int = 2) -> Values:
    """Every `frames` steps as one, side by side: (ceil(T / frames), frames I); the last step is repeated to fill up.

    >>> stack([[1.0], [2.0], [3.0]]).tolist()
    [[1.0, 2.0], [3.0, 3.0]]
    """
    values = _recording(x)
    if frames < 1:
        raise ValueError(f"frames must be at least 1, the steps that become one; it is {frames}")
    filled = np.pad(values, ((0, -len(values) % frames), (0, 0)), mode="edge")
    return filled.reshape(-1, frames * values.shape[1])


def time_warp(x: ArrayLike, rng: np.random.Generator, strength: float = 0.1) -> Values:
    """The recording faster or slower, linearly interpolated: round(T f) steps, log f ~ uniform(-strength, strength)."""
    values = _recording(x)
    steps = max(1, round(len(values) * float(np.exp(rng.uniform(-strength, strength)))))
    places = np.linspace(0, len(values) - 1, steps)
    low = np.floor(places).astype(int)
    high, part = np.minimum(low + 1, len(values) - 1), (places - low)[:, None]
    return np.asarray((1 - part) * values[low] + part * values[high])


def mel_warp(x: ArrayLike, rng: np.random.Generator, strength: float = 0.1, filters: int = 40) -> Values:
    """Mel cepstra as of a shorter or longer vocal tract: the filter k of the warped recording hears what k f heard before.

        c'(t) = C W C^T c(t)        C: the first I rows of the orthonormal discrete cosine transform; W interpolates

    One f for the recording, log f ~ uniform(-strength, strength); filters beyond the last hear what the last one does.

    x        (T, I) cepstra, coefficient 0 first (not an energy in its place)
    filters  of the mel filter bank that they were made with

    Source: in the place of N. Jaitly, G. Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition",
    2013, which warps the frequencies of the spectrum; here, the mel filters.
    """
    values = _recording(x)
    centres = np.arange(filters) + 0.5
    cosines = np.cos(np.pi / filters * np.arange(values.shape[1])[:, None] * centres) * np.sqrt(2 / filters)
    cosines[0] /= np.sqrt(2)
    places = np.clip(centres * np.exp(rng.uniform(-strength, strength)) - 0.5, 0, filters - 1)
    low = np.minimum(places.astype(int), filters - 2)
    part = places - low
    return np.asarray(values @ ((1 - part) * cosines[:, low] + part * cosines[:, low + 1]) @ cosines.T)


def time_masks(x: ArrayLike, rng: np.random.Generator, number: int = 2, width: int = 10) -> Values:
    """Up to `number` stretches of 0 to `width` steps set to each feature's mean (Park et al., SpecAugment, 2019)."""
    values = _recording(x).copy()
    mean = values.mean(axis=0)
    for _ in range(number):
        long = int(rng.integers(0, min(width, len(values)) + 1))
        begin = int(rng.integers(0, len(values) - long + 1))
        values[begin : begin + long] = mean
    return values


def _recording(x: ArrayLike) -> Values:
    values = np.asarray(x, float)
    if values.ndim != 2 or not len(values):
        raise ValueError(
            f"a recording has shape (T, I) with T at least 1, not {values.shape}; one feature is x[:, None]"
        )
    return values
