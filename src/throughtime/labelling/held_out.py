"""Which recordings are held out: whole recordings, never parts of one; of a maker all or none."""

import re
from collections.abc import Sequence

import numpy as np

from throughtime.dynamics.wrong import Wrong
from throughtime.labelling.labelled import Labelled


def split(labelled: Labelled, share: float, by: str | None, seed: int) -> tuple[Labelled, Labelled]:
    """What is learned from, and what is held out: of each class about that share.

    by  a regular expression whose group in the name of a recording is its maker, as (\\w+)_ of lucas_3.wav; all that a maker
        made is on one side

    raises  Wrong if a side lacks a class, or a name has no maker
    """
    if not 0 < share < 1:
        raise Wrong(f"{{held_out}} must lie between 0 and 1, not {share:g}")
    makers = [str(k) for k in range(len(labelled))] if by is None else _makers(labelled.names, by)
    random = np.random.default_rng(seed)
    out = _some_of_each_class(labelled.labels, share, random) if by is None else _some_makers(makers, share, random)
    kept = [k for k in range(len(labelled)) if k not in out]
    for rows, side in ((kept, "learned from"), (sorted(out), "held out")):
        lacking = set(labelled.labels) - {labelled.labels[k] for k in rows}
        if lacking:
            raise Wrong(
                f"no recording of class {sorted(lacking)[0]!r} is {side}: give more recordings, or another share, {{held_out}}"
            )
    return labelled.part(kept), labelled.part(sorted(out))


def _some_of_each_class(labels: Sequence[str], share: float, random: np.random.Generator) -> set[int]:
    out: set[int] = set()
    for label in sorted(set(labels)):
        own = [k for k, other in enumerate(labels) if other == label]
        count = min(max(1, round(share * len(own))), len(own) - 1)
        out |= set(random.permutation(own)[:count].tolist())
    return out


def _some_makers(makers: Sequence[str], share: float, random: np.random.Generator) -> set[int]:
    known = sorted(set(makers))
    count = min(max(1, round(share * len(known))), len(known) - 1)
    chosen = set(random.permutation(known)[:count].tolist())
    return {k for k, maker in enumerate(makers) if maker in chosen}


def _makers(names: Sequence[str], by: str) -> list[str]:
    try:
        pattern = re.compile(by)
    except re.error as error:
        raise Wrong(f"{{held_out_by}} {by!r} is no regular expression: {error}") from None
    made = []
    for name in names:
        match = pattern.search(name)
        if match is None:
            raise Wrong(f"{{held_out_by}} {by!r} finds nothing in {name}: its group must be the maker in every name")
        made.append(match[1] if pattern.groups else match[0])
    return made
