"""Augmentation of recordings: changes that keep the label. Every function takes many recordings, each (T, I), at once.

Each recording has its own draw. What speakers and rooms change in speech: speed, the length of the vocal tract, noise; and
stretches that are not heard at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Joined, Values, join, spread_of

Recordings = Sequence[ArrayLike]


def time_warp(xs: Recordings, rng: np.random.Generator, strength: float = 0.1) -> list[Values]:
    """Recordings faster or slower, linearly interpolated: round(T f) steps, log f ~ uniform(-strength, strength).

    >>> time_warp([[[0.0], [1.0], [2.0]]], np.random.default_rng(0), 0.0)[0].tolist()
    [[0.0], [1.0], [2.0]]
    """
    joined = join(xs)
    factor = np.exp(rng.uniform(-strength, strength, len(joined.counts)))
    return _as_long(joined, np.maximum(1, np.rint(joined.counts * factor)).astype(int)).split()


def _as_long(joined: Joined, counts: Values) -> Joined:
    """Every recording in so many steps, linearly interpolated."""
    made = Joined(np.zeros((counts.sum(), 0)), counts)
    place = made.place * made.spread((joined.counts - 1) / np.maximum(counts - 1, 1))
    low = np.minimum(place.astype(int), made.spread(joined.counts - 1))
    high, part = np.minimum(low + 1, made.spread(joined.counts - 1)), (place - low)[:, None]
    begin = made.spread(joined.first)
    return made._replace(values=(1 - part) * joined.values[begin + low] + part * joined.values[begin + high])


def splice(xs: Recordings, labels: ArrayLike, rng: np.random.Generator, share: float = 0.5) -> list[Values]:
    """Recordings put together of two with the same label: the beginning of one, the end of the other.

        y(t) = x(t) on one side of the cut,  z(t) - mean of z + mean of x on the other

    Where people say the same, what is left of a voice after the mean is taken from it no longer tells what follows.

    labels  (N,); z is another recording with the label of x, or x itself if there is none, in as many steps as x, linearly
            interpolated
    share   of the recordings that are put together; the cut lies at uniform(0.25, 0.75) of the steps

    raises  ValueError if there is not one label for each recording

    >>> made = splice([np.zeros((9, 1)), np.arange(3.0)[:, None]], [5, 5], np.random.default_rng(0), 1.0)
    >>> [x.shape for x in made]
    [(9, 1), (3, 1)]
    """
    labels = np.asarray(labels)
    if labels.shape != (len(xs),):
        raise ValueError(f"splice needs a label for each of {len(xs)} recordings; labels have the shape {labels.shape}")
    joined = join(xs)
    partner = _partners(labels, rng)
    other = _as_long(join([xs[n] for n in partner]), joined.counts)
    other_values = other.values + joined.spread(joined.mean(joined.values) - other.mean(other.values))
    cut = np.rint(rng.uniform(0.25, 0.75, len(xs)) * joined.counts)
    spliced, first = rng.random(len(xs)) < share, rng.random(len(xs)) < 0.5
    taken = joined.spread(spliced) & ((joined.place < joined.spread(cut)) == joined.spread(first))
    return joined._replace(values=np.where(taken[:, None], other_values, joined.values)).split()


def _partners(labels: Values, rng: np.random.Generator) -> Values:
    """(N,) for each recording another one with its label, or itself if there is none; every one is the partner of one."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    last = np.flatnonzero(np.append(labels[order[1:]] != labels[order[:-1]], True))
    following = np.roll(order, -1)
    following[last] = order[np.append(0, last[:-1] + 1)]
    partner = np.empty_like(order)
    partner[order] = following
    return partner


def time_masks(
    xs: Recordings, rng: np.random.Generator, number: int = 2, width: int = 10, share: float = 1.0
) -> list[Values]:
    """Up to `number` stretches of 0 to `width` steps set to each feature's mean (Park et al., SpecAugment, 2019).

    share  of the recording, which none of them exceeds
    """
    joined = join(xs)
    hidden, place = np.zeros(len(joined.values), bool), joined.place
    for _ in range(number):
        long = rng.integers(0, np.minimum(width, (share * joined.counts).astype(int)) + 1)
        begin = rng.integers(0, joined.counts - long + 1)
        hidden |= (place >= joined.spread(begin)) & (place < joined.spread(begin + long))
    mean = joined.spread(joined.mean(joined.values))
    return joined._replace(values=np.where(hidden[:, None], mean, joined.values)).split()


def noise(xs: Recordings, rng: np.random.Generator, strength: float = 0.1) -> list[Values]:
    """Normal noise on every number, its deviation `strength` times that of the feature over the recording.

    To be put on features, after their deltas: the deltas of noise are larger than those of speech.
    """
    joined = join(xs)
    drawn = rng.standard_normal(joined.values.shape)
    return joined._replace(values=joined.values + strength * joined.spread(spread_of(joined)[1]) * drawn).split()


@dataclass(frozen=True)
class Cepstrum:
    """How mel cepstra were made of the logarithms m of what the filters hear, as far as a warp must know.

        c_k = L_k sum over filters j of C_kj m_j        L_k = 1 + lifter / 2 sin(pi k / lifter)

    filters  of the mel filter bank; C: the orthonormal discrete cosine transform of so many numbers
    lifter   0: none, L_k = 1
    energy   column 0 is the log energy of the frame, which a warp leaves alone; else it is c_0
    """

    filters: int = 26
    lifter: float = 22.0
    energy: bool = True

    def warps(self, factors: ArrayLike, coefficients: int = 13) -> Values:
        """Matrices M (N, C, C), c' = M c: filter j of the warped recording hears what filter j f heard, interpolated.

        factors  (N,) f, above 1 for a longer vocal tract; filters beyond the last hear what the last one does
        """
        k, centres = np.arange(coefficients), np.arange(self.filters) + 0.5
        cosines = (
            np.cos(np.pi / self.filters * k[:, None] * centres) * np.sqrt(np.where(k, 2, 1) / self.filters)[:, None]
        )
        places = np.clip(centres * np.asarray(factors, float)[:, None] - 0.5, 0, self.filters - 1)
        low = np.minimum(places.astype(int), self.filters - 2)
        part = places - low
        heard = (1 - part) * cosines[:, low] + part * cosines[:, low + 1]
        lift = 1 + self.lifter / 2 * np.sin(np.pi * k / self.lifter) if self.lifter else np.ones(coefficients)
        made = np.einsum("kj,cnj->nkc", cosines, heard) * lift[:, None] / lift
        if self.energy:  # c_0, the same in all filters, changes no other coefficient
            made[:, 0], made[:, :, 0] = 0, 0
            made[:, 0, 0] = 1
        return np.asarray(made)


AS_AUDIO = Cepstrum()


def mel_warp(
    xs: Recordings, rng: np.random.Generator, strength: float = 0.1, cepstrum: Cepstrum = AS_AUDIO
) -> list[Values]:
    """Mel cepstra as of longer or shorter vocal tracts: one f for each recording, log f ~ uniform(-strength, strength).

        c'(t) = M c(t)      M: back to the filters, each hears what filter j f heard, and to cepstra again

    cepstrum  how they were made; by default as by `mfcc`

    Source: in the place of N. Jaitly, G. Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition",
    2013, which warps the frequencies of the spectrum; here, the mel filters.
    """
    joined = join(xs)
    factors = np.exp(rng.uniform(-strength, strength, len(joined.counts)))
    warps = cepstrum.warps(factors, joined.values.shape[1])
    return [x @ warp.T for x, warp in zip(joined.split(), warps, strict=True)]


@dataclass(frozen=True)
class SpeechChanges:
    """Augmentation of recordings of MFCC: every one warped in frequency and time, and masked, differently.

    tract     strength of `mel_warp`
    speed     strength of `time_warp`
    masks     number of `time_masks`, of `width` steps and that `share` of the recording at most
    cepstrum  how the MFCC were made

    returns, when called with recordings and a generator, the changed recordings; 0 leaves a change out

    >>> changed = SpeechChanges()([np.ones((40, 13))], np.random.default_rng(0))
    >>> changed[0].shape[1]
    13
    """

    tract: float = 0.1
    speed: float = 0.15
    masks: int = 2
    width: int = 5
    share: float = 0.25
    cepstrum: Cepstrum = AS_AUDIO

    def __call__(self, xs: Recordings, rng: np.random.Generator) -> list[Values]:
        """The changed recordings."""
        changed: Any = xs
        if self.tract:
            changed = mel_warp(changed, rng, self.tract, self.cepstrum)
        if self.speed:
            changed = time_warp(changed, rng, self.speed)
        if self.masks:
            changed = time_masks(changed, rng, self.masks, self.width, self.share)
        return list(changed)
