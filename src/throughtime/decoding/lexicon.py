"""Words of a list: the exact probability of each, all in one forward recursion over their tree of prefixes.

Words that begin alike share the recursion of their beginning: it is done once for every different prefix, and for all of
them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.decoding.beam import Hypothesis
from throughtime.decoding.paths import log_probabilities

Values = NDArray[Any]

NOTHING = -1e30  # the logarithm of 0 where a difference of two of them must be a number


class _Tree(NamedTuple):
    """Prefixes, shorter ones first; 0 is the empty one."""

    last: Values  # (P,) their last labels
    parent: Values  # (P,) the prefix without it
    repeat: Values  # (P,) True if that ends with the same label
    ends: Values  # (V,) the prefix that is each word


@dataclass(frozen=True)
class Lexicon:
    """A list of words, each a string of labels, to be told apart by what CTC says of them.

    words   strings of labels; not the blank; the empty string is allowed
    blank   the output that stands for the blank

    >>> import numpy as np, throughtime as tt
    >>> words = tt.Lexicon([(1, 2), (1, 1), (2,)])
    >>> words.best(5 * np.eye(3)[[1, 0, 1]])[0].labels
    (1, 1)
    """

    words: Sequence[Sequence[int]]
    blank: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(tuple(int(label) for label in word) for word in self.words))
        if not self.words:
            raise ValueError("a lexicon needs at least one word, a string of labels")
        for word in self.words:
            if any(label < 0 or label == self.blank for label in word):
                raise ValueError(f"the word {word} has a label that is negative or the blank {self.blank}")

    @cached_property
    def _tree(self) -> _Tree:
        strings = sorted({word[:end] for word in self.words for end in range(len(word) + 1)}, key=len)
        number = {string: place for place, string in enumerate(strings)}
        last = np.array([string[-1] if string else self.blank for string in strings])
        parent = np.array([number[string[:-1]] for string in strings])
        repeat = np.array([len(string) > 1 and string[-1] == string[-2] for string in strings])
        return _Tree(last, parent, repeat, np.array([number[tuple(word)] for word in self.words]))

    def scores(self, ys: ArrayLike) -> Values:
        """log p(word | ys) of every word (V,), exactly: the sum over all its paths; about -1e30 if it has none.

        ys  (T, O) net inputs of one sequence, as `CTC` takes them

        raises  ValueError if shapes do not fit, or a word has a label that is no output
        cost    time O(T P), memory O(P + T O), with P different prefixes among the words
        """
        logs, tree = log_probabilities(ys, self.blank), self._tree
        if tree.last.max() >= logs.shape[1]:
            raise ValueError(f"the words have labels up to {tree.last.max()}; the network has {logs.shape[1]} outputs")
        blank, label = np.full(len(tree.last), NOTHING), np.full(len(tree.last), NOTHING)
        blank[0] = 0
        for log in logs:
            total = _add(blank, label)
            before = np.where(tree.repeat, blank[tree.parent], total[tree.parent])
            before[0] = NOTHING
            label = _add(label, before) + log[tree.last]
            blank = total + log[self.blank]
        return np.asarray(_add(blank, label)[tree.ends])

    def best(self, ys: ArrayLike, number: int = 1, prior: ArrayLike | None = None) -> list[Hypothesis]:
        """The most probable words, the best first.

        number  how many
        prior   (V,) what is added to each word's score, such as the logarithm of its frequency
        """
        scores = self.scores(ys) if prior is None else self.scores(ys) + np.asarray(prior)
        order = np.argsort(-scores, kind="stable")[:number]
        return [Hypothesis(tuple(self.words[place]), float(scores[place])) for place in order]


def _add(a: Values, b: Values) -> Values:
    """log(exp a + exp b): `logaddexp` without its care for infinities, several times faster."""
    return np.asarray(np.maximum(a, b) + np.log(1 + np.exp(-np.abs(a - b))))
