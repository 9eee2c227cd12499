"""Prefix beam search: the strings of highest probability, each the sum over all its paths.

For every prefix l that is kept, in logarithms:

    b_t(l) = y_t(blank) (b_{t-1}(l) + n_{t-1}(l))                                 its paths that end with a blank
    n_t(l) = y_t(last l) (n_{t-1}(l) + [repeat] b_{t-1}(k) + [else] (b_{t-1}(k) + n_{t-1}(k)))    ... with its last label

with k the prefix without its last label, "repeat" if k ends with the same label. After every step the `width` best of
log(b + n) + language go on. With all of them kept the result is exact.

Source: A. Hannun, A. Maas, D. Jurafsky, A. Ng, "First-pass large vocabulary continuous speech recognition using
bi-directional recurrent DNNs", 2014, algorithm 1; Graves, thesis 2008 (prefix search).
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.decoding.paths import log_probabilities

Values = NDArray[Any]


class Language(Protocol):
    """What is known about strings beforehand: an automaton that gives scores to labels as they come."""

    @property
    def start(self) -> Hashable:
        """The state before the first label."""

    def scores(self, state: Any) -> Values:
        """(O,): what each output adds to the logarithm if it comes next; -inf forbids it. The blank's is not looked at."""

    def after(self, state: Any, label: int) -> Any:
        """The state after that label."""

    def end(self, state: Any) -> float:
        """What is added if the string ends here; -inf forbids it."""


class Hypothesis(NamedTuple):
    """A string of labels and its score: log p(labels | ys), plus what the language adds."""

    labels: tuple[int, ...]
    score: float


@dataclass
class _Prefixes:
    """The tree of all prefixes met so far, each known by a number; 0 is the empty one."""

    language: Language | None
    outputs: int
    parent: list[int] = field(default_factory=lambda: [-1])
    last: list[int] = field(default_factory=lambda: [-1])
    score: list[float] = field(default_factory=lambda: [0.0])
    state: list[Any] = field(default_factory=list)
    ahead: dict[int, Values] = field(default_factory=dict)
    known: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state.append(self.language and self.language.start)

    def child(self, prefix: int, label: int) -> int:
        """The prefix with one more label."""
        number = self.known.setdefault((prefix, label), len(self.parent))
        if number == len(self.parent):
            self.parent.append(prefix)
            self.last.append(label)
            self.score.append(float(self.scores(prefix)[label]))
            self.state.append(self.language and self.language.after(self.state[prefix], label))
        return number

    def scores(self, prefix: int) -> Values:
        """(O,): the language's score of the prefix with each label after it."""
        if prefix not in self.ahead:
            added = np.zeros(self.outputs) if self.language is None else self.language.scores(self.state[prefix])
            if np.shape(added) != (self.outputs,):
                raise ValueError(
                    f"the language scores {np.shape(added)} labels; the network has {self.outputs} outputs"
                )
            self.ahead[prefix] = self.score[prefix] + np.asarray(added, float)
        return self.ahead[prefix]

    def whole(self, prefix: int) -> float:
        """The language's score of the prefix as a whole string."""
        return self.score[prefix] + (0.0 if self.language is None else self.language.end(self.state[prefix]))

    def labels(self, prefix: int) -> tuple[int, ...]:
        """The labels of the prefix."""
        found = []
        while prefix:
            found.append(self.last[prefix])
            prefix = self.parent[prefix]
        return tuple(reversed(found))


class _Beam(NamedTuple):
    """The prefixes kept, and the logarithms of their b and n."""

    prefixes: Values
    blank: Values
    label: Values


def ctc_beam(ys: ArrayLike, width: int = 25, language: Language | None = None, blank: int = 0) -> list[Hypothesis]:
    """The most probable strings of labels, by prefix beam search.

    score(labels) = log sum over paths of labels: prod_t softmax(y_t)_path(t)  +  language(labels)

    ys        (T, O) net inputs of one sequence, as `CTC` takes them
    width     prefixes kept after every step
    language  a `Language`, such as `LabelLanguage` or `WordLanguage`; None: none
    blank     the output that stands for the blank

    returns  at most `width` hypotheses, the best first; none if the language forbids all that were kept
    raises   ValueError if shape, width or language do not fit
    cost     time O(T width (O + log)), memory O(T width)

    >>> import numpy as np, throughtime as tt
    >>> ys = np.log([[0.6, 0.4], [0.6, 0.4]])  # the best path is two blanks, but three paths say (1,)
    >>> best = tt.ctc_beam(ys)[0]
    >>> tt.ctc_greedy(ys), best.labels, round(float(np.exp(best.score)), 2)
    ((), (1,), 0.64)
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, the number of prefixes that are kept; it is {width}")
    logs = log_probabilities(ys, blank)
    tree = _Prefixes(language, logs.shape[1])
    beam = _Beam(np.zeros(1, int), np.zeros(1), np.full(1, -np.inf))
    for log in logs:
        beam = _step(tree, beam, log, width, blank)
    whole = np.logaddexp(beam.blank, beam.label) + [tree.whole(p) for p in beam.prefixes]
    order = [i for i in np.argsort(-whole, kind="stable") if whole[i] > -np.inf]
    return [Hypothesis(tree.labels(beam.prefixes[i]), float(whole[i])) for i in order]


def _step(tree: _Prefixes, beam: _Beam, log: Values, width: int, blank: int) -> _Beam:
    """One time step: every prefix stays or grows by a label; the best go on."""
    total, last = np.logaddexp(beam.blank, beam.label), np.array([tree.last[p] for p in beam.prefixes])
    grown = total[:, None] + log
    own = np.flatnonzero(last >= 0)
    grown[own, last[own]] = beam.blank[own] + log[last[own]]  # a repeat is a new label only after a blank
    grown[:, blank] = -np.inf
    stay_blank, stay_label = total + log[blank], np.where(last >= 0, beam.label + log[last], -np.inf)
    place = {p: i for i, p in enumerate(beam.prefixes.tolist())}
    for i in own:
        above = place.get(tree.parent[beam.prefixes[i]])
        if above is not None:  # what its parent grows into is this very prefix
            stay_label[i] = np.logaddexp(stay_label[i], grown[above, last[i]])
            grown[above, last[i]] = -np.inf
    known = np.array([tree.score[p] for p in beam.prefixes])
    ahead = np.stack([tree.scores(p) for p in beam.prefixes.tolist()])
    ranks = np.concatenate([np.logaddexp(stay_blank, stay_label) + known, (grown + ahead).ravel()])
    order = np.argsort(-ranks, kind="stable")[:width]
    order = order[ranks[order] > -np.inf]
    stay, grow = order[order < len(total)], order[order >= len(total)] - len(total)
    new = [tree.child(int(beam.prefixes[i]), int(k)) for i, k in zip(*divmod(grow, len(log)), strict=True)]
    return _Beam(
        np.concatenate([beam.prefixes[stay], np.array(new, int)]),
        np.concatenate([stay_blank[stay], np.full(len(new), -np.inf)]),
        np.concatenate([stay_label[stay], grown.ravel()[grow]]),
    )
