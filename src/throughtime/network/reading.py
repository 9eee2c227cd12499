"""A wiring from JSON."""

import json
from collections.abc import Iterable
from typing import Any

from throughtime.layers import Connection, Layer, LearnedDelays
from throughtime.network.value import Network
from throughtime.units import Unit, named


def from_json(text: str, units: Iterable[Unit] = ()) -> Network:
    """The network written by `Network.to_json`; `units` are your own, found by their names.

    raises  ValueError, in one line, whatever is wrong with the text
    """
    try:
        return _network(json.loads(text), tuple(units))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the wiring cannot be read ({error!r}); give what Network.to_json wrote") from None


def _network(data: Any, units: tuple[Unit, ...]) -> Network:
    layers = tuple(_layer(d, units) for d in data["layers"])
    inputs = tuple((name, size) for name, size in data["inputs"])
    return Network(inputs, layers, data["output"], data.get("lead", 0))


def _layer(data: Any, units: tuple[Unit, ...]) -> Layer:
    parts = {"unit": named(data["unit"], units), "connections": [_connection(c) for c in data["connections"]]}
    return Layer(**{**data, **parts})


def _connection(data: Any) -> Connection:
    weight, delays = data["weight"], data["delays"]
    if isinstance(weight, dict):
        weight = LearnedDelays(**weight)
        if [weight.minimum, weight.maximum, len(delays)] != [delays[0], delays[-1], 1 + delays[-1] - delays[0]]:
            raise ValueError(f"the learned delays {weight.minimum} to {weight.maximum} are not those that are listed")
    return Connection(**{**data, "weight": weight})
