"""Networks whose hidden layers remember nothing: what they know of the past is heard with delays, of inputs or of outputs."""

from collections.abc import Iterable, Mapping, Sequence

from throughtime import units
from throughtime.architectures.stacking import (
    OUTPUT,
    Delays,
    Hidden,
    Inputs,
    Start,
    connections_from,
    sizes_of,
    stacked,
)
from throughtime.network import Connection, Layer, Network
from throughtime.units import Unit


def feedforward(inputs: Inputs, hidden: Hidden, outputs: int, f: Unit = units.tanh, g: Unit = units.linear) -> Network:
    """Feedforward network: a^i = f(W^(i-1) a^(i-1)), no loops and no memory.

    >>> feedforward(3, [5, 4], 2).size_of("hidden2")
    4
    """
    return stacked(inputs, hidden, outputs, lambda i, n, s, below: [Layer(n, s, f, tuple(below))], g)


def window(
    inputs: Inputs, hidden: Hidden, outputs: int, width: int, f: Unit = units.tanh, g: Unit = units.linear
) -> Network:
    """Feedforward network on a sliding window: it hears x(t), x(t-1), ..., x(t-width+1)."""
    depth = len(sizes_of(hidden))
    return tdnn(inputs, hidden, outputs, [range(width), *[0] * depth], f, g)


def tdnn(
    inputs: Inputs, hidden: Hidden, outputs: int, delays: Sequence[Delays], f: Unit = units.tanh, g: Unit = units.linear
) -> Network:
    """Time-delay network: every connection has a weight for each delay of its set {0, D_1, ..., D_N}.

    delays: one set per layer, from the first hidden layer to the output: `delays=[range(3), (0, 2, 4)]`; learned,
    `delays=[LearnedDelays(20), (0, 2)]`; per source, `delays=[{"sound": range(9), "lips": (0, 3)}, 0]`.

    >>> from throughtime import LearnedDelays
    >>> tdnn(16, 8, 3, [[LearnedDelays(20), LearnedDelays(20)], 0]).by_name["hidden"].connections[1].key
    'input 2'
    """
    depth = len(sizes_of(hidden)) + 1
    if len(delays) != depth:
        raise ValueError(
            f"tdnn needs a set of delays for each of its {depth} layers, output included; got {len(delays)}"
        )
    return stacked(inputs, hidden, outputs, lambda i, n, s, below: [Layer(n, s, f, tuple(below))], g, delays)


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
    sizes, back = list(hidden) if isinstance(hidden, Iterable) else [hidden], connections_from([OUTPUT], output_delays)
    sources = [] if inputs == 0 else list(inputs) if isinstance(inputs, Mapping) else ["input"]
    heard = (*(connections_from(sources, input_delays) if sources else ()), *back)
    names = ["hidden"] if len(sizes) == 1 else [f"hidden{index + 1}" for index in range(len(sizes))]
    below = [heard, *((Connection(name),) for name in names)]
    direct = (*below[-1], *(heard if skip and sizes else ()))
    if increments:
        direct = (*direct, Connection(OUTPUT, 1, "identity", name="increment"))
    layers = [Layer(name, size, f, own) for name, size, own in zip(names, sizes, below, strict=False)]
    return Network(inputs, (*layers, Layer(OUTPUT, outputs, g, direct, start=start)), OUTPUT)
