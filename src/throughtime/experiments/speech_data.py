"""Utterances for a network: what it hears of them, and how they are changed from epoch to epoch."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from throughtime.datasets.an4 import MADE, Spoken, text_of
from throughtime.datasets.corpus import Corpus
from throughtime.features import Cepstrum, SpeechChanges, SpeechFeatures, Values
from throughtime.models.each import run_each
from throughtime.sequences import inputs_of

FRAMES = 2  # that become one step
INPUTS = 39 * FRAMES
FEATURES = SpeechFeatures(deltas=2, normalised=True, frames=FRAMES)
SETTINGS = FEATURES.settings(**MADE)
CEPSTRUM = Cepstrum(filters=40, lifter=0, energy=False)


def speech_features(x: Values) -> Values:
    """What a network hears of an utterance: (T, 13) to (ceil(T / 2), 78)."""
    return FEATURES([x])[0]


@dataclass(frozen=True)
class UtteranceAugmentation:
    """Augmentation: utterances at another speed, of another vocal tract, with masks; some of other words of the speaker.

    speed, mel     the most that the logarithms of speed and of mel frequency are changed
    masks, width   how many stretches are hidden, and of how many frames at most
    anew           share of utterances that are put together anew
    """

    speed: float = 0.2
    mel: float = 0.2
    masks: int = 3
    width: int = 20
    anew: float = 0.3

    def __call__(
        self, xs: list[Values], targets: list[Spoken], rng: np.random.Generator
    ) -> tuple[list[Values], list[list[int]]]:
        """What is heard of the changed utterances, and their labels."""
        said = respoken(xs, targets, rng, self.anew)
        changes = SpeechChanges(self.mel, self.speed, self.masks, self.width, 1 / 8, CEPSTRUM)
        return FEATURES(changes([x for x, _ in said], rng)), [labels for _, labels in said]


def respoken(
    xs: list[Values], targets: list[Spoken], rng: np.random.Generator, share: float, longest: int = 560
) -> list[tuple[Values, list[int]]]:
    """The utterances and their labels, a share of them replaced: as many words, drawn from all that the speaker says.

    longest  frames from which on no further word is put in
    """
    places: dict[str, list[tuple[int, int]]] = {}
    for number, spoken in enumerate(targets):
        places.setdefault(spoken.speaker, []).extend((number, place) for place in range(len(spoken.words)))
    made = []
    for x, spoken in zip(xs, targets, strict=True):
        pair = x, spoken.labels
        if rng.random() < share:
            own = places[spoken.speaker]
            drawn = [own[k] for k in rng.integers(0, len(own), max(2, len(spoken.words)))]
            anew = _joined(xs, targets, drawn, longest)
            pair = anew if _fits(*anew) else pair
        made.append(pair)
    return made


def _joined(
    xs: list[Values], targets: list[Spoken], drawn: list[tuple[int, int]], longest: int
) -> tuple[Values, list[int]]:
    """These words (utterance, place) one after the other, between the silence before the first and that after the last."""
    taken: list[tuple[int, int]] = []
    frames = 0
    for number, place in drawn:
        begin, end = targets[number].times[place]
        if taken and frames + end - begin > longest:
            break
        taken.append((number, place))
        frames += end - begin
    first, last = taken[0][0], taken[-1][0]
    parts = [xs[n][slice(*targets[n].times[place])] for n, place in taken]
    whole = [xs[first][: targets[first].times[0][0]], *parts, xs[last][targets[last].times[-1][1] :]]
    words = tuple(targets[n].words[place] for n, place in taken)
    return np.concatenate(whole), Spoken("", words, ()).labels


def _fits(x: Values, labels: list[int]) -> bool:
    """True if CTC has a step for each label and a blank between equal ones, even if it is spoken faster."""
    needed = len(labels) + sum(a == b for a, b in pairwise(labels))
    return len(x) > 1.5 * FRAMES * needed


class Pairs(NamedTuple):
    """Utterances of the corpus, as they are heard, with texts."""

    xs: list[Values]
    labels: list[list[int]]
    texts: list[str]

    @staticmethod
    def of(corpus: Corpus) -> "Pairs":
        """The utterances, unchanged."""
        labels = [spoken.labels for spoken in corpus.targets]
        return Pairs([speech_features(x) for x in corpus.xs], labels, [text_of(own) for own in labels])

    def said(self, network: Any, weights: Any) -> list[Values]:
        """What the network says of each: (T, O)."""
        return list(run_each(network, weights, [inputs_of(network, x) for x in self.xs]))
