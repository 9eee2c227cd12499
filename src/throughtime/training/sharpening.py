"""A penalty on undecided delays, as a step of an optax optimizer, like weight decay.

A low temperature alone need not decide: where hearing several delays of a pair lowers the training error, learning moves the
softmax back as fast as the temperature falls. The penalty is what makes one delay the cheaper answer.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from throughtime.engine import Weights
from throughtime.network import LearnedDelays, Network


def sharpen(network: Network, strength: float) -> optax.GradientTransformation:
    """Adds to the gradient that of strength * (sum over pairs of units of the entropy of their softmax over delays).

    H = -sum_d p_d log p_d,  p = softmax(delay / temperature)      dH/d delay_d = -p_d (log p_d + H) / temperature

    H is log D where nothing is selected and 0 where one-hot. Put it before the optimizer; raise `strength`
    as `anneal` lowers the temperature, from where it hardly matters to where it wins: about 0.003 to 0.1 of the loss.

    network   with `LearnedDelays` somewhere, at the temperature that is trained
    strength  of the penalty, in units of the mean loss; at least 0

    raises  ValueError for a strength below 0
    cost    that of the softmaxes

    >>> import throughtime as tt
    >>> network = tt.tdnn(1, 2, 1, [tt.LearnedDelays(9), 0])
    >>> optimizer = optax.chain(tt.sharpen(network, 0.01), optax.adam(0.03))
    """
    if not strength >= 0:
        raise ValueError(f"sharpen needs a strength of at least 0, not {strength}")
    return optax.GradientTransformation(_nothing, _Sharpen(network, float(strength)))


def _nothing(_: Any) -> Any:
    return optax.EmptyState()


@dataclass(frozen=True)
class _Sharpen:
    network: Network
    strength: float

    def __call__(self, gradients: Weights, state: Any, weights: Weights | None = None) -> tuple[Weights, Any]:
        if weights is None:
            raise ValueError("sharpen needs the weights: optimizer.update(gradients, state, weights)")
        made = {name: dict(own) for name, own in gradients.items()}
        for layer in self.network.layers:
            for c in layer.connections:
                if isinstance(c.weight, LearnedDelays):
                    pull = jax.grad(_entropy)(weights[layer.name][c.key]["delay"], c.weight.temperature)
                    own = made[layer.name][c.key]
                    made[layer.name][c.key] = own | {"delay": own["delay"] + self.strength * pull}
        return made, state


def _entropy(delay: Array, temperature: float) -> Array:
    logs = jax.nn.log_softmax(delay / temperature, axis=-3)
    return -jnp.sum(jnp.exp(logs) * logs)
