"""The points of a trace in InkML: values, differences of them, and differences of those, channel by channel."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

TOKEN = re.compile(r"\s*([!'\"])?\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|#-?[0-9A-Fa-f]+|[TF*?])")
ORDER = {"!": 0, "'": 1, '"': 2}
LONGEST = 40  # characters of a number


class Channels(NamedTuple):
    """The names of the channels that every point has, and of those that may be left out at its end."""

    regular: tuple[str, ...]
    intermittent: tuple[str, ...] = ()


@dataclass
class _Channel:
    """Where a channel is, how fast it goes, and of which order its differences are: this sticks."""

    order: int = 0
    value: float = 0.0
    speed: float = 0.0
    begun: bool = False

    def take(self, prefix: str | None, said: str) -> float:
        """The next value; NaN where it is not known."""
        if prefix:
            self.order = ORDER[prefix]
        if said == "?":
            return math.nan
        if said == "*":
            self.value += self.speed if self.order else 0.0
            return self.value
        number = _number(said)
        if self.order == 0:
            self.speed = number - self.value if self.begun else 0.0
            self.value = number
        else:
            self.speed = number if self.order == 1 else self.speed + number
            self.value += self.speed
        self.begun = True
        return self.value


def points_of(text: str, channels: Channels, where: str) -> list[tuple[float, float]]:
    """x and y of each point as the file has them.

    raises  ValueError for a point with fewer values than regular channels, or what is no value
    """
    names = (*channels.regular, *channels.intermittent)
    across, along = names.index("X"), names.index("Y")
    states = [_Channel() for _ in names]
    made = []
    for number, point in enumerate(text.split(","), start=1):
        if not point.strip():
            continue
        values = _values(point, states, len(channels.regular), f"{where}, point {number}")
        made.append((values[across], values[along]))
    return made


def _values(point: str, states: Sequence[_Channel], least: int, where: str) -> list[float]:
    at, values = 0, list[float]()
    while point[at:].strip():
        match = TOKEN.match(point, at)
        if not match or len(match[2]) > LONGEST:
            raise ValueError(f"{where} holds {point[at : at + 20].strip()!r}, which is no value; mend it")
        if len(values) < len(states):
            values.append(states[len(values)].take(match[1], match[2]))
        at = match.end()
    if len(values) < least:
        raise ValueError(f"{where} has {len(values)} of {least} values; mend it")
    return values + [math.nan] * (len(states) - len(values))


def _number(said: str) -> float:
    if said in "TF":
        return float(said == "T")
    return float(int(said[1:], 16)) if said[0] == "#" else float(said)
