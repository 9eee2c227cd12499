"""What a wiring is as JSON, and in one line."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from throughtime.network.shapes import weight_count
from throughtime.texts import printable, quantity
from throughtime.units import Unit

if TYPE_CHECKING:
    from throughtime.network.value import Network

FEW = 5  # layers that are told one by one


def plain(value: Any) -> Any:
    """The value as JSON has it: units by their names, dataclasses as dicts."""
    if isinstance(value, Unit):
        return value.name
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value


def in_short(network: "Network") -> str:
    """Inputs, layers and weights in one line.

    >>> from throughtime import architectures
    >>> in_short(architectures.narx(1, 4, 1))
    'input 1, hidden 4 tanh, output 1 linear; 29 weights'
    """
    told = [f"{name} {size}" for name, size in network.inputs]
    told += [f"{layer.name} {layer.size} {layer.unit.name}" for layer in network.layers]
    parts = told if len(told) <= FEW + 1 else [*told[: FEW - 1], f"{len(told) - FEW} more", told[-1]]
    lead = f", {quantity(network.lead, 'step')} ahead" if network.lead else ""
    return f"{printable(', '.join(parts))}{lead}; {quantity(weight_count(network), 'weight')}"
