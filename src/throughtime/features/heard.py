"""From a sound to what a network hears, as the settings in its file say."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from throughtime.checks import is_whole, quoted
from throughtime.features.joined import Values
from throughtime.features.sound import RATES, check_filters, mfcc, resample
from throughtime.features.speech import SpeechFeatures

MADE = ("coefficients", "filters", "low", "high", "energy")  # what `sound.mfcc` is told


def sound_input(samples: ArrayLike, rate: int, settings: Mapping[str, Any]) -> Values:
    """What a network takes for one sound: (T, I), from the settings in its file.

    samples   (N,) from -1 to 1
    rate      samples per second; if the model hears another number, it is turned into that
    settings  `model.settings["features"]`: rate, what `sound.mfcc` is told, and `SpeechFeatures.settings`

    raises  ValueError if they are not of sound, the model hears higher tones than the sound can hold, or it is too short
    cost    O(N log N)

    >>> import numpy as np
    >>> settings = SpeechFeatures(deltas=1, frames=2).settings(rate=8000)
    >>> sound_input(np.sin(np.arange(16000)), 16000, settings).shape
    (49, 52)
    """
    features, told = heard_sound(settings)
    wanted = settings["rate"]
    high = settings.get("high") or wanted / 2
    if high > rate / 2:
        raise ValueError(
            f"the sound has {rate} samples per second, too few for a model that hears tones up to {high:g} Hz; "
            f"record it with {wanted}"
        )
    return features([mfcc(resample(samples, rate, wanted), wanted, **told)])[0]


def heard_sound(settings: Mapping[str, Any]) -> tuple[SpeechFeatures, dict[str, Any]]:
    """The features that settings tell of, and what `sound.mfcc` is told; a ValueError says what is wrong with them."""
    if settings.get("kind") != "mfcc" or "rate" not in settings:
        raise ValueError(f"these features are not of sound at a known rate: they say {quoted(list(settings))}")
    if not is_whole(settings["rate"], *RATES):
        raise ValueError(
            f"the rate must be from {RATES[0]} to {RATES[1]} samples per second, not {quoted(settings['rate'])}"
        )
    told = {name: settings[name] for name in MADE if name in settings}
    check_filters(**told)
    return SpeechFeatures.of(settings), told
