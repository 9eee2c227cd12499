"""Law 6: with the weights of torch's networks, the outputs and the gradients are torch's."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
import zoo
from test_exactness import ERROR, case
from throughtime import Network

TOLERANCE = 1e-10
pytestmark = pytest.mark.peers
PEERS: dict[str, tuple[Network, tuple[int, ...]]] = {
    # ours, and where torch's gates stand in our order of net inputs
    "RNN": (tt.fully_recurrent(3, 4, 2), (0,)),
    "LSTM": (tt.lstm(3, 4, 2), (0, 1, 3, 2)),  # torch: input, forget, cell, output
    "GRU": (tt.gru(3, 4, 2), (2, 0, 1)),  # torch: reset, update, new; its update gate keeps as ours does
}


def torch_or_skip() -> Any:
    """torch; where the peers are required, its absence is a failure."""
    if os.environ.get("THROUGHTIME_REQUIRE_PEERS") == "1":
        import torch

        return torch
    return pytest.importorskip("torch")


def by_gate(parameter: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """torch's (gates N, S) or (gates N,) as (S, gates, N) or (gates, N), the gates in our order."""
    gates = parameter.reshape(len(order), -1, *parameter.shape[1:])[list(order)]
    return np.moveaxis(gates, -1, 0) if gates.ndim == 3 else gates


def layer_of(kind: str, values: dict[str, np.ndarray], end: str, order: tuple[int, ...]) -> dict[str, np.ndarray]:
    """One layer's weights or gradients in our shapes; torch's two biases act as one, except in the GRU."""
    ours = {
        "input": by_gate(values[f"weight_ih_{end}"], order)[None],
        "recurrent": by_gate(values[f"weight_hh_{end}"], order)[None],
        "bias": by_gate(values[f"bias_ih_{end}"], order),
    }
    if kind == "GRU":  # our recurrent connection feeds reset, update, recurrent: torch's own order
        ours["recurrent"] = by_gate(values[f"weight_hh_{end}"], (0, 1, 2))[None]
        ours["bias"] = np.concatenate([ours["bias"], by_gate(values[f"bias_hh_{end}"], (0, 1, 2))[2:]])
    return ours


def peer(torch: Any, kind: str, xs: Any, targets: Any, lengths: Any = None) -> tuple[Any, Any, Any, Any]:
    """torch's network and its read-out: (weights, outputs, gradients) in our shapes, and the loss."""
    torch.manual_seed(0)
    backward = kind.startswith("bidirectional ")
    kind = kind.removeprefix("bidirectional ")
    order = PEERS[kind][1]
    net = getattr(torch.nn, kind)(3, 4, bidirectional=backward).double()
    readout = torch.nn.Linear(8 if backward else 4, 2).double()
    for name, p in net.named_parameters():
        if name.startswith("bias_hh") and kind != "GRU":
            p.data.zero_()
        elif name.startswith("bias_hh"):
            p.data[:8] = 0.0
    x = torch.tensor(np.asarray(xs))
    if lengths is None:
        ys = readout(net(x)[0])
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        ys = readout(torch.nn.utils.rnn.pad_packed_sequence(net(packed)[0], total_length=len(xs))[0])
    wanted = torch.tensor(np.asarray(targets))
    inside = torch.tensor(
        np.arange(len(xs))[:, None, None] < np.asarray(lengths or [len(xs)] * xs.shape[1])[None, :, None]
    )
    loss = torch.where(inside & ~torch.isnan(wanted), (ys - torch.nan_to_num(wanted)) ** 2, 0.0).sum()
    loss.backward()

    def ours(pick: Any) -> Any:
        values = {name: pick(p).detach().numpy() for name, p in net.named_parameters()}
        read = pick(readout.weight).detach().numpy().T[None, :, None, :]
        made = {
            "hidden": layer_of(kind, values, "l0", order),
            "output": {"hidden": read[:, :4], "bias": pick(readout.bias).detach().numpy()[None]},
        }
        if backward:
            made["hidden backward"] = layer_of(kind, values, "l0_reverse", order)
            made["output"]["hidden backward"] = read[:, 4:]
        return jax.tree.map(jnp.asarray, made)

    outputs = torch.where(inside, ys, 0.0).detach().numpy()
    return ours(lambda p: p.data), outputs, ours(lambda p: p.grad), loss.item()


@pytest.mark.parametrize("lengths", [None, (4, 6)], ids=["whole", "padded"])
@pytest.mark.parametrize("kind", [*PEERS, *(f"bidirectional {kind}" for kind in PEERS)])
def test_outputs_and_gradients_are_those_of_torch(kind: str, lengths: Any) -> None:
    torch = torch_or_skip()
    make = {"RNN": tt.fully_recurrent, "LSTM": tt.lstm, "GRU": tt.gru}[kind.split()[-1]]
    network = make(3, 4, 2, bidirectional=kind.startswith("bidirectional"))
    _, xs, targets = case(network)
    weights, outputs, gradients, loss = peer(torch, kind, xs, targets, lengths)
    lesson = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR, lengths=lengths)
    assert lesson.loss == pytest.approx(loss, rel=TOLERANCE)
    assert zoo.distance(lesson.outputs, jnp.asarray(outputs)) < TOLERANCE
    assert zoo.distance(lesson.gradients, gradients) < TOLERANCE
    assert zoo.alive(gradients)
