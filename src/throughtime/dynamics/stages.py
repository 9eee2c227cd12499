"""How a network is taught, from the little that is asked for; and the words for what teaches it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from inspect import signature
from itertools import product
from typing import Any

import numpy as np
import optax

from throughtime import learners
from throughtime.checks import is_number, is_whole, quoted
from throughtime.drawing import weight_count
from throughtime.dynamics.beginning import is_linear
from throughtime.dynamics.teaching import LOOPS as STAGE_LOOPS
from throughtime.dynamics.teaching import Teaching
from throughtime.dynamics.wrong import Wrong, refuse_size
from throughtime.engine.schedule import depths
from throughtime.network import CLOCK, Network
from throughtime.training.levenberg_marquardt import LevenbergMarquardt
from throughtime.training.recipes import OPTAX, Recipe

LOOPS = ("closed", "open", "open-closed")
OPTIMIZERS: dict[str, Any] = {
    "adam": optax.adam,
    "lm": LevenbergMarquardt(),
    "br": LevenbergMarquardt(bayesian=True),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "adam": {"epochs": 500, "patience": 100, "look": 10, "rate": 0.01, "clip": 1.0},
    "lm": {"epochs": 100, "look": 10},
    "br": {"epochs": 100, "look": 10},
}
NUMBERS = {name: list(signature(make).parameters) for name, make in learners.LEARNERS.items()}
AUTO = {"segment": "auto"}  # what stands in the place of a number
LEARNER_CHOICES = ", ".join(
    text
    for name, own in NUMBERS.items()
    for text in (name, *(f"{name}:{n.upper()}" for n in own[:1]), *(f"{name}:{n}={n.upper()}" for n in own[1:]))
)
WHOLE = ("lm", "br")  # take whole steps on all rows at once
AFTER_OPEN = 60  # epochs of Levenberg-Marquardt in closed loop, if it comes second
MANY = 1000  # weights, from which on Levenberg-Marquardt is slow
SERIES_HORIZON = 20  # of adam, for a series: a free run over the whole record has no inputs to hold it
WHOLE_STEPS = ("learner", "rate", "every", "clip")  # not for Levenberg-Marquardt
MOST = 10**30


@dataclass(frozen=True)
class Asked:
    """What is asked of the teaching, None where it is as usual; the fields are those of `Teaching`, in words.

    optimizer  "adam", "lm" or "br"
    learner    as `learner_of` reads it
    decay      several for "lm" and "br": those of the networks, in turn
    clip       0: any
    """

    optimizer: str | None = None
    learner: str | None = None
    horizon: int | None = None
    epochs: int | None = None
    rate: float | None = None
    every: int | None = None
    decay: float | tuple[float, ...] | None = None
    patience: int | None = None
    look: int | None = None
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.optimizer is not None and self.optimizer not in OPTIMIZERS:
            raise Wrong(f"{{optimizer}} {quoted(self.optimizer)} is not known; choose {', '.join(OPTIMIZERS)}")
        for decay in self.decay if isinstance(self.decay, tuple) else [self.decay]:
            refuse_outside("decay", decay, -1e-300)
        for name, least in (("rate", 0.0), ("clip", -1e-300)):
            refuse_outside(name, getattr(self, name), least)

    @property
    def said(self) -> dict[str, Any]:
        """What is asked for, optimizer aside."""
        return {f.name: v for f in fields(self)[1:] if (v := getattr(self, f.name)) is not None}


def refuse_outside(name: str, value: float | None, least: float) -> None:
    """Refuse a number that is not above `least`."""
    if value is not None and not least < value < np.inf:
        raise Wrong(f"{{{name}}} must be {'above 0' if name == 'rate' else '0 or above'}, not {value}")


def loops_of(loop: str | None, network: Network, name: str) -> tuple[str, ...]:
    """The stages of training, "open" or "closed"; name: of the network, in messages."""
    if loop is not None and loop not in LOOPS:
        raise Wrong(f"{{loop}} {quoted(loop)} is not known; choose {', '.join(LOOPS)}")
    if network.feedback is None:
        if loop is not None:
            raise Wrong(f"{{loop}} is for networks that hear past outputs, which {name} does not; leave it out")
        return ("closed",)
    if network.by_name[network.output].start == "learned":
        if loop not in (None, "closed"):
            raise Wrong(f"{{loop}} {loop} is given the past, so {{start}} has nothing to learn; leave one out")
        return ("closed",)
    return tuple((loop or ("closed" if is_linear(network) else "open-closed")).split("-"))


def stages_of(network: Network, name: str, rows: int, loop: str | None = None, asked: Asked | None = None) -> Any:
    """The stages of training (Teaching, ...) of a network that learns from so many rows; what is not asked for is as usual.

    Without an optimizer br, if the network is small and nothing is asked for that only adam has.
    """
    asked, loops = asked or Asked(), loops_of(loop, network, name)
    said, chosen = asked.said, optimizer_of(network, asked)
    for key in WHOLE_STEPS if chosen != "adam" else ():
        if key in said:
            raise Wrong(f"{{{key}}} is not for {{optimizer}} {chosen}, which takes whole steps on all rows at once")
    if chosen == "adam" and isinstance(asked.decay, tuple):
        raise Wrong("{decay} may be several for {optimizer} lm and br only; give one")
    settings = DEFAULTS[chosen] | said | {"optimizer": OPTIMIZERS[chosen]}
    settings |= {"learner": learner_of(said.get("learner", "bptt")), "clip": settings.get("clip") or None}
    horizon = settings.pop("horizon", SERIES_HORIZON if network.inputs[0][0] == CLOCK and chosen == "adam" else None)
    if "horizon" in said and "closed" not in loops:
        raise Wrong("{horizon} is for training in closed loop; {loop} open predicts one step ahead")
    if "every" not in said:
        settings["every"] = _every(network, chosen, rows)
    refuse_cut(network, said.get("every"))
    opened = Teaching(loop="open", **settings)
    closed = replace(opened, loop="closed", horizon=horizon, every=None if horizon else opened.every)
    if len(loops) > 1 and chosen != "adam" and "epochs" not in said:
        closed = replace(closed, epochs=AFTER_OPEN)
    return tuple(closed if loop == "closed" else opened for loop in loops)


def optimizer_of(network: Network, asked: Asked) -> str:
    """The optimizer that is asked for; else br, or lm for the linear model; adam for many weights, or if it is asked."""
    stepwise = any(getattr(asked, key) is not None for key in WHOLE_STEPS)
    small = "lm" if is_linear(network) else "br"
    return asked.optimizer or ("adam" if stepwise or weight_count(network) > MANY else small)


def refuse_cut(network: Network, every: int | None) -> None:
    """Refuse to cut what backward layers need whole."""
    if every is not None and network.backward:
        raise Wrong("{every} cuts the record, which backward layers need whole; leave it out")


def _every(network: Network, optimizer: str, rows: int) -> int | None:
    """Ten updates an epoch, each over at least a hundred steps; whole epochs where the record cannot be cut."""
    cut = optimizer == "adam" and not network.backward
    return max(100, -(-rows // 10)) if cut else None


def asked_of(stages: Sequence[Teaching], network: Network, rows: int) -> tuple[str | None, Asked] | None:
    """The least that must be asked for to get these stages from `stages_of`: loop and the rest; None if nothing does."""
    said = _in_words(stages[-1])
    if said is None:
        return None
    said |= {"every": stages[0].every, "clip": said["clip"] or 0.0}
    loops, whole, usual = (None, "-".join(s.loop for s in stages)), ((), WHOLE_STEPS), ((), ("epochs",))
    for loop, left, more in product(loops, whole, product(usual, ((), ("horizon",)))):
        tried = said | dict.fromkeys([*left, *more[0], *more[1]])
        if _gives(stages, network, rows, loop, tried):
            return loop, _least(stages, network, rows, loop, tried)
    return None


def _least(stages: Sequence[Teaching], network: Network, rows: int, loop: str | None, said: dict[str, Any]) -> Asked:
    """What is asked for without what is as usual anyway; the optimizer last, which others imply."""
    for key in sorted(said, key=lambda key: key == "optimizer"):
        if _gives(stages, network, rows, loop, said | {key: None}):
            said = said | {key: None}
    return Asked(**said)


def _gives(stages: Sequence[Teaching], network: Network, rows: int, loop: str | None, asked: Mapping[str, Any]) -> bool:
    try:
        made: tuple[Teaching, ...] = stages_of(network, "", rows, loop, Asked(**asked))
    except ValueError:
        return False
    return made == tuple(stages)


def _in_words(stage: Teaching) -> dict[str, Any] | None:
    """The stage as `Asked` has it, without its loop; None if there are no words for it."""
    optimizer, learner = optimizer_word(stage.optimizer), learner_word(stage.learner)
    if optimizer is None or learner is None:
        return None
    made = {f.name: getattr(stage, f.name) for f in fields(stage) if f.name != "loop"}
    return made | {"optimizer": optimizer, "learner": learner}


def optimizer_word(optimizer: Any) -> str | None:
    """The word for an optimizer, if there is one."""
    return next((word for word, known in OPTIMIZERS.items() if known is optimizer or known == optimizer), None)


def learner_word(learner: Any) -> str | None:
    """What `learner_of` reads as this learner, if there is such a text."""
    for word, kind in learners.LEARNERS.items():
        if learner == kind():
            return word
        if type(learner) is kind:
            key = next(n for n in NUMBERS[word] if getattr(learner, n) != getattr(kind(), n))
            return f"{word}:{'' if key == NUMBERS[word][0] else f'{key}='}{getattr(learner, key)}"
    return None


def learner_of(text: Any) -> learners.Learner:
    """'bptt', 'bptt:20' (horizon), 'bptt:segment=auto', 'rtrl', 'rtrl:20' (block), 'focused' or 'backprop'."""
    name, colon, said = str(text).partition(":")
    key, equals, number = said.partition("=") if "=" in said else ("".join(NUMBERS.get(name, ())[:1]), "", said)
    if name not in NUMBERS or (colon and key not in NUMBERS[name]):
        raise Wrong(f"{{learner}} {quoted(text)} is not known; choose {LEARNER_CHOICES}")
    if not colon:
        return learners.LEARNERS[name]()
    if number == AUTO.get(key):
        return learners.LEARNERS[name](**AUTO)
    if not (number.isdecimal() and len(number) < 1000 and int(number)):
        shown = f"{name}:{key}{equals}20" if equals else f"{name}:20"
        raise Wrong(f"{{learner}} {quoted(text)}: {quoted(number)} must be a whole number of steps, as in {shown}")
    return learners.LEARNERS[name](**{key: int(number)})


def optimizer_said(optimizer: Any) -> str | dict[str, Any] | None:
    """An optimizer as JSON has it: its word, or its name with numbers; None if there is neither."""
    if isinstance(optimizer, Recipe):
        return optimizer.to_dict()
    return optimizer_word(optimizer) or next((name for name, known in OPTAX.items() if known is optimizer), None)


def optimizer_from(said: Any) -> Any:
    """What `optimizer_said` made."""
    if isinstance(said, Mapping) and isinstance(said.get("name"), str):
        try:
            return Recipe(**said)
        except ValueError as wrong:
            raise Wrong(f"{{optimizer}} {wrong}") from None
    if not isinstance(said, str) or said not in OPTIMIZERS | OPTAX:
        known = ", ".join([*OPTIMIZERS, *(name for name in OPTAX if name not in OPTIMIZERS)])
        raise Wrong(f"{{optimizer}} {quoted(said)} is not known; choose {known}")
    return (OPTIMIZERS | OPTAX)[said]


def stage_to_dict(stage: Teaching) -> dict[str, Any]:
    """The stage as JSON has it.

    raises  Wrong for an optimizer or a learner that has no word
    """
    optimizer, learner = optimizer_said(stage.optimizer), learner_word(stage.learner)
    if optimizer is None:
        remedy = "give a Recipe (of throughtime.training.recipes), such as Recipe('sgd', momentum=0.9), or lm or br"
        raise Wrong(f"{{optimizer}} {quoted(stage.optimizer)} is code, which no file of a study can hold; {remedy}")
    if learner is None:
        remedy = "take one of bptt, rtrl, focused and backprop"
        raise Wrong(f"{{learner}} {quoted(stage.learner)} is code, which no file of a study can hold; {remedy}")
    made = {f.name: getattr(stage, f.name) for f in fields(stage)}
    return made | {"optimizer": optimizer, "learner": learner}


def stage_from_dict(said: Mapping[str, Any]) -> Teaching:
    """What `stage_to_dict` made."""
    made = dict(said)
    for key, least in (("epochs", 1), ("look", 1), ("horizon", 1), ("every", 1), ("patience", 1)):
        value = made.get(key, 1 if key in ("epochs", "look") else None)
        if not is_whole(value, least, MOST) and not (value is None and key in ("horizon", "every", "patience")):
            raise Wrong(f"{{{key}}} must be a whole number of at least {least}, not {quoted(value)}")
    decays = made.get("decay", 0.0)
    several = isinstance(decays, list | tuple) and len(decays) > 0
    numbers = [(key, made.get(key, 1.0)) for key in ("rate", "clip")]
    for key, value in [*numbers, *(("decay", decay) for decay in (decays if several else [decays]))]:
        if not is_number(value) and not (value is None and key == "clip"):
            raise Wrong(f"{{{key}}} must be a number, not {quoted(value)}")
        refuse_outside(key, value, 0.0 if key == "rate" else -1e-300)
    if made.get("loop", "closed") not in STAGE_LOOPS:
        raise Wrong(f"{{loop}} must be 'open' or 'closed', not {quoted(made['loop'])}")
    optimizer, learner = optimizer_from(made.get("optimizer", "adam")), learner_of(made.get("learner", "bptt"))
    return Teaching(**made | {"optimizer": optimizer, "learner": learner})


def refuse_large(network: Network, stages: Sequence[Teaching], members: int, rows: int) -> None:
    """Refuse what cannot be trained in the memory of this machine, with the least that it needs: 4 bytes a number.

    Of every weight of every network there are the value, its gradient, the next and the best one; of every step that has
    a tape what its units hold. What takes whole steps (Levenberg-Marquardt) has a number for each pair of weights, twice.
    """
    members, known = min(members, MOST), weight_count(network)
    units = sum(layer.size * (1 + len(layer.nets) + layer.memory) for layer in network.layers)
    pairs = 2 * known**2 if any(getattr(stage.optimizer, "whole", False) for stage in stages) else 0
    steps = max(_taped(stage, network, min(stage.every or rows, rows)) for stage in stages)
    past = sum(depth * network.size_of(source) for source, depth in depths(network).items())
    longer = not pairs and not network.backward and steps * units > 4 * known + past
    refuse_size(
        4 * members * (4 * known + pairs + steps * units + past),
        f"training {members:.3g} x {known:.3g} weights",
        "use fewer units ({hidden}, {slots}), delays or {restarts}"
        + (", or {learner} bptt:segment=auto" if longer else ""),
    )


def _taped(stage: Teaching, network: Network, steps: int) -> int:
    """Of how many steps what the units hold is kept at a time."""
    learner = stage.learner
    return learner.taped(network, steps, 1) if isinstance(learner, learners.BPTT) else steps
