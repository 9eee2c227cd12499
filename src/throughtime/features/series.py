"""From a series of measurements to what a network hears, as the settings in its file say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Values
from throughtime.features.speech import SpeechFeatures

KIND = "series"


def series_input(case: ArrayLike, settings: Mapping[str, Any]) -> Values:
    """What a network takes for one series: (T, I), its gaps filled, from the settings in its file.

    case      (T, C), NaN where nothing was measured
    settings  `model.settings["features"]`: coefficients C, and `SpeechFeatures.settings`

    raises  ValueError if it is no such series, or has a channel without any value

    >>> settings = SpeechFeatures(deltas=1, normalised=False).settings(KIND, 2)
    >>> series_input([[1, 0], [np.nan, 1], [3, 2]], settings)[:, 0].tolist()
    [1.0, 2.0, 3.0]
    """
    values = np.asarray(case, np.float64)
    wanted = settings.get("coefficients")
    if values.ndim != 2 or values.shape[1] != wanted or not len(values):
        raise ValueError(f"a series has shape {values.shape}; this model hears (steps, {wanted}), a step at least")
    return SpeechFeatures.of(settings)([_filled(values)])[0]


def _filled(values: Values) -> Values:
    """Gaps lie on the line between their ends; before the first value and after the last it stays."""
    made, steps = values.copy(), np.arange(len(values))
    for channel in range(values.shape[1]):
        known = np.isfinite(values[:, channel])
        if not known.any():
            raise ValueError(f"channel {channel + 1} of a series has no value at any step; leave the series out")
        made[:, channel] = np.interp(steps, steps[known], values[known, channel])
    return made
