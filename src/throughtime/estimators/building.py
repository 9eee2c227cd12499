"""The network and the optimizer of an estimator, made of what its settings say and the data has."""

from functools import lru_cache
from typing import Any

import optax

from throughtime.architectures import ARCHITECTURES, built
from throughtime.network import Network


def network_for(given: Any, hidden: Any, inputs: int, outputs: int) -> Network:
    """The network of a name, a function or itself, if it takes so many features and gives so many outputs."""
    made = ARCHITECTURES.get(given) if isinstance(given, str) else given
    if made is None:
        raise ValueError(
            f"unknown network {given!r}; known: {', '.join(ARCHITECTURES)}, a Network, or a function of inputs "
            "and outputs such as functools.partial(tt.window, width=10) or functools.partial(tt.lstm, bidirectional=True)"
        )
    network = built(made, inputs, outputs, hidden=hidden)
    sizes = [size for _, size in network.inputs]
    if sizes != [inputs] or network.size_of(network.output) != outputs:
        raise ValueError(
            f"the data has {inputs} features and {outputs} outputs (or classes), but the network has inputs of "
            f"size {sizes} and {network.size_of(network.output)} outputs"
        )
    return network


@lru_cache(maxsize=128)
def estimator_optimizer(make: Any, rate: float) -> optax.GradientTransformation:
    """One object for equal settings, so that compiled training is shared between fits."""
    if not callable(make):
        raise ValueError(
            f"optimizer is {_short(make)}, but the estimators give it learning_rate: give the function that makes one, such as "
            "optimizer=optax.adam with learning_rate=0.01"
        )
    return make(rate)


def _short(optimizer: Any) -> str:
    return (
        repr(optimizer) if isinstance(optimizer, str) else f"a {type(optimizer).__name__} with a step size of its own"
    )
