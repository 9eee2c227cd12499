"""torch's own recurrent layers: RNN, LSTM (oneDNN) and GRU."""

from typing import Any

import numpy as np

from benchmarks.timing import Contestant
from benchmarks.torch_peer import learning, torch
from benchmarks.works import Arrays, Work, nets

LAYERS = {"fully-recurrent": "RNN", "lstm": "LSTM", "gru": "GRU"}
# torch's order in ours, and back; LSTM: input, forget, cell, output; GRU: reset, update, candidate
_THERE = {"fully-recurrent": (0,), "lstm": (0, 1, 3, 2), "gru": (1, 2, 0)}
_BACK = {"fully-recurrent": (0,), "lstm": (0, 1, 3, 2), "gru": (2, 0, 1)}


def torch_layer(work: Work) -> Contestant:
    """torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU."""
    made = getattr(torch().nn, LAYERS[work.kind])(work.units, work.units)
    with torch().no_grad():
        for name, array in _to_torch(work.kind, work.shared).items():
            getattr(made, f"{name}_l0").copy_(torch().tensor(array))
    x, targets = torch().tensor(work.xs), torch().tensor(work.targets)

    def read() -> Arrays:
        return _from_torch(work.kind, {name: p.grad.numpy() for name, p in made.named_parameters()})

    return learning(f"torch.nn.{LAYERS[work.kind]}", made.parameters(), lambda: made(x)[0], targets, read)


def _to_torch(kind: str, shared: Arrays) -> Arrays:
    """The second bias is 0, except in the GRU: its part for the candidate is our bias of the net "recurrent"."""
    there, own = _THERE[kind], (0, 1, 2) if kind == "gru" else _THERE[kind]
    bias = shared["hidden bias"]
    second = np.zeros_like(bias)
    if kind == "gru":
        bias, recurrent = np.split(bias, [3 * len(bias) // 4])
        second = np.concatenate([np.zeros(2 * len(recurrent), bias.dtype), recurrent])
    return {
        "weight_ih": nets(shared["hidden input"], there).T,
        "weight_hh": nets(shared["hidden recurrent"], own).T,
        "bias_ih": nets(bias, there),
        "bias_hh": second,
    }


def _from_torch(kind: str, found: dict[str, Any]) -> Arrays:
    back, own = _BACK[kind], (0, 1, 2) if kind == "gru" else _BACK[kind]
    bias = nets(found["bias_ih_l0"], back)
    if kind == "gru":
        bias = np.concatenate([bias, nets(found["bias_hh_l0"], (2,), 3)])
    return {
        "hidden input": nets(found["weight_ih_l0"].T, back),
        "hidden recurrent": nets(found["weight_hh_l0"].T, own),
        "hidden bias": bias,
    }
