"""Languages for the beam: n-grams of labels, and words of a list with n-grams of words.

n-grams are smoothed as Witten and Bell have it: what was seen after a history h, and how many different things were,

    p(w | h) = (count(h w) + kinds(h) p(w | h without its first)) / (count(h) + kinds(h)),    at last 1 / vocabulary
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Tokens = tuple[Hashable, ...]

END = None  # the token after the last one, and before the first


@dataclass(frozen=True, eq=False)
class NGram:
    """The probability of a token after those before it, counted in sentences and smoothed (Witten & Bell 1991).

    sentences  lists of tokens: labels, or words
    order      tokens it looks at, with the one that is predicted: 2 for a bigram
    tokens     all that may come, if the sentences do not hold them all

    >>> model = NGram([("one", "two"), ("one", "three")], order=2)
    >>> round(model.probability(("one",), "two"), 3), round(model.probability((), "one"), 3)
    (0.35, 0.3)
    """

    sentences: Sequence[Sequence[Hashable]]
    order: int = 2
    tokens: Iterable[Hashable] = ()

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"an n-gram has an order of at least 1, not {self.order}")
        object.__setattr__(self, "sentences", tuple(tuple(sentence) for sentence in self.sentences))
        object.__setattr__(self, "tokens", tuple(self.tokens))

    @cached_property
    def vocabulary(self) -> frozenset[Hashable]:
        """All that may come; `END` is one of it."""
        return frozenset({END, *self.tokens, *(token for sentence in self.sentences for token in sentence)})

    @cached_property
    def _counts(self) -> dict[Tokens, Counter[Hashable]]:
        counts: dict[Tokens, Counter[Hashable]] = defaultdict(Counter)
        for sentence in self.sentences:
            whole = (*self.start, *sentence, END)
            for place in range(self.order - 1, len(whole)):
                for back in range(self.order):
                    counts[whole[place - back : place]][whole[place]] += 1
        return dict(counts)

    @cached_property
    def _found(self) -> dict[tuple[Tokens, Hashable], float]:
        return {}

    @property
    def start(self) -> Tokens:
        """The history before the first token."""
        return (END,) * (self.order - 1)

    def after(self, history: Tokens, token: Hashable) -> Tokens:
        """The history after one more token."""
        return (*history, token)[1:] if self.order > 1 else ()

    def probability(self, history: Tokens, token: Hashable) -> float:
        """p(token | history); shorter histories than `order` - 1 are what they are, longer ones are cut."""
        if token not in self.vocabulary:
            raise ValueError(f"the n-gram does not know {token!r}; give it in tokens=")
        return self._probability(tuple(history)[max(0, len(history) - self.order + 1) :], token)

    def _probability(self, history: Tokens, token: Hashable) -> float:
        key = (history, token)
        if key not in self._found:
            below = self._probability(history[1:], token) if history else 1 / len(self.vocabulary)
            seen = self._counts.get(history)
            if seen:
                below = (seen[token] + len(seen) * below) / (seen.total() + len(seen))
            self._found[key] = below
        return self._found[key]


@dataclass(frozen=True, eq=False)
class LabelLanguage:
    """An n-gram of labels for `ctc_beam`: adds weight * log p(label | those before) + bonus for every label.

    model    an `NGram` whose tokens are labels
    outputs  of the network; labels that the model does not know are forbidden
    weight   of the language beside the network
    bonus    for each label, against the short strings that a language prefers

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.decoding import LabelLanguage, NGram
    >>> ys = np.array([[0, 3.0, 2.9], [5.0, 0, 0], [0, 2.9, 3.0]])
    >>> tt.ctc_beam(ys)[0].labels, tt.ctc_beam(ys, language=LabelLanguage(NGram([(2, 1)]), 3))[0].labels
    ((1, 2), (2, 1))
    """

    model: NGram
    outputs: int
    weight: float = 1.0
    bonus: float = 0.0

    @property
    def start(self) -> Tokens:
        """The history before the first label."""
        return self.model.start

    def scores(self, state: Tokens) -> Values:
        """(O,) weight * log p + bonus of every label."""
        made = np.full(self.outputs, -np.inf)
        labels = [label for label in self.model.vocabulary if label is not END]
        said = [log(self.model.probability(state, label)) for label in labels]
        made[np.array(labels, int)] = self.weight * np.array(said) + self.bonus
        return made

    def after(self, state: Tokens, label: int) -> Tokens:
        """The history with that label."""
        return self.model.after(state, label)

    def end(self, state: Tokens) -> float:
        """weight * log p(end)."""
        return self.weight * log(self.model.probability(state, END))


class _Node(dict[int, "_Node"]):
    """A beginning of words: the labels that may follow, and the word that ends here."""

    word: Hashable = None


class _Place(NamedTuple):
    """Where a sentence stands: the words before, the beginning of the next, and True if there is nothing at all yet."""

    history: Tokens
    node: int
    empty: bool


@dataclass(frozen=True, eq=False)
class WordLanguage:
    """Sentences of words of a list for `ctc_beam`: no other word can come out.

    words      {word: its labels}; two words may not have the same labels
    separator  the label between two words
    outputs    of the network
    model      an `NGram` of words; None: every word is as good
    weight     of the n-gram beside the network
    bonus      for each word

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.decoding import WordLanguage
    >>> words = WordLanguage({"ab": (1, 2), "b": (2,)}, separator=3, outputs=4)
    >>> tt.ctc_beam(3 * np.eye(4)[[1, 1, 3, 2]], language=words)[0].labels  # not (1, 3, 2): 1 is no word
    (1, 2)
    """

    words: dict[Hashable, Sequence[int]]
    separator: int
    outputs: int
    model: NGram | None = None
    weight: float = 1.0
    bonus: float = 0.0

    def __post_init__(self) -> None:
        for word, labels in self.words.items():
            if not len(labels) or self.separator in labels or not all(0 <= label < self.outputs for label in labels):
                raise ValueError(
                    f"the word {word!r} has labels {tuple(labels)}; wanted at least one, from 0 to {self.outputs - 1}, "
                    f"without the separator {self.separator}"
                )
        if len({tuple(labels) for labels in self.words.values()}) < len(self.words):
            raise ValueError("two words have the same labels; keep one of them")

    @cached_property
    def _nodes(self) -> list[_Node]:
        """All beginnings; the first is the empty one."""
        nodes = [_Node()]
        for word, labels in self.words.items():
            node = nodes[0]
            for label in labels:
                if label not in node:
                    node[label] = _Node()
                    nodes.append(node[label])
                node = node[label]
            node.word = word
        return nodes

    @cached_property
    def _number(self) -> dict[int, int]:
        return {id(node): number for number, node in enumerate(self._nodes)}

    @property
    def start(self) -> _Place:
        """No word yet, and none begun."""
        return _Place(self.model.start if self.model else (), 0, True)

    def _with(self, history: Tokens, word: Hashable) -> Tokens:
        return self.model.after(history, word) if self.model else ()

    def _score(self, history: Tokens, word: Hashable) -> float:
        return self.weight * log(self.model.probability(history, word)) if self.model else 0.0

    def scores(self, state: _Place) -> Values:
        """(O,): 0 for labels that go on with a word, the word's score for the separator after one, else -inf."""
        node, made = self._nodes[state.node], np.full(self.outputs, -np.inf)
        made[list(node)] = 0
        if node.word is not None:
            made[self.separator] = self._score(state.history, node.word) + self.bonus
        return made

    def after(self, state: _Place, label: int) -> _Place:
        """Further on in the word, or before the next one."""
        node = self._nodes[state.node]
        if label != self.separator:
            return _Place(state.history, self._number[id(node[label])], False)
        return _Place(self._with(state.history, node.word), 0, False)

    def end(self, state: _Place) -> float:
        """The score of the last word and of the sentence's end there; -inf within a word or after a separator."""
        word = self._nodes[state.node].word
        if state.empty:
            return self._score(state.history, END)
        if word is None:
            return -np.inf
        return self._score(state.history, word) + self.bonus + self._score(self._with(state.history, word), END)
