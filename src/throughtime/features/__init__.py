"""Features: what a network sees of a recording, and small changes of it that keep its label (`features.augment`).

Arrays are (T, I), numpy in and out. Functions of many recordings take a list of them; thousands cost what one array of all their
steps costs. What draws takes a numpy `Generator`, so a seed repeats it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from throughtime.checks import is_number, is_whole, quoted
from throughtime.features.augment import Cepstrum, SpeechChanges, mel_warp, noise, splice, time_masks, time_warp
from throughtime.features.joined import Joined, Values, join, spread_of

__all__ = [
    "Cepstrum",
    "Prior",
    "SpeechChanges",
    "SpeechFeatures",
    "Values",
    "delta",
    "mel_warp",
    "noise",
    "normalise",
    "splice",
    "stack",
    "time_masks",
    "time_warp",
    "trim",
    "with_deltas",
]


def normalise(x: ArrayLike, deviation: bool = True) -> Values:
    """Each feature of a recording with mean 0 and, if `deviation`, standard deviation 1 over its own steps.

    A constant feature becomes 0. In speech the mean is the microphone's and the room's (cepstral mean normalisation).

    >>> normalise([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    return _normalised(join([x]), deviation)


def delta(x: ArrayLike, reach: int = 2) -> Values:
    """The slope of each feature: least squares over the steps t - reach to t + reach; the ends are repeated.

    d(t) = sum over n = 1..reach of n (x(t+n) - x(t-n)) / (2 sum over n of n^2)

    >>> delta(np.arange(5.0)[:, None] * 3)[2].tolist()
    [3.0]
    """
    return _delta(join([x]), reach)


def with_deltas(x: ArrayLike, orders: int = 2, reach: int = 2) -> Values:
    """The features, their deltas, the deltas of these, ... side by side: (T, (1 + orders) I).

    >>> with_deltas(np.zeros((4, 13))).shape
    (4, 39)
    """
    return _with_deltas(join([x]), orders, reach)


def trim(x: ArrayLike, below: float = 6.0) -> Values:
    """The recording without the silence before and after: from the first to the last step with some energy.

    x      (T, I), column 0 is the log energy
    below  natural logarithms under the highest energy; 6 is 26 dB

    >>> trim([[-9.0], [1.0], [-8.0], [0.0], [-9.0]]).tolist()
    [[1.0], [-8.0], [0.0]]
    """
    return _trimmed(join([x]), below).values


def stack(x: ArrayLike, frames: int = 2) -> Values:
    """Every `frames` steps as one, side by side: (ceil(T / frames), frames I); the last step is repeated to fill up.

    >>> stack([[1.0], [2.0], [3.0]]).tolist()
    [[1.0, 2.0], [3.0, 3.0]]
    """
    return _stacked(join([x]), frames).values


@dataclass(frozen=True)
class Prior:
    """What the mean of a recording is expected to be, worth so many steps of its own.

        mean of n steps = (n * their mean + steps * mean) / (n + steps)

    The mean of a short recording is in part what is said in it, which is lost with the mean; the prior keeps most of that.

    mean   (I,) of the features of many recordings, each recording counted once
    steps  0: the mean is that of the recording alone

    raises  ValueError if the steps are negative

    Source: maximum a posteriori estimates, in cepstral mean normalisation.
    """

    mean: tuple[float, ...]
    steps: float

    def __post_init__(self) -> None:
        if not (is_number(self.steps) and self.steps >= 0):
            raise ValueError(f"a prior is worth at least 0 steps, not {quoted(self.steps)}")
        if not self.mean or not all(map(is_number, self.mean)):
            raise ValueError("the mean of a prior must be numbers, one for each feature")

    @classmethod
    def of(cls, xs: Sequence[ArrayLike], steps: float) -> "Prior":
        """The mean of recordings, each (T, I).

        >>> Prior.of([[[1.0]], [[2.0], [4.0]]], 20)
        Prior(mean=(2.0,), steps=20)
        """
        joined = join(xs)
        return cls(tuple(joined.mean(joined.values).mean(0).tolist()), steps)


@dataclass(frozen=True)
class SpeechFeatures:
    """What a network hears of recordings of MFCC, or of any features: trimmed, with deltas, normalised, stacked; in this order.

    deltas      orders of deltas beside the features
    normalised  each feature with mean 0 and deviation 1 over the recording; "mean": with mean 0 only
    frames      steps that become one
    silence     what is trimmed: `below` of `trim`; None: nothing
    prior       of the means of the features and their deltas, if only the mean is normalised; None: nothing is expected

    returns, when called with recordings (T, I), for each an array (T / frames, frames (1 + deltas) I) of float32
    raises   ValueError if a setting makes no sense, a recording is not (T, I) with T at least 1, or they differ in I
    cost     linear in all steps

    >>> seen = SpeechFeatures(deltas=1)([np.ones((4, 13)), np.ones((9, 13))])
    >>> [x.shape for x in seen]
    [(4, 26), (9, 26)]
    """

    deltas: int = 2
    normalised: bool | Literal["mean"] = True
    frames: int = 1
    silence: float | None = None
    prior: Prior | None = None

    def __post_init__(self) -> None:
        if not (is_whole(self.deltas, 0) and is_whole(self.frames, 1)):
            raise ValueError(
                f"deltas must be at least 0 and frames at least 1, not {quoted(self.deltas)} and {quoted(self.frames)}"
            )
        if self.silence is not None and not is_number(self.silence):
            raise ValueError(f"silence must be a number of logarithms, or None, not {quoted(self.silence)}")
        if not (isinstance(self.normalised, bool) or self.normalised == "mean"):
            raise ValueError(f"normalised must be True, False or 'mean', not {quoted(self.normalised)}")
        if self.prior is not None and self.normalised != "mean":
            raise ValueError(
                f"a prior is of the mean: normalised must be 'mean' with it, not {quoted(self.normalised)}"
            )

    def width(self, features: int) -> int:
        """How many numbers a step has, of so many features."""
        return features * (1 + self.deltas) * self.frames

    def __call__(self, xs: Sequence[ArrayLike]) -> list[Values]:
        """The features of every recording."""
        joined = join(xs) if self.silence is None else _trimmed(join(xs), self.silence)
        joined = joined._replace(values=_with_deltas(joined, self.deltas, 2))
        if self.normalised:
            joined = joined._replace(values=_normalised(joined, self.normalised is True, self.prior))
        joined = joined._replace(values=joined.values.astype(np.float32))
        return (_stacked(joined, self.frames) if self.frames > 1 else joined).split()

    def settings(self, kind: str = "mfcc", coefficients: int = 13, **made: Any) -> dict[str, Any]:
        """What a model's file says of them (`Model.settings["features"]`), so that it can be used on other recordings.

        kind          of what is turned into features
        coefficients  of each step
        made          how these were made: of `audio.mfcc`, rate=8000 and filters=26
        """
        return {"kind": kind, "coefficients": coefficients, **asdict(self), **made}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "SpeechFeatures":
        """Those that `settings` tells of.

        raises  ValueError if they lack something
        """
        for name in ("deltas", "normalised", "frames"):
            if name not in settings:
                raise ValueError(f"the features' settings lack {name!r}; they have {quoted(list(settings))}")
        prior = _prior(settings.get("prior"))
        return cls(settings["deltas"], settings["normalised"], settings["frames"], settings.get("silence"), prior)


def _prior(told: Any) -> Prior | None:
    """The prior that settings tell of."""
    if told is None:
        return None
    if not isinstance(told, Mapping) or not isinstance(told.get("mean"), list | tuple):
        raise ValueError("the features' settings have a prior without its mean and steps")
    return Prior(tuple(told["mean"]), told.get("steps", 0))


def _trimmed(joined: Joined, below: float) -> Joined:
    energy, place, first = joined.values[:, 0], joined.place, joined.first
    loud = energy >= joined.spread(np.maximum.reduceat(energy, first)) - below
    begin = np.minimum.reduceat(np.where(loud, place, len(place)), first)
    end = np.maximum.reduceat(np.where(loud, place, -1), first)
    kept = (place >= joined.spread(begin)) & (place <= joined.spread(end))
    return Joined(joined.values[kept], end - begin + 1)


def _normalised(joined: Joined, deviation: bool, prior: Prior | None = None) -> Values:
    if prior is not None:
        return joined.values - joined.spread(_expected(joined, prior))
    mean, spread = spread_of(joined)
    centred = joined.values - joined.spread(mean)
    return np.asarray(np.where(joined.spread(spread == 0), 0, centred) / joined.spread(_scale(spread, deviation)))


def _expected(joined: Joined, prior: Prior) -> Values:
    mean, counts = joined.mean(joined.values), joined.counts[:, None]
    if mean.shape[1] != len(prior.mean):
        raise ValueError(f"the prior is of {len(prior.mean)} features, deltas included; there are {mean.shape[1]}")
    return np.asarray((counts * mean + prior.steps * np.array(prior.mean)) / (counts + prior.steps))


def _scale(spread: Values, deviation: bool) -> Values:
    return np.where(spread == 0, 1, spread) if deviation else np.ones_like(spread)


def _delta(joined: Joined, reach: int) -> Values:
    if reach < 1:
        raise ValueError(f"reach must be at least 1, the steps to each side; it is {reach}")
    values, here = joined.values, np.arange(len(joined.values))
    first, last = joined.spread(joined.first), joined.spread(joined.first + joined.counts - 1)
    total = sum(
        n * (values[np.minimum(here + n, last)] - values[np.maximum(here - n, first)]) for n in range(1, reach + 1)
    )
    return np.asarray(total / (2 * sum(n * n for n in range(1, reach + 1))))


def _with_deltas(joined: Joined, orders: int, reach: int) -> Values:
    parts = [joined.values]
    for _ in range(orders):
        parts.append(_delta(joined._replace(values=parts[-1]), reach))
    return np.concatenate(parts, axis=1)


def _stacked(joined: Joined, frames: int) -> Joined:
    if frames < 1:
        raise ValueError(f"frames must be at least 1, the steps that become one; it is {frames}")
    counts = -(-joined.counts // frames)
    made = Joined(np.zeros((counts.sum(), 0)), counts)
    begin, last = made.spread(joined.first) + frames * made.place, made.spread(joined.first + joined.counts - 1)
    rows = np.minimum(begin[:, None] + np.arange(frames), last[:, None])
    return made._replace(values=joined.values[rows].reshape(len(rows), -1))
