"""What a network hears of speech: which features it has, made of MFCC in one go, and what a model's file says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from throughtime.checks import is_number, is_whole, quoted
from throughtime.features.deltas import with_deltas_each
from throughtime.features.joined import Values, join
from throughtime.features.means import Prior, normalise_each
from throughtime.features.steps import stack_each, trim_each


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
        joined = join(xs) if self.silence is None else trim_each(join(xs), self.silence)
        joined = joined._replace(values=with_deltas_each(joined, self.deltas, 2))
        if self.normalised:
            joined = joined._replace(values=normalise_each(joined, self.normalised is True, self.prior))
        joined = joined._replace(values=joined.values.astype(np.float32))
        return (stack_each(joined, self.frames) if self.frames > 1 else joined).split()

    def settings(self, kind: str = "mfcc", coefficients: int = 13, **made: Any) -> dict[str, Any]:
        """What a model's file says of them (`Model.settings["features"]`), so that it can be used on other recordings.

        kind          of what is turned into features
        coefficients  of each step
        made          how these were made: of `mfcc`, rate=8000 and filters=26
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
