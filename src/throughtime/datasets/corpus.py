"""A corpus: labelled recordings, each with who made it and the part of the data it belongs to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[Any]
Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Corpus:
    """Labelled recordings. Nobody in `who` stands in two parts, train, validation or test.

    xs       the recordings, each (T, I)
    targets  of each: one label, a label per step (T,), or a list of labels
    who      (N,) who made it: speaker, writer; where there is only one, the sentence; where people
             are what is told apart, the recording
    parts    (N,) "train", "validation" or "test"
    names    what label k is called

    raises  ValueError if the lengths differ, or somebody stands in two parts
    """

    xs: Sequence[Values]
    targets: Sequence[Any]
    who: Values
    parts: Values
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = [len(self.xs), len(self.targets), len(self.who), len(self.parts)]
        if len(set(lengths)) > 1:
            raise ValueError(f"a corpus has recordings, targets, makers and parts for each; there are {lengths}")
        found: dict[Any, str] = {}
        for who, part in dict.fromkeys(zip(self.who.tolist(), self.parts.tolist(), strict=True)):
            if found.setdefault(who, part) != part:
                raise ValueError(f"recordings of {who!r} stand in {found[who]!r} and in {part!r}; keep them together")

    def pick(self, chosen: ArrayLike) -> "Corpus":
        """Some of the recordings: their numbers, or a truth value for each."""
        index = np.arange(len(self.xs))[np.asarray(chosen)]
        xs, targets = ([values[n] for n in index] for values in (self.xs, self.targets))
        return replace(self, xs=xs, targets=targets, who=self.who[index], parts=self.parts[index])

    def part(self, name: Part) -> "Corpus":
        """The recordings of one part."""
        return self.pick(self.parts == name)

    def seen_through(self, features: Callable[[Values], Values]) -> "Corpus":
        """The same recordings, each turned into features: (T, I) to (T', I')."""
        return replace(self, xs=[features(x) for x in self.xs])

    @property
    def sequences(self) -> list[tuple[Values, Any]]:
        """The pairs (x, target) that `train` takes."""
        return list(zip(self.xs, self.targets, strict=True))


def makers_held_out(who: ArrayLike, share: float, seed: int = 0) -> Values:
    """True for all recordings of about that share of the people, drawn at random: who to validate with.

    >>> makers_held_out(["ann", "bob", "ann", "eve"], 0.3).tolist()
    [False, False, False, True]
    """
    people = np.unique(np.asarray(who))
    count = max(1, round(share * len(people)))
    chosen = np.random.default_rng(seed).permutation(people)[:count]
    return np.isin(np.asarray(who), chosen)
