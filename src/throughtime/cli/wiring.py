"""From the options of the command line to a network and a learner."""

from inspect import signature
from typing import Any

from throughtime import learners, units
from throughtime.architectures import ARCHITECTURES
from throughtime.cli.errors import Problem
from throughtime.dynamics.linear import MOST_DELAYS
from throughtime.network import Network
from throughtime.units import Unit

NETWORKS = {name.replace("_", "-"): make for name, make in ARCHITECTURES.items()}
NUMBERS = {name: list(signature(make).parameters) for name, make in learners.LEARNERS.items()}
LEARNERS = ", ".join(text for name, own in NUMBERS.items() for text in (name, *(f"{name}:{n.upper()}" for n in own)))
ELEMENTWISE = [name for name, unit in units.UNITS.items() if isinstance(unit.activate, units.Activation)]
OPTIONS = {
    "f": "--activation",
    "controller": "--activation",
    "start": "--learned-start",
}  # what an argument of a constructor is called on the command line, where not by its name


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
    _refuse_many(sum(max(0, part.stop - part.start) for part in parts), f"delays {text!r}")
    made = [delay for part in parts for delay in part]
    if not made or len(set(made)) < len(made):
        raise Problem(f"delays {text!r} must be one or more different numbers; write 0:2 for 0, 1, 2, or 0,2,5")
    return tuple(made)


def _refuse_many(delays: int, where: str) -> None:
    if delays > MOST_DELAYS:
        raise Problem(
            f"{where}: {delays:.3g} delays, whose weights alone need {4e-9 * delays:.3g} GB for each unit that hears them; "
            f"ask for {MOST_DELAYS} at most"
        )


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


def unit(name: str) -> Unit:
    """The elementwise unit of that name."""
    if name not in ELEMENTWISE:
        raise Problem(f"--activation {name!r} is not known; choose {', '.join(ELEMENTWISE)}")
    return units.named(name)


def learner(text: str) -> learners.Learner:
    """'bptt', 'bptt:20' (horizon), 'rtrl', 'rtrl:20' (block), 'focused' or 'backprop'."""
    name, colon, number = text.partition(":")
    if name not in NUMBERS or (colon and not NUMBERS[name]):
        raise Problem(f"--learner {text!r} is not known; choose {LEARNERS}")
    if colon and not (number.isdecimal() and _whole(number)):
        raise Problem(f"--learner {text!r}: {number!r} must be a whole number of steps, as in {name}:20")
    return learners.LEARNERS[name](*(int(number),) if colon else ())


def chosen(
    *,
    input_delays: str | None,
    output_delays: str | None,
    taps: str | None,
    width: int | None,
    slots: int | None,
    activation: str | None,
    bidirectional: bool,
    learned_start: bool,
    increments: bool,
    skip: bool,
) -> dict[str, Any]:
    """What the options of the command line are to a constructor; None where one was not given. taps: --delays."""
    _refuse_many(width or 0, f"--width {width}")
    return {
        "input_delays": input_delays and delays(input_delays),
        "output_delays": output_delays and delays(output_delays),
        "delays": taps and [delays(part) for part in taps.split("/")],
        "width": width,
        "slots": slots,
        "f": activation and unit(activation),
        "bidirectional": bidirectional or None,
        "start": "learned" if learned_start else None,
        "increments": increments or None,
        "skip": skip or None,
    }


def build(name: str, inputs: int, layers: list[int], outputs: int, **options: Any) -> Network:
    """The network of that name; `options` that are None were not given, others must be known to the architecture."""
    name = name.replace("_", "-")
    if name not in NETWORKS:
        raise Problem(f"--network {name!r} is not known; choose {', '.join(NETWORKS)}")
    known = signature(NETWORKS[name]).parameters
    given = {key: value for key, value in options.items() if value is not None}
    if "controller" in known and "f" in given:
        given["controller"] = given.pop("f")
    for key in given:
        if key not in known:
            raise Problem(f"{_option(key)} is not for --network {name}, which takes {_takes(name)}")
    for key, parameter in known.items():
        if key not in ("inputs", "hidden", "outputs") and parameter.default is parameter.empty and key not in given:
            raise Problem(f"--network {name} needs {_option(key)}")
    if not inputs and name not in ("narx", "jordan"):
        raise Problem(f"--network {name} needs --inputs; only narx and jordan can run on past outputs alone")
    if not inputs and "input_delays" in given:
        raise Problem("--input-delays needs --inputs: a series is predicted from its own past (--output-delays)")
    return NETWORKS[name](inputs, layers[0] if len(layers) == 1 else layers, outputs, **given)


def _option(key: str) -> str:
    return OPTIONS.get(key, f"--{key.replace('_', '-')}")


def _takes(name: str) -> str:
    taken = [_option(k) for k in signature(NETWORKS[name]).parameters if k not in ("inputs", "hidden", "outputs", "g")]
    return ", ".join(taken) or "none of these options"
