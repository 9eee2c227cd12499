"""Sentences for speech: words and what follows what, both counted in a list of sentences."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from throughtime.checks import is_number, is_whole, quoted
from throughtime.decoding.beam import Hypothesis, ctc_beam
from throughtime.decoding.language import NGram, WordLanguage

SPACE = " "
MOST_ORDER, MOST_WIDTH = 20, 100_000


@dataclass(frozen=True)
class Sentences:
    """The most probable sentences of words that stand in known ones, by beam search.

    sentences  texts, from which words and n-grams of words are counted
    names      of the labels: a character each, and " " between words; the blank's is not looked at
    order      of the n-gram
    weight     of its logarithm beside the network
    bonus      for each word
    width      prefixes kept
    blank      the output that stands for the blank

    raises  ValueError if no label is called " ", or a sentence has a character that no label is called

    >>> import numpy as np
    >>> known = Sentences(("ON GO", "NO"), ("", " ", "G", "N", "O"), order=2)
    >>> known([5 * np.eye(5)[[2, 4, 0, 1, 4, 3]]])  # G O blank space O N
    ['GO ON']
    """

    sentences: tuple[str, ...]
    names: tuple[str, ...]
    order: int = 3
    weight: float = 0.5
    bonus: float = 0.0
    width: int = 16
    blank: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", tuple(self.sentences))
        object.__setattr__(self, "names", tuple(self.names))
        if not all(isinstance(text, str) for text in (*self.sentences, *self.names)):
            raise ValueError("sentences and the names of labels are texts")
        if not is_whole(self.order, 1, MOST_ORDER) or not is_whole(self.width, 1, MOST_WIDTH):
            raise ValueError(
                f"the order of an n-gram is 1 to {MOST_ORDER} and the width of a beam 1 to {MOST_WIDTH}, not {quoted(self.order)} "
                f"and {quoted(self.width)}"
            )
        if not is_number(self.weight) or not is_number(self.bonus):
            raise ValueError(f"weight and bonus must be numbers, not {quoted(self.weight)} and {quoted(self.bonus)}")
        if SPACE not in self.names:
            raise ValueError(f"sentences need a label that is called {SPACE!r}; there are {', '.join(self.names)}")

    @cached_property
    def language(self) -> WordLanguage:
        """Its words, each spelled, and what follows what."""
        said = [text.split() for text in self.sentences]
        words: dict[Hashable, Sequence[int]] = {
            word: spelled(word, self.names, self.blank) for word in sorted({w for text in said for w in text})
        }
        model = NGram(said, self.order)
        return WordLanguage(words, self.names.index(SPACE), len(self.names), model, self.weight, self.bonus)

    def best(self, ys: ArrayLike, number: int = 1) -> list[Hypothesis]:
        """The most probable sentences, at most `number`, the best first; none if the beam has kept no whole one."""
        return ctc_beam(ys, max(self.width, number), self.language, self.blank)[:number]

    def __call__(self, outputs: Iterable[ArrayLike]) -> list[str]:
        """The text of each (T, O); nothing where no sentence was left in the beam."""
        return ["".join(self.names[label] for one in self.best(ys) for label in one.labels) for ys in outputs]

    @property
    def settings(self) -> dict[str, Any]:
        """What a model's file holds of it (`Model.settings["decoder"]`), beside the names of its labels."""
        own = {"order": self.order, "weight": self.weight, "bonus": self.bonus, "width": self.width}
        return own | {"sentences": list(self.sentences)}

    @classmethod
    def of(cls, settings: Mapping[str, Any], names: Sequence[str], blank: int = 0) -> "Sentences":
        """The one that `settings` tells of."""
        known = {field.name for field in fields(cls)} - {"names", "blank"}
        if not isinstance(settings, Mapping) or set(settings) - known or "sentences" not in settings:
            raise ValueError(f"the settings of a decoder are sentences, with or without {', '.join(sorted(known))}")
        if not isinstance(settings["sentences"], list | tuple):
            raise ValueError(
                f"the sentences of a decoder are a list of texts, not {type(settings['sentences']).__name__}"
            )
        return cls(**settings, names=tuple(map(str, names)), blank=blank)


def spelled(word: str, names: Sequence[str], blank: int = 0) -> tuple[int, ...]:
    """The labels of a word, one for each of its characters.

    raises  ValueError if a character is no label's name

    >>> spelled("no", ("", "n", "o"))
    (1, 2)
    """
    known = {str(name): label for label, name in enumerate(names) if label != blank}
    for character in word:
        if character not in known:
            raise ValueError(f"the word {word!r} has {character!r}; the labels are called {''.join(known)!r}")
    return tuple(known[character] for character in word)
