"""Spoken words for a network: the questions, what it hears, and how recordings are changed from epoch to epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from throughtime.datasets import an4, fsdd, vowels
from throughtime.datasets.corpus import Corpus
from throughtime.features import (
    Cepstrum,
    Prior,
    SpeechChanges,
    SpeechFeatures,
    Values,
    noise,
    normalise,
    splice,
    trim,
)
from throughtime.models.columns import Column, columns_of, standardise

MARGIN = 3  # frames before and after a word of an4
SILENCE = 8.0  # of fsdd, see `trim`: 35 dB
PRIOR = 20  # frames of the usual mean, of fsdd, where half a second is a word


@dataclass(frozen=True)
class ScaledFeatures:
    """What a network hears of recordings.

    features  as told
    columns   what is taken from each of them and by what they are divided; none: they are normalised already
    """

    features: SpeechFeatures
    columns: tuple[Column, ...] = ()

    def __call__(self, xs: Sequence[Values]) -> list[Values]:
        """Of each recording (T, I) the features (T / frames, ...)."""
        seen = self.features(xs)
        return [standardise(x, self.columns).astype(np.float32) for x in seen] if self.columns else seen


@dataclass(frozen=True)
class WordAugmentation:
    """Augmentation: what is heard of changed recordings, with noise, a share of them put together of two; the targets stay."""

    changes: SpeechChanges
    heard: ScaledFeatures
    noise: float
    spliced: float = 0.0

    def __call__(self, xs: list[Any], targets: list[Any], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        """(T, I) each, to features."""
        if self.spliced:
            xs = splice(xs, targets, rng, self.spliced)
        return noise(self.heard(self.changes(xs, rng)), rng, self.noise), targets


class WordQuestion(NamedTuple):
    """A question: which of the names is it?

    data      the data set that it belongs to; several tasks may be folds of one
    lengths   that sequences are padded to
    settings  what a file says of the features
    """

    data: str
    corpus: Corpus
    changed: WordAugmentation
    lengths: tuple[int, ...]
    settings: dict[str, Any]

    @property
    def heard(self) -> ScaledFeatures:
        """What a network hears."""
        return self.changed.heard

    @property
    def inputs(self) -> int:
        """How many numbers that is."""
        return self.heard([self.corpus.xs[0]])[0].shape[1]

    def pairs(self, *parts: str) -> list[tuple[Values, int]]:
        """What is heard of the recordings of these parts, and their labels."""
        chosen = self.corpus.pick(np.isin(self.corpus.parts, parts))
        return list(zip(self.heard(chosen.xs), chosen.targets, strict=True))


def tasks(quick: bool) -> dict[str, WordQuestion]:
    """Every question by its name; `quick`: a small one."""
    if quick:
        return {"japanese_vowels": _vowels()}
    folds = {f"fsdd without {speaker}": _fsdd(speaker) for speaker in fsdd.SPEAKERS}
    letters, digits = (_an4(name, names) for name, names in (("letters", an4.LETTERS), ("digits", an4.DIGITS)))
    return {**folds, "japanese_vowels": _vowels(), "an4 letters": letters, "an4 digits": digits}


def _fsdd(speaker: str) -> WordQuestion:
    """The digits of a speaker who is left out; silence is gone, which some leave around them, and in part the mean."""
    corpus = fsdd.without(speaker).seen_through(_trimmed)
    plain = SpeechFeatures(deltas=1, normalised=False)
    prior = Prior.of(plain(corpus.part("train").xs), PRIOR)
    # Prior and splices want trimmed recordings; told once more to the features, it is for sound that comes later.
    features = replace(plain, normalised="mean", frames=2, silence=SILENCE, prior=prior)
    changed = WordAugmentation(SpeechChanges(0.1, 0.4, 2, 8, 0.2), _scaled(features, corpus), 0.3, 0.5)
    return WordQuestion("fsdd", corpus, changed, (20, 32, 48, 200), features.settings(rate=8000, filters=26))


def _vowels() -> WordQuestion:
    """Who speaks is in the mean of a recording, too: nothing is normalised, and no vocal tract changed."""
    features = SpeechFeatures(deltas=1, normalised=False)
    corpus = vowels.speakers()
    changed = WordAugmentation(SpeechChanges(0.0, 0.2, 1, 3, 0.2), _scaled(features, corpus), 1.0)
    return WordQuestion("japanese_vowels", corpus, changed, (20, 36), features.settings("lpc cepstra", 12))


def _an4(name: str, names: tuple[str, ...]) -> WordQuestion:
    """Words, with mean 0 over their utterance: what is said before and after tells the room and the voice."""
    features = SpeechFeatures(deltas=2, normalised=False, frames=2)
    corpus = an4.spoken_words(names, _centred, MARGIN)
    changed = WordAugmentation(
        SpeechChanges(0.1, 0.2, 2, 6, 0.2, Cepstrum(40, 0, False)), _scaled(features, corpus), 0.3
    )
    return WordQuestion(
        f"an4 {name}", corpus, changed, (18, 32, 80), features.settings("mfcc of a word in an utterance")
    )


def _trimmed(x: Values) -> Values:
    return trim(x, SILENCE)


def _centred(x: Values) -> Values:
    return normalise(x, deviation=False)


def _scaled(features: SpeechFeatures, corpus: Corpus) -> ScaledFeatures:
    """With the mean and the deviation of all that is trained with."""
    rows = np.concatenate(features(corpus.part("train").xs))
    return ScaledFeatures(features, columns_of(rows, range(rows.shape[1])))
