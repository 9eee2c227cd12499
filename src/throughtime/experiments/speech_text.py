"""From what a network says of an utterance to a text: with the words and word sequences of a list of sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from throughtime.datasets.an4 import NAMES, text_of
from throughtime.decoding import Sentences, ctc_greedy, word_error_rate

ORDERS, WEIGHTS, BONUSES = (2, 3, 4), (0.3, 0.5, 0.8), (0.0, 1.5, 3.0)


def greedy(outputs: Iterable[Any]) -> list[str]:
    """The texts of the most probable paths."""
    return [text_of(ctc_greedy(y)) for y in outputs]


def chosen(sentences: Sequence[str], outputs: Sequence[Any], texts: Sequence[str]) -> tuple[Sentences, float]:
    """The decoder with the lowest word error on these outputs, and that error in per cent."""
    first = Sentences(tuple(sentences), NAMES)
    tried = [
        replace(first, order=order, weight=weight, bonus=bonus)
        for order, weight, bonus in product(ORDERS, WEIGHTS, BONUSES)
    ]
    errors = [100 * word_error_rate(texts, decoder(outputs)) for decoder in tried]
    best = min(range(len(tried)), key=errors.__getitem__)
    return tried[best], errors[best]
