"""The networks of the cascaded tanks, and how each is taught."""

from dataclasses import dataclass

import jax.numpy as jnp

from throughtime.architectures import elman, fully_recurrent, gru, jordan, lstm, narx, window
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching
from throughtime.engine import Weights, init
from throughtime.network import Network

START, FIRST, LIMIT = 50, 40, 10.0  # samples that initialise, samples before the blocks, volts
FOLDS, SEEDS, QUICK_SEEDS = 6, 4, 2
CALM, LEAK = 0.1, 0.05


@dataclass(frozen=True)
class Entry:
    """One kind of network, and how it is taught."""

    name: str
    network: Network
    epochs: int
    rate: float
    clip: float = 1.0
    calm: bool = False
    loop: str = "closed"

    def model(self, seeds: int, look: int) -> DynamicModel:
        """Not yet fitted; `restarts` networks for each block."""
        stage = Teaching(self.loop, self.epochs, self.rate, clip=self.clip, look=look)
        first = calm if self.calm else init
        return DynamicModel(self.network, [stage], seeds, folds=FOLDS, high=LIMIT, first=first)

    @property
    def settled(self) -> bool:
        """True if the networks remember what is not measured."""
        return any(layer.start == "learned" for layer in self.network.layers)


def calm(network: Network, seed: int) -> Weights:
    """First weights with which a network of increments begins as a slowly leaking integrator."""
    weights = init(network, seed)
    output = {key: CALM * values if key != "bias" else values for key, values in weights["output"].items()}
    back = jnp.zeros_like(output["output"]).at[0, 0, 0, 0].set(-LEAK)
    return weights | {"output": output | {"output": back}}


NARX = narx(1, 10, 1, range(41), (1, 2, 3), increments=True, skip=True)
QUICK = [
    Entry("NARX", NARX, 1000, 3e-3, calm=True),
    Entry("GRU [4, 4]", gru(1, [4, 4], 1, start="learned"), 600, 4e-2),
]
COMMITTEE = [
    Entry("GRU [3, 3]", gru(1, [3, 3], 1, start="learned"), 1200, 3e-2),
    Entry("GRU [4, 4]", gru(1, [4, 4], 1, start="learned"), 1200, 4e-2),
]
FULL = [
    *COMMITTEE,
    Entry("NARX", NARX, 2000, 3e-3, calm=True),
    Entry("NARX, open loop", NARX, 1500, 3e-3, calm=True, loop="open"),
    Entry("NARX, open loop, plain", narx(1, 10, 1, range(41), (1, 2, 3)), 1500, 3e-3, loop="open"),
    Entry("GRU 6", gru(1, 6, 1, start="learned"), 1500, 2e-2),
    Entry("LSTM [4, 4]", lstm(1, [4, 4], 1, start="learned"), 1000, 3e-2),
    Entry("fully recurrent", fully_recurrent(1, 8, 1, start="learned"), 3000, 5e-3, clip=0.1),
    Entry("Elman", elman(1, 8, 1, start="learned"), 3000, 1e-2, clip=0.1),
    Entry("Jordan", jordan(1, 8, 1), 2000, 1e-2, clip=0.1),
    Entry("TDNN", window(1, 8, 1, 50), 1000, 3e-3),
]
