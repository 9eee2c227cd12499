"""What a loss says of itself, and being held to it.

Everything that asks a loss what it is asks `traits_of`: there is no table of losses, and none is known by its class. A loss
of one's own says what it takes and gives in attributes, of its class or of a function:

    @dataclass(frozen=True)
    class Margin:
        targets: ClassVar[str] = "labels"

        def __call__(self, ys, targets): ...  # (T, B, O) and (T, B) -> (T, B)
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any, Literal, get_args

import jax.numpy as jnp
from jax import Array
from jax.errors import ConcretizationTypeError, TracerArrayConversionError

from throughtime.checks import is_whole, quoted
from throughtime.layers import an_instance
from throughtime.units import Unit

Targets = Any  # Array, or of strings the pair (labels, frames)
Loss = Callable[[Array, Targets], Array]
Kind = Literal["numbers", "labels", "strings"]
Per = Literal["step", "sequence"]


@dataclass(frozen=True)
class Traits:
    """What a loss says of itself; a plain function, which says nothing, takes numbers and gives a loss per step.

    targets     what it takes beside the outputs (T, B, O): "numbers" (T, B, O), "labels" (T, B) whole numbers, or "strings",
                the pair of labels (B, L) and frames (B,)
    per         what it gives: a loss for every "step" (T, B), or for every "sequence" (B,), which then is one stretch
    everywhere  True if one target of a whole sequence is asked at all its steps, not at the last
    unit        the unit whose function it puts on the outputs itself, so that the output layer must not have it, too
    blank       of strings, the output that is none of their labels: it stands between equal ones; None: there is none

    raises  ValueError for what none of these can be
    """

    targets: Kind = "numbers"
    per: Per = "step"
    everywhere: bool = False
    unit: Unit | None = None
    blank: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("targets", get_args(Kind)), ("per", get_args(Per)), ("everywhere", (True, False))):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name} = {quoted(value)}; known are {', '.join(map(repr, known))}")
        if self.targets == "strings" and self.per == "step":
            raise ValueError("targets = 'strings', of which there is one per sequence: say per = 'sequence', too")
        if self.unit is not None and not isinstance(self.unit, Unit):
            raise ValueError(f"unit = {quoted(self.unit)}; it must be a Unit such as units.softmax, or None")
        if self.blank is not None and not is_whole(self.blank, 0):
            raise ValueError(f"blank = {quoted(self.blank)}; it must be the number of an output, from 0, or None")


def traits_of(loss: Any) -> Traits:
    """What a loss says of itself, in attributes of the names that `Traits` has.

    raises  ValueError if it says what no loss can be

    >>> traits_of(lambda ys, targets: (ys - targets)[..., 0] ** 2).per
    'step'
    """
    said = {trait.name: getattr(loss, trait.name) for trait in fields(Traits) if hasattr(loss, trait.name)}
    try:
        return Traits(**said)
    except ValueError as error:
        raise ValueError(f"the loss {named(loss)} says {error}") from None


def named(loss: Any) -> str:
    """The name of a loss in messages: of its class, or of the function."""
    return str(getattr(loss, "__name__", type(loss).__name__))


def refuse_blank(loss: Any, outputs: int) -> None:
    """Raise an error if the blank of strings is none of so many outputs."""
    blank = traits_of(loss).blank
    if blank is not None and blank >= outputs:
        raise ValueError(
            f"{named(loss)}: the blank {blank} is none of the {outputs} outputs, which are 0 to {outputs - 1}; "
            "give one of them, or the network an output more"
        )


def judged(loss: Any, ys: Array, targets: Targets) -> Array:
    """The losses (T, B) or (B,), as the loss says that it gives them.

    raises  ValueError if it gives what has another shape, with the remedy
    """
    each = _called(loss, ys, targets)
    per = traits_of(loss).per
    wanted = ys.shape[:2] if per == "step" else ys.shape[1:2]
    if each.shape == wanted:
        return each
    remedy = f"give a loss for every {per}, not summed or averaged"
    if each.shape == ys.shape[:2]:
        remedy = "sum over time, or say that it gives a loss per step: per = 'step'"
    elif each.shape == ys.shape[1:2]:
        remedy = "keep the losses of all steps, or say that it gives a loss per sequence: per = 'sequence'"
    elif each.shape == ys.shape:
        remedy = "sum over the outputs, axis=-1"
    raise ValueError(
        f"the loss {named(loss)} gives {each.shape or 'one number'} for outputs {ys.shape}; wanted {wanted}: {remedy}"
    )


def _called(loss: Any, ys: Array, targets: Targets) -> Array:
    try:
        return jnp.asarray(an_instance(loss, "the loss")(ys, targets))
    except (TracerArrayConversionError, ConcretizationTypeError):
        raise ValueError(
            f"the loss {named(loss)} computes with numpy, or asks for the value of an array, while JAX traces it: write it in "
            "jax.numpy, with jnp.where for an if"
        ) from None


def takes_two(loss: Any) -> None:
    """Refuse a loss that cannot be called with two arguments."""
    try:
        called = signature(loss)
    except (TypeError, ValueError):  # compiled functions may tell nothing
        return
    try:
        called.bind(None, None)
    except TypeError:
        raise ValueError(
            f"the loss {named(loss)}{called} must be a function (ys (T, B, O), targets) -> losses (T, B)"
        ) from None


def asked(targets: Targets) -> Array:
    """True where something is asked: (T, B) per step, (B,) for strings.

    numbers (T, B, O): any output that is not NaN; labels (T, B): those >= 0; strings (labels, frames): frames > 0.

    >>> asked(jnp.array([[3, -1]])).tolist()
    [[True, False]]
    """
    if isinstance(targets, tuple):
        targets = jnp.asarray(targets[1]) - 1  # whole numbers: 0 frames become -1
    targets = jnp.asarray(targets)
    if jnp.issubdtype(targets.dtype, jnp.floating):
        return jnp.any(~jnp.isnan(targets), axis=-1)
    return jnp.greater_equal(targets, 0)


def whole_numbers(name: str, labels: Array) -> None:
    """Refuse labels that are no whole numbers."""
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"{name}: labels must be whole numbers, not {labels.dtype}")


def same(name: str, ys: Array, targets: Array) -> None:
    """Refuse numbers that are not one for each output."""
    if not jnp.issubdtype(targets.dtype, jnp.floating):
        raise ValueError(f"{name}: targets must be floating-point numbers, not {targets.dtype}")
    fit(name, ys, targets, ys.shape, "one number per output")


def fit(name: str, ys: Array, targets: Array, wanted: tuple[int, ...], meaning: str) -> None:
    """Refuse targets of another shape than is wanted."""
    if targets.shape != wanted:
        raise ValueError(f"{name}: targets {targets.shape} do not fit outputs {ys.shape}; wanted {wanted}, {meaning}")
