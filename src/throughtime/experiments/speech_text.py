"""From what a network says of an utterance to a text: with the words and word sequences of a list of sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from throughtime.datasets.an4 import NAMES, text_of
from throughtime.decoding import Sentences, ctc_greedy, word_error_rate

ORDERS, WEIGHTS, BONUSES = (2, 3, 4), (0.3, 0.5, 0.8), (0.0, 1.5, 3.0)


def greedy(outputs: Iterable[Any]) -> list[str]:
    """The texts of the most probable paths."""
    return [text_of(ctc_greedy(y)) for y in outputs]


@dataclass(frozen=True)
class Decoder:
    """The most probable sentence of words that stand in `sentences`, by beam search.

    sentences  texts, from which words and n-grams of words are counted
    order      of the n-gram
    weight     of its logarithm beside the network
    bonus      for each word
    width      prefixes kept

    >>> import numpy as np
    >>> Decoder(("GO ON", "NO"), order=2)([5 * np.eye(28)[[8, 16, 0, 16, 15]]])  # G O blank O N
    ['GO ON']
    """

    sentences: tuple[str, ...]
    order: int
    weight: float = 0.5
    bonus: float = 0.0
    width: int = 16

    @cached_property
    def known(self) -> Sentences:
        """The words and sentences, in the characters of an4."""
        return Sentences(self.sentences, NAMES, self.order, self.weight, self.bonus, self.width)

    def __call__(self, outputs: Iterable[Any]) -> list[str]:
        """The text of each (T, O); nothing where no sentence was left in the beam."""
        return [self._text(y) for y in outputs]

    def _text(self, ys: Any) -> str:
        found = self.known.best(ys)
        return text_of(found[0].labels) if found else ""

    @property
    def settings(self) -> dict[str, Any]:
        """What a file holds of it."""
        return self.known.settings


def chosen(sentences: Sequence[str], outputs: Sequence[Any], texts: Sequence[str]) -> tuple[Decoder, float]:
    """The decoder with the lowest word error on these outputs, and that error in per cent."""
    first = Decoder(tuple(sentences), ORDERS[0])
    tried = [
        replace(first, order=order, weight=weight, bonus=bonus)
        for order, weight, bonus in product(ORDERS, WEIGHTS, BONUSES)
    ]
    errors = [100 * word_error_rate(texts, decoder(outputs)) for decoder in tried]
    best = min(range(len(tried)), key=errors.__getitem__)
    return tried[best], errors[best]
