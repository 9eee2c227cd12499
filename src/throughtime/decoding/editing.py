"""Error rates: how many insertions, deletions and substitutions turn what was answered into what was wanted."""

from collections.abc import Hashable, Sequence

import numpy as np


def edit_distance(wanted: Sequence[Hashable], given: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions between two strings (Levenshtein 1966).

    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [wanted_i != given_j]);  time O(n m), memory O(m)

    >>> edit_distance("kitten", "sitting")
    3
    """
    codes: dict[Hashable, int] = {}
    other = np.array([codes.setdefault(token, len(codes)) for token in given], int)
    along = np.arange(len(given) + 1)
    row = along.copy()
    for token in wanted:
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + (other != codes.get(token, -1)))
        row = np.minimum.accumulate(best - along) + along  # insertions: one more with every step to the right
    return int(row[-1])


def alignment(wanted: Sequence[Hashable], given: Sequence[Hashable]) -> list[tuple[Hashable | None, Hashable | None]]:
    """What became of every token, by the fewest edits: pairs (wanted, given), None where there is none.

    Of several ways the one that substitutes latest. Time and memory O(n m).

    >>> alignment("NINETEEN", "NINTEN")
    [('N', 'N'), ('I', 'I'), ('N', 'N'), ('E', None), ('T', 'T'), ('E', None), ('E', 'E'), ('N', 'N')]
    """
    edits = np.zeros((len(wanted) + 1, len(given) + 1), int)
    edits[:, 0], edits[0] = np.arange(len(wanted) + 1), np.arange(len(given) + 1)
    for i, j in np.ndindex(len(wanted), len(given)):
        edits[i + 1, j + 1] = min(edits[i, j + 1] + 1, edits[i + 1, j] + 1, edits[i, j] + (wanted[i] != given[j]))
    pairs: list[tuple[Hashable | None, Hashable | None]] = []
    i, j = len(wanted), len(given)
    while i or j:
        if i and j and edits[i, j] == edits[i - 1, j - 1] + (wanted[i - 1] != given[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((wanted[i], given[j]))
        elif i and edits[i, j] == edits[i - 1, j] + 1:
            i -= 1
            pairs.append((wanted[i], None))
        else:
            j -= 1
            pairs.append((None, given[j]))
    return pairs[::-1]


def label_error_rate(wanted: Sequence[Sequence[Hashable]], given: Sequence[Sequence[Hashable]]) -> float:
    """Edits per wanted label, over all strings together; of texts (str) the character error rate.

    wanted, given  strings of labels, or texts, one for each sequence

    returns  sum of edit distances / sum of wanted lengths; it may be above 1
    raises   ValueError if the numbers of strings differ, or nothing is wanted

    >>> label_error_rate(["abc", "d"], ["abd", "d"])
    0.25
    """
    if len(wanted) != len(given):
        raise ValueError(f"{len(wanted)} strings are wanted, but {len(given)} were given; give one for each")
    length = sum(map(len, wanted))
    if not length:
        raise ValueError("no label is wanted in any string, so there is no error rate")
    return sum(map(edit_distance, wanted, given)) / length


def word_error_rate(wanted: Sequence[str], given: Sequence[str]) -> float:
    """Edits per wanted word, over all texts together; words are what stands between blanks.

    >>> word_error_rate(["go to ten", "stop"], ["go ten", "stop it"])
    0.5
    """
    return label_error_rate([text.split() for text in wanted], [text.split() for text in given])
