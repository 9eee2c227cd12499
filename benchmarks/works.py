"""What the grid times: networks, sizes, and the weights, inputs and targets that all contestants share.

Shared layout, {"layer source": array}: dense weights (D S, nets N), delay after delay and net after net, biases (nets N).
The nets of an LSTM are input, forget, output, cell. Those of a GRU: candidate, reset, update from the input; reset, update,
recurrent from the units themselves; the bias has all four.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import throughtime as tt

Arrays = Mapping[str, Any]

SIZES = ((1000, 1, 32), (100, 32, 64), (200, 64, 128), (100, 32, 256), (100, 64, 512), (1000, 1, 256))
TAPS, FEEDBACK = 3, 2  # delays 0, 1, 2 of an input, and 1, 2 of an output


def _alone(network: tt.Network) -> tt.Network:
    """The hidden layer without the output layer, which torch's recurrent layers do not have."""
    return tt.Network(network.inputs, network.layers[:1], network.layers[0].name)


def _narx(outer: int, units: int) -> tt.Network:
    return tt.narx(outer, units, outer, range(TAPS), range(1, FEEDBACK + 1))


NETWORKS = {
    "fully-recurrent": lambda units: _alone(tt.fully_recurrent(units, units, 1)),
    "elman": lambda units: _alone(tt.elman(units, units, 1)),
    "jordan": lambda units: tt.jordan(units, units, units),
    "lstm": lambda units: _alone(tt.lstm(units, units, 1)),
    "gru": lambda units: _alone(tt.gru(units, units, 1)),
    "narx": lambda units: _narx(1, units),
    "narx-wide": lambda units: _narx(units, units),
    "tdnn": lambda units: tt.tdnn(units, units, units, [range(TAPS), range(TAPS)]),
}


@dataclass(frozen=True)
class Work:
    """One network of the grid at one size: weights as throughtime has them, xs (T, B, I), targets (T, B, O)."""

    kind: str
    network: tt.Network
    weights: Any
    xs: np.ndarray
    targets: np.ndarray

    @property
    def units(self) -> int:
        """How many units the hidden layer has."""
        return self.network.layers[0].size

    @property
    def shared(self) -> dict[str, np.ndarray]:
        """The weights in the layout that all contestants share."""
        return flat(self.weights)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products in one forward pass: 2 T B (numbers in dense weights)."""
        return self._operations(list(self.shared))

    @property
    def spared(self) -> int:
        """Those of sending errors back to the inputs, where nobody asks for them."""
        inputs = {name for name, _ in self.network.inputs}
        return self._operations([name for name in self.shared if name.split()[1] in inputs])

    def _operations(self, names: list[str]) -> int:
        dense = sum(self.shared[name].size for name in names if self.shared[name].ndim == 2)
        return 2 * self.xs.shape[0] * self.xs.shape[1] * dense


def work(kind: str, steps: int, batch: int, units: int) -> Work:
    """Weights from `init`, white inputs and targets; the same numbers each time."""
    if kind not in NETWORKS:
        raise SystemExit(f"no network {kind!r} in the grid; there are {', '.join(NETWORKS)}")
    network = NETWORKS[kind](units)
    random = np.random.default_rng(0)
    shapes = [(steps, batch, size) for size in (network.inputs[0][1], network.size_of(network.output))]
    xs, targets = (random.standard_normal(shape, np.float32) for shape in shapes)
    return Work(kind, network, tt.init(network, 0, np.float32), xs, targets)


def flat(weights: Any) -> dict[str, np.ndarray]:
    """From throughtime's (D, S, nets, N) and (nets, N) to the shared layout."""
    arrays = {f"{layer} {key}": np.asarray(array) for layer, own in weights.items() for key, array in own.items()}
    return {
        name: array.reshape(array.shape[0] * array.shape[1], -1) if array.ndim == 4 else array.reshape(-1)
        for name, array in arrays.items()
    }


def nets(array: Any, order: tuple[int, ...], count: int | None = None) -> np.ndarray:
    """The blocks of the last axis in another order; count: how many there are, where some are left out."""
    blocks = np.split(np.asarray(array), count or len(order), axis=-1)
    return np.concatenate([blocks[index] for index in order], axis=-1)
