"""The network itself, or what a function makes of numbers of inputs and outputs."""

from inspect import Parameter, signature
from typing import Any

from throughtime.network import Network

MORE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
EXAMPLES = {"hidden": "16", "width": "10", "delays": "[range(3), 0]"}  # of what an architecture wants to be told


def built(make: Any, inputs: int, outputs: int, **offered: Any) -> Network:
    """The network itself, or what a function (inputs=, outputs=) makes; `offered` is given where it leaves that open.

    raises  ValueError if it wants more than that, or makes something else

    >>> from throughtime.architectures import lstm
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
