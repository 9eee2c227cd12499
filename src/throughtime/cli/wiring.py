"""From texts of the command line to a wiring."""

from typing import Any

from throughtime.cli.errors import Problem
from throughtime.dynamics.wirings import Wiring, refuse_many


def delays(text: str) -> tuple[int, ...]:
    """'0:2' is 0, 1, 2; '0,2,5' is those three; both may be mixed.

    >>> delays("0:2,5")
    (0, 1, 2, 5)
    """
    parts: list[range] = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        if not first.strip().isdecimal() or (":" in part and not last.strip().isdecimal()):
            raise Problem(f"delays {text!r} cannot be read; write whole numbers from 0 up: 0:2 for 0, 1, 2, or 0,2,5")
        parts.append(range(_whole(first), _whole(last or first) + 1))
    refuse_many(sum(max(0, part.stop - part.start) for part in parts), f"delays {text!r}")
    made = [delay for part in parts for delay in part]
    if not made or len(set(made)) < len(made):
        raise Problem(f"delays {text!r} must be one or more different numbers; write 0:2 for 0, 1, 2, or 0,2,5")
    return tuple(made)


def _whole(text: str) -> int:
    """A whole number; in the place of one too large to compute with, one that is as useless."""
    return min(int(text), 10**30) if len(text.strip()) < 1000 else 10**30


def hidden(text: str) -> list[int]:
    """'10' is one hidden layer, '10,5' are two."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and _whole(part) for part in parts):
        raise Problem(f"--hidden {text!r} cannot be read; write 10 for one layer of ten units, 10,5 for two layers")
    return [_whole(part) for part in parts]


def names(text: str | None) -> list[str]:
    """'u1, u2' as a list."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def wired(
    name: str,
    layers: str,
    *,
    input_delays: str | None = None,
    output_delays: str | None = None,
    taps: str | None = None,
    width: int | None = None,
    slots: int | None = None,
    activation: str | None = None,
    bidirectional: bool = False,
    learned_start: bool = False,
    increments: bool = False,
    skip: bool = False,
) -> Wiring:
    """The wiring that these options ask for; None and False where one was not given. taps: --delays."""
    asked: dict[str, Any] = {
        "input_delays": input_delays and delays(input_delays),
        "output_delays": output_delays and delays(output_delays),
        "delays": taps and [delays(part) for part in taps.split("/")],
        "width": width,
        "slots": slots,
        "f": activation,
        "bidirectional": bidirectional or None,
        "start": "learned" if learned_start else None,
        "increments": increments or None,
        "skip": skip or None,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    return Wiring(name, tuple(hidden(layers)), given)


def words(wiring: Wiring) -> dict[str, str | bool]:
    """The options, {name: text, or True for a switch}, that `wired` reads as this wiring."""
    made: dict[str, str | bool] = {"network": wiring.name}
    if wiring.hidden:
        made["hidden"] = ",".join(map(str, wiring.hidden))
    for key, value in wiring.options.items():
        if key in ("input_delays", "output_delays"):
            made[key] = told(value)
        elif key == "delays":
            made[key] = "/".join(map(told, value))
        else:
            made[key] = True if key == "start" or value is True else str(value)
    return made


def told(delays: tuple[int, ...]) -> str:
    """0, 1, 2 as 0:2, the way the command line takes it."""
    steady = len(delays) > 1 and delays == tuple(range(delays[0], delays[-1] + 1))
    return f"{delays[0]}:{delays[-1]}" if steady else ",".join(map(str, delays))
