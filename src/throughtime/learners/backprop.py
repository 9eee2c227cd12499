"""Backpropagation (Rumelhart, Hinton & Williams 1986): errors travel through layers, never around a loop.

    delta_l(t) = f'(net_l(t)) * (dL/da_l(t) + sum over connections c from l outside loops, delays d: W_c,d delta_c(t+d))
    dL/dW_c,d  = sum over t of a_source(t-d) delta(t)^T

Delays outside loops (a tapped delay line on the input, the hidden layers of a time-delay network) carry errors as the
wiring says; what a loop feeds back, or a memory keeps, is taken as an input that was given. Nothing is stepped on the way
back. Time O(T B weights), memory O(T B units).
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from throughtime.engine.effective import Weights
from throughtime.engine.forward import start
from throughtime.engine.schedule import schedule
from throughtime.learners.bptt import Stretch, one_sweep, stretch_exactness
from throughtime.learners.lesson import Exact, Lesson, check_carry, compiled
from throughtime.losses import Loss
from throughtime.network import Network


@dataclass(frozen=True)
class Backprop:
    """Backpropagation within each time step and through delays outside loops.

    Exact on every network without loops, time-delay networks included; on a loop it is the learning rule of the first
    Jordan and Elman networks, which took the context as an input. Source: Rumelhart, Hinton & Williams 1986.

    >>> import throughtime as tt
    >>> tt.Backprop().exact_on(tt.feedforward(2, 3, 1)), tt.Backprop().exact_on(tt.elman(2, 3, 1))
    ('always', 'never')
    """

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Stretch:
        """The history before the first step."""
        return Stretch(start(network, weights, batch, key), jnp.ones(batch, bool))

    @compiled
    def learn(
        self, network: Network, weights: Weights, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        """One stretch: what is carried on, and its loss and gradients (sums)."""
        check_carry(self, network, weights, carry, xs)
        return one_sweep(network, weights, carry, xs, targets, loss, lengths, "delays")

    def exact_on(self, network: Network) -> Exact:
        """ "never" on a network with a loop or a memory."""
        return "never" if any(part.stepped for part in schedule(network)) else stretch_exactness(network)
