"""A wiring by the name of its architecture: what a study holds in the place of a network, and files and faces can say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any

from throughtime import units
from throughtime.architectures import ARCHITECTURES, narx
from throughtime.checks import is_whole, quoted
from throughtime.dynamics.linear import MOST_DELAYS
from throughtime.dynamics.wrong import Wrong
from throughtime.network import Network
from throughtime.units import Unit

LINEAR = "linear"


def linear(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    input_delays: Any = (0, 1, 2),
    output_delays: Any = (1, 2),
) -> Network:
    """The linear model as a network: `narx` without a hidden layer."""
    return narx(inputs, hidden, outputs, input_delays, output_delays)


NETWORKS: dict[str, Callable[..., Network]] = {
    **{name.replace("_", "-"): make for name, make in ARCHITECTURES.items()},
    LINEAR: linear,
}
ELEMENTWISE = [name for name, unit in units.UNITS.items() if isinstance(unit.activate, units.Activation)]
ALONE = ("narx", "jordan", LINEAR)  # can run without inputs
MOST = 10**30
USUAL_HIDDEN = (10,)
FAR = ("input_delays", "output_delays", "delays", "width")  # what says how far back a network hears


@dataclass(frozen=True)
class Wiring:
    """A network of a known architecture, whatever it hears and says.

    name     of the architecture, such as "narx" or "lstm"
    hidden   units of each hidden layer; "linear" has none
    options  others of its constructor, as JSON has them: {"input_delays": [0, 1], "start": "learned", "f": "relu"}

    >>> Wiring("narx", (3,), {"output_delays": [1]}).build(1, 1).size_of("hidden")
    3
    """

    name: str
    hidden: tuple[int, ...] = USUAL_HIDDEN
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = str(self.name).replace("_", "-")
        if name not in NETWORKS:
            raise Wrong(f"{{network}} {quoted(self.name)} is not known; choose {', '.join(NETWORKS)}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "hidden", self._layers())
        object.__setattr__(self, "options", self._own())

    def _layers(self) -> tuple[int, ...]:
        if self.name == LINEAR:
            if tuple(self.hidden) not in ((), USUAL_HIDDEN):
                raise Wrong(f"{{hidden}} is not for {{network}} {LINEAR}, which has no hidden layer; leave it out")
            return ()
        if not self.hidden or not all(is_whole(size, 1, MOST) for size in self.hidden):
            raise Wrong(f"{{hidden}} must be whole numbers of units, not {quoted(self.hidden)}")
        return tuple(self.hidden)

    def _own(self) -> dict[str, Any]:
        """The options in one form: how far back it hears, always; others where they are not as the constructor has them anyway."""
        known, given = _parameters(self.name), dict(self.options)
        if "controller" in known and "f" in given:
            given["controller"] = given.pop("f")
        for key in given:
            if key not in known:
                raise Wrong(f"{{{key}}} is not for {{network}} {self.name}, which takes {takes(self.name)}")
        made = {key: READ[key](key, value) for key, value in sorted(given.items())}
        for key, parameter in known.items():
            if parameter.default is parameter.empty and key not in made:
                raise Wrong(f"{{network}} {self.name} needs {{{key}}}")
        made = _usual(self.name) | made
        return {key: made[key] for key in sorted(made) if key in FAR or _acting(key, made[key]) != known[key].default}

    def build(self, inputs: int, outputs: int) -> Network:
        """The network for so many inputs and outputs."""
        if not inputs and self.name not in ALONE:
            raise Wrong(
                f"{{network}} {self.name} needs {{inputs}}; only {', '.join(ALONE)} can run on past outputs alone"
            )
        given = {key: _acting(key, value) for key, value in self.options.items()}
        usual = _usual(self.name).get("input_delays")
        if not inputs and given.pop("input_delays", usual) != usual:
            raise Wrong("{input_delays} needs {inputs}: a series is predicted from its own past ({output_delays})")
        hidden = self.hidden[0] if len(self.hidden) == 1 else list(self.hidden)
        return NETWORKS[self.name](inputs, hidden, outputs, **given)


def unit(name: str) -> Unit:
    """The elementwise unit of that name."""
    if name not in ELEMENTWISE:
        raise Wrong(f"{{f}} {quoted(name)} is not known; choose {', '.join(ELEMENTWISE)}")
    return units.named(name)


def takes(name: str) -> str:
    """The options of an architecture, as text."""
    return ", ".join(f"{{{key}}}" for key in _parameters(name)) or "none of these options"


def refuse_many(delays: int, where: str) -> None:
    """Refuse more delays than any network has memory for."""
    if delays > MOST_DELAYS:
        raise Wrong(
            f"{where}: {delays:.3g} delays, whose weights alone need {4e-9 * delays:.3g} GB for each unit that hears them; "
            f"ask for {MOST_DELAYS} at most"
        )


def _parameters(name: str) -> dict[str, Parameter]:
    found = signature(NETWORKS[name]).parameters
    return {key: found[key] for key in found if key in READ}


def _usual(name: str) -> dict[str, Any]:
    """How far back a network of an architecture hears where nobody says it."""
    known = {key: parameter.default for key, parameter in _parameters(name).items() if key in FAR}
    return {key: READ[key](key, default) for key, default in known.items() if default is not Parameter.empty}


def _acting(key: str, value: Any) -> Any:
    """The option as the constructor takes it."""
    return unit(value) if key in ("f", "controller") else value


def _delays(key: str, value: Any) -> tuple[int, ...]:
    listed = [value] if is_whole(value, 0, MOST) else value
    good = isinstance(listed, (list, tuple, range)) and all(is_whole(delay, 0, MOST) for delay in listed)
    if not good or not len(listed) or len(set(listed)) < len(listed):
        raise Wrong(f"{{{key}}} must be one or more different whole numbers from 0 up, not {quoted(value)}")
    return tuple(int(delay) for delay in listed)


def _fed_back(key: str, value: Any) -> tuple[int, ...]:
    made = _delays(key, value)
    if 0 in made:
        raise Wrong(f"{{{key}}} {','.join(map(str, made))}: an output is not known before it is computed; begin with 1")
    return made


def _layers(key: str, value: Any) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, (list, tuple)):
        raise Wrong(f"{{{key}}} must be a list of delays for each layer, not {quoted(value)}")
    return tuple(_delays(key, own) for own in value)


def _count(key: str, value: Any) -> int:
    if not is_whole(value, 1, MOST):
        raise Wrong(f"{{{key}}} must be a whole number of at least 1, not {quoted(value)}")
    if key == "width":
        refuse_many(value, f"{{width}} {value}")
    return int(value)


def _switch(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{{{key}}} must be true or false, not {quoted(value)}")
    return value


def _start(key: str, value: Any) -> str:
    if value not in ("zero", "learned"):
        raise Wrong(f"{{{key}}} must be 'zero' or 'learned', not {quoted(value)}")
    return str(value)


def _unit(_: str, value: Any) -> str:
    return unit(value).name


READ: dict[str, Callable[[str, Any], Any]] = {
    "input_delays": _delays,
    "output_delays": _fed_back,
    "delays": _layers,
    "width": _count,
    "slots": _count,
    "f": _unit,
    "controller": _unit,
    "bidirectional": _switch,
    "start": _start,
    "increments": _switch,
    "skip": _switch,
}
