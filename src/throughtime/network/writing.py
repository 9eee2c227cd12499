"""What a wiring is as JSON."""

from dataclasses import fields, is_dataclass
from typing import Any

from throughtime.units import Unit


def plain(value: Any) -> Any:
    """The value as JSON has it: units by their names, dataclasses as dicts."""
    if isinstance(value, Unit):
        return value.name
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value
