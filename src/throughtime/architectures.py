"""The zoo: the networks of the field, each a short piece of wiring.

All take `inputs` (a number, or {name: size}), `hidden` (a number, or a list of numbers for a stack) and `outputs`
(a number), the activation functions `f` of the hidden and `g` of the output layer, and `start="learned"` for a
learned a(0). What they return is an ordinary `Network`.

Where delays are asked for, they are a number, several, `LearnedDelays` (one delay per pair of units, selected by learning),
a list of them (several per pair, each with a weight of its own), or {source: any of these}.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, Literal

from throughtime import units
from throughtime.external_memory import ntm
from throughtime.network import Connection, Layer, LearnedDelays, Network
from throughtime.units import Unit

Inputs = int | Mapping[str, int]
Hidden = int | Sequence[int]
Taps = int | LearnedDelays | Iterable[int | LearnedDelays]
Delays = Taps | Mapping[str, Taps]
Start = Literal["zero", "learned"]

OUTPUT = "output"
MORE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
EXAMPLES = {"hidden": "16", "width": "10", "delays": "[range(3), 0]"}  # of what an architecture wants to be told


def _stack(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    layer: Callable[[int, str, int, list[Connection]], list[Layer]],
    g: Unit,
    taps: Sequence[Delays] | None = None,
    start: Start = "zero",
) -> Network:
    """Input, one or several hidden layers made by `layer(index, name, size, connections)`, output.

    `taps`: the delays with which each layer hears the one below it (default 0).
    """
    sizes = _sizes(hidden)
    sources = list(inputs) if isinstance(inputs, Mapping) else ["input"]
    lines: Sequence[Delays] = [0] * (len(sizes) + 1) if taps is None else taps
    layers: list[Layer] = []
    for index, size in enumerate(sizes):
        name = "hidden" if len(sizes) == 1 else f"hidden{index + 1}"
        made = layer(index, name, size, _heard(sources, lines[index]))
        layers += made
        sources = [m.name for m in made]
    layers.append(Layer(OUTPUT, outputs, g, tuple(_heard(sources, lines[-1])), start=start))
    return Network(inputs, tuple(layers), OUTPUT)


def built(make: Any, inputs: int, outputs: int, **offered: Any) -> Network:
    """The network itself, or what a function (inputs=, outputs=) makes; `offered` is given where it leaves that open.

    raises  ValueError if it wants more than that, or makes something else

    >>> built(lstm, 2, 1, hidden=3).size_of("hidden")
    3
    """
    if isinstance(make, Network):
        return make
    if not callable(make) or isinstance(make, type):
        raise ValueError(f"a network must be a Network, or a function (inputs=, outputs=) that makes one, not {make!r}")
    open_ = [p.name for p in signature(make).parameters.values() if p.default is p.empty and p.kind not in MORE]
    given = {"inputs": inputs, "outputs": outputs} | {name: offered[name] for name in offered if name in open_}
    missing = [name for name in open_ if name not in given]
    if missing:
        name = getattr(make, "__name__", "...")
        told = ", ".join(f"{key}={EXAMPLES.get(key, '...')}" for key in missing)
        raise ValueError(
            f"the network {name} needs {', '.join(missing)} too: give functools.partial(tt.{name}, {told})"
        )
    network = make(**given)
    if not isinstance(network, Network):
        raise ValueError(f"the function for a network must make a Network, not {network!r}")
    return network


def _sizes(hidden: Hidden) -> list[int]:
    sizes = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if not sizes:
        raise ValueError("hidden must be a number of units, or one number for each hidden layer; it is empty")
    return sizes


def _heard(sources: Sequence[str], delays: Delays) -> list[Connection]:
    """The connections from these sources, each with its delays."""
    if not isinstance(delays, Mapping):
        return [c for source in sources for c in _lines(source, delays)]
    if set(delays) != set(sources):
        raise ValueError(f"delays are given for {', '.join(delays)}; what is heard there is {', '.join(sources)}")
    return [c for source in sources for c in _lines(source, delays[source])]


def _lines(source: str, delays: Taps) -> list[Connection]:
    """One connection for numbers, one for each of the learned delays."""
    listed: tuple[int | LearnedDelays, ...] = tuple(delays) if isinstance(delays, Iterable) else (delays,)
    learned = [d for d in listed if isinstance(d, LearnedDelays)]
    numbers = [d for d in listed if not isinstance(d, LearnedDelays)]
    if not learned:
        return [Connection(source, numbers)]
    if numbers:
        raise ValueError(f"delays of {source!r}: give numbers or LearnedDelays, not both")
    names = [None, *(f"{source} {number}" for number in range(2, len(learned) + 1))]
    return [Connection(source, weight=d, name=name) for d, name in zip(learned, names, strict=True)]


def _self_hearing(unit: Unit, back: Sequence[Connection], start: Start, bidirectional: bool, **rest: Any) -> Any:
    """A maker of layers that hear themselves; `back` is written with the source "self"."""

    def layer(_: int, name: str, size: int, below: list[Connection]) -> list[Layer]:
        def one(called: str, backward: bool) -> Layer:
            loops = tuple(Connection(called, c.delays, c.weight, c.nets, name=c.name) for c in back)
            heard = tuple(Connection(c.source, c.delays, c.weight, rest.get("nets")) for c in below)
            return Layer(called, size, unit, heard + loops, rest.get("bias", True), backward, start)

        forward = one(name, False)
        return [forward, one(f"{name} backward", True)] if bidirectional else [forward]

    return layer


def feedforward(inputs: Inputs, hidden: Hidden, outputs: int, f: Unit = units.tanh, g: Unit = units.linear) -> Network:
    """Feedforward network: a^i = f(W^(i-1) a^(i-1)), no loops and no memory.

    >>> feedforward(3, [5, 4], 2).size_of("hidden2")
    4
    """
    return _stack(inputs, hidden, outputs, lambda i, n, s, below: [Layer(n, s, f, tuple(below))], g)


def window(
    inputs: Inputs, hidden: Hidden, outputs: int, width: int, f: Unit = units.tanh, g: Unit = units.linear
) -> Network:
    """Feedforward network on a sliding window: it hears x(t), x(t-1), ..., x(t-width+1)."""
    depth = len(_sizes(hidden))
    return tdnn(inputs, hidden, outputs, [range(width), *[0] * depth], f, g)


def tdnn(
    inputs: Inputs, hidden: Hidden, outputs: int, delays: Sequence[Delays], f: Unit = units.tanh, g: Unit = units.linear
) -> Network:
    """Time-delay network: every connection has a weight for each delay of its set {0, D_1, ..., D_N}.

    delays: one set per layer, from the first hidden layer to the output: `delays=[range(3), (0, 2, 4)]`; learned,
    `delays=[LearnedDelays(20), (0, 2)]`; per source, `delays=[{"sound": range(9), "lips": (0, 3)}, 0]`.

    >>> tdnn(16, 8, 3, [[LearnedDelays(20), LearnedDelays(20)], 0]).by_name["hidden"].connections[1].key
    'input 2'
    """
    depth = len(_sizes(hidden)) + 1
    if len(delays) != depth:
        raise ValueError(
            f"tdnn needs a set of delays for each of its {depth} layers, output included; got {len(delays)}"
        )
    return _stack(inputs, hidden, outputs, lambda i, n, s, below: [Layer(n, s, f, tuple(below))], g, delays)


def waibel(
    inputs: Inputs = 16, hidden: Hidden = 8, outputs: int = 3, delays: Sequence[Delays] = (range(3), range(5))
) -> Network:
    """Waibel's time-delay network for phonemes: logistic units, a window of 3 steps on the input, one of 5 on the hidden units.

    16 spectral coefficients of 15 frames, 8 hidden units and 3 output units (b, d, g). Its outputs are the evidence at
    every step; its answer is their integral over time, which is the loss: `Integrated(SquaredError())`, asked at
    the steps at which both windows are full, the 9 last of 15 frames.

    >>> from throughtime import run, init
    >>> import jax.numpy as jnp
    >>> network = waibel()
    >>> run(network, init(network, 0), jnp.ones((15, 1, 16)))[0][6:].mean(0).shape
    (1, 3)

    Source: A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. Lang, IEEE Trans. ASSP 37, 1989.
    """
    return tdnn(inputs, hidden, outputs, delays, units.logistic, units.logistic)


def jordan(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    f: Unit = units.tanh,
    g: Unit = units.linear,
    start: Start = "zero",
) -> Network:
    """Jordan network: s(t) = W^T x(t) + R^T y(t-1), a(t) = f(s(t)), y(t) = g(V^T a(t)); the output is fed back."""
    return narx(inputs, hidden, outputs, input_delays=0, output_delays=1, f=f, g=g, start=start)


def narx(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    input_delays: Delays = (0, 1, 2),
    output_delays: Delays = (1, 2),
    f: Unit = units.tanh,
    g: Unit = units.linear,
    start: Start = "zero",
    increments: bool = False,
    skip: bool = False,
) -> Network:
    """NARX network, closed loop: y(t) = g(y(t-1), ..., y(t-T_y), x(t), ..., x(t-T_x)); `open_loop()` for teacher forcing.

    *_delays    numbers, `LearnedDelays` (in the loop too, from delay 1), or per source
    inputs      0: a series without exogenous input, y(t) = g(y(t-1), ..., y(t-T_y))
    increments  the network computes the change: y(t-1) is added to the net input of the output layer
    skip        the output layer hears x and y directly too, so that the hidden units only bend a linear model
    hidden      []: no hidden layer, so the linear model itself (ARX)

    >>> narx(1, 10, 1, range(0, 3), range(1, 3)).open_loop().inputs
    (('input', 1), ('measured output', 1))
    """
    sizes, back = list(hidden) if isinstance(hidden, Iterable) else [hidden], _heard([OUTPUT], output_delays)
    sources = [] if inputs == 0 else list(inputs) if isinstance(inputs, Mapping) else ["input"]
    heard = (*(_heard(sources, input_delays) if sources else ()), *back)
    names = ["hidden"] if len(sizes) == 1 else [f"hidden{index + 1}" for index in range(len(sizes))]
    below = [heard, *((Connection(name),) for name in names)]
    direct = (*below[-1], *(heard if skip and sizes else ()))
    if increments:
        direct = (*direct, Connection(OUTPUT, 1, "identity", name="increment"))
    layers = [Layer(name, size, f, own) for name, size, own in zip(names, sizes, below, strict=False)]
    return Network(inputs, (*layers, Layer(OUTPUT, outputs, g, direct, start=start)), OUTPUT)


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
    return _stack(inputs, hidden, outputs, _self_hearing(f, back, start, bidirectional), g)


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
    return _stack(inputs, hidden, outputs, _self_hearing(f, back, start, bidirectional), g)


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
    layer = _self_hearing(units.context(f), back, start, bidirectional, nets=("input",), bias=("input",))
    return _stack(inputs, hidden, outputs, layer, g)


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
    return _stack(inputs, hidden, outputs, _self_hearing(units.lstm, back, start, bidirectional), g)


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
    layer = _self_hearing(
        units.gru,
        back,
        start,
        bidirectional,
        nets=("candidate", "reset", "update"),
        bias=("candidate", "reset", "update", "recurrent"),
    )
    return _stack(inputs, hidden, outputs, layer, g)


# By their names, for all that offer a choice: estimators, command line, docs. Waibel's is a tdnn with numbers of its own.
ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "feedforward": feedforward,
    "window": window,
    "tdnn": tdnn,
    "jordan": jordan,
    "elman": elman,
    "fully_recurrent": fully_recurrent,
    "narx": narx,
    "focused": focused,
    "lstm": lstm,
    "gru": gru,
    "ntm": ntm,
}
