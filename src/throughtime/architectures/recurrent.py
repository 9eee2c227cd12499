"""Networks whose hidden layers hear themselves."""

from throughtime import units
from throughtime.architectures.stacking import Hidden, Inputs, Start, self_hearing, stacked
from throughtime.network import Connection, Network
from throughtime.units import Unit


def elman(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    f: Unit = units.tanh,
    g: Unit = units.linear,
    start: Start = "zero",
    bidirectional: bool = False,
) -> Network:
    """Elman network: s(t) = W^T x(t) + a(t-1); context units copy the hidden activities back, weight one, unit by unit."""
    back = [Connection("self", 1, "identity", name="context")]
    return stacked(inputs, hidden, outputs, self_hearing(f, back, start, bidirectional), g)


def fully_recurrent(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    f: Unit = units.tanh,
    g: Unit = units.linear,
    start: Start = "zero",
    bidirectional: bool = False,
) -> Network:
    """Fully recurrent network: s(t) = W^T x(t) + R^T a(t-1), a(t) = f(s(t)), y(t) = g(V^T a(t))."""
    back = [Connection("self", 1, name="recurrent")]
    return stacked(inputs, hidden, outputs, self_hearing(f, back, start, bidirectional), g)


def focused(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    f: Unit = units.tanh,
    g: Unit = units.linear,
    start: Start = "zero",
    bidirectional: bool = False,
) -> Network:
    """Mozer's focused network: context units a(t) = f(W^T x(t)) + d * a(t-1), with one trained decay d per unit."""
    back = [Connection("self", 1, "diagonal", nets=("carry",), name="decay")]
    layer = self_hearing(units.context(f), back, start, bidirectional, nets=("input",), bias=("input",))
    return stacked(inputs, hidden, outputs, layer, g)


def lstm(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    g: Unit = units.linear,
    start: Start = "zero",
    bidirectional: bool = False,
) -> Network:
    """Long short-term memory with input, forget and output gates (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""
    back = [Connection("self", 1, name="recurrent")]
    return stacked(inputs, hidden, outputs, self_hearing(units.lstm, back, start, bidirectional), g)


def gru(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    g: Unit = units.linear,
    start: Start = "zero",
    bidirectional: bool = False,
) -> Network:
    """Gated recurrent units, the reset gate applied after the recurrent product (as torch and cuDNN have it)."""
    back = [
        Connection("self", 1, nets=("reset", "update", "recurrent"), name="recurrent"),
        Connection("self", 1, "identity", nets=("previous",), name="previous"),
    ]
    layer = self_hearing(
        units.gru,
        back,
        start,
        bidirectional,
        nets=("candidate", "reset", "update"),
        bias=("candidate", "reset", "update", "recurrent"),
    )
    return stacked(inputs, hidden, outputs, layer, g)
