"""What is said when in a recording: marks, whatever file they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Mark(NamedTuple):
    """A label from one time to another, in seconds; None where the file tells no time. A point ends where it begins."""

    start: float | None
    end: float | None
    label: str


@dataclass(frozen=True, eq=False)
class Marks:
    """Tiers of marks by their names, in order; empty labels are kept.

    found  what was unusual in the file and read all the same
    """

    tiers: Mapping[str, Sequence[Mark]]
    found: list[str] = field(default_factory=list)
