"""Plain recurrent layers, as one writes them without a library: a JAX scan under jax.grad, and torch's own layers.

All hear x (T, B, N) and give what a training step needs, the sum of squared errors and its gradients. Shared layout, gates in
the order input, forget, output, cell: weights x (N, G N), r (N, G N), b (G N), G = 1 (tanh) or 4 (LSTM).
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.timing import Contestant

Arrays = Mapping[str, Any]
_TORCH_GATES = (0, 1, 3, 2)  # torch: input, forget, cell, output


def _tanh_step(weights: Arrays, state: Array, x: Array) -> tuple[Array, Array]:
    a = jnp.tanh(x @ weights["x"] + state @ weights["r"] + weights["b"])
    return a, a


def _lstm_step(weights: Arrays, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
    a, cell = state
    net = x @ weights["x"] + a @ weights["r"] + weights["b"]
    gates, new = jax.nn.sigmoid(net[:, : 3 * a.shape[1]]), jnp.tanh(net[:, 3 * a.shape[1] :])
    enter, keep, leave = jnp.split(gates, 3, axis=1)
    cell = keep * cell + enter * new
    a = leave * jnp.tanh(cell)
    return (a, cell), a


def _loss(step: Callable[..., Any], states: int, weights: Arrays, xs: Array, targets: Array) -> Array:
    first = jnp.zeros(xs.shape[1:], xs.dtype)
    start = first if states == 1 else (first,) * states
    _, outputs = jax.lax.scan(lambda state, x: step(weights, state, x), start, xs)
    return ((outputs - targets) ** 2).sum()


def jax_scan(kind: str, weights: Arrays, xs: np.ndarray, targets: np.ndarray) -> Contestant:
    """The whole loss under jax.grad, jitted."""
    step, states = {"tanh": (_tanh_step, 1), "lstm": (_lstm_step, 2)}[kind]
    learn = jax.jit(jax.value_and_grad(lambda w, x, y: _loss(step, states, w, x, y)))
    data = jax.device_put((dict(weights), xs, targets))

    def read(result: Any) -> Arrays:
        value, gradients = result
        return {"loss": value, **gradients}

    return Contestant("plain JAX scan", lambda: jax.block_until_ready(learn(*data)), read)


def torch_layer(kind: str, weights: Arrays, xs: np.ndarray, targets: np.ndarray) -> Contestant:
    """torch.nn.RNN or torch.nn.LSTM."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise SystemExit("this table needs torch as its peer: pip install '.[peers]'") from error
    torch.set_num_threads(1)
    units = xs.shape[-1]
    layer = {"tanh": torch.nn.RNN, "lstm": torch.nn.LSTM}[kind](units, units)
    gates = len(weights["b"]) // units
    with torch.no_grad():
        for name, array in _to_torch(weights, gates).items():
            getattr(layer, name).copy_(torch.tensor(array))
    x, y = torch.tensor(xs), torch.tensor(targets)

    def call() -> Any:
        layer.zero_grad()
        outputs, _ = layer(x)
        value = ((outputs - y) ** 2).sum()
        value.backward()
        return value

    def read(value: Any) -> Arrays:
        named = {"x": layer.weight_ih_l0, "r": layer.weight_hh_l0, "b": layer.bias_ih_l0}
        gradients = {key: _gates(value.grad.numpy(), gates).T for key, value in named.items()}
        return {"loss": value.detach().numpy(), **gradients}

    return Contestant(f"torch.nn.{type(layer).__name__}", call, read)


def _to_torch(weights: Arrays, gates: int) -> Arrays:
    rows = {key: _gates(np.asarray(value).T, gates) for key, value in weights.items()}
    return {
        "weight_ih_l0": rows["x"],
        "weight_hh_l0": rows["r"],
        "bias_ih_l0": rows["b"],
        "bias_hh_l0": np.zeros_like(rows["b"]),
    }


def _gates(rows: np.ndarray, gates: int) -> np.ndarray:
    """From our order of gates to torch's, or back: the last two change places."""
    if gates == 1:
        return rows
    parts = np.split(rows, gates)
    return np.concatenate([parts[g] for g in _TORCH_GATES])
