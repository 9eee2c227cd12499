"""Features: what a network sees of a recording, and small changes of it that keep its label (`features.augment`).

Arrays are (T, I), numpy in and out. Functions of many recordings take a list of them; thousands cost what one array of all their
steps costs. What draws takes a numpy `Generator`, so a seed repeats it.
"""

from throughtime.features.augment import Cepstrum, SpeechChanges, mel_warp, noise, splice, time_masks, time_warp
from throughtime.features.deltas import delta, with_deltas
from throughtime.features.joined import Values
from throughtime.features.means import Prior, normalise
from throughtime.features.speech import SpeechFeatures
from throughtime.features.steps import stack, trim

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
