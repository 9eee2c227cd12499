"""flax: nnx.RNN over SimpleCell, OptimizedLSTMCell (the faster of its two) and GRUCell, jitted."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.timing import Contestant
from benchmarks.works import Arrays, Work, nets

CELLS = {"fully-recurrent": "SimpleCell", "lstm": "OptimizedLSTMCell", "gru": "GRUCell"}
# flax's order in ours, and back; LSTM: input, forget, cell, output; GRU: reset, update, candidate
_THERE = {"fully-recurrent": (0,), "lstm": (0, 1, 3, 2), "gru": (1, 2, 0)}
_BACK = {"fully-recurrent": (0,), "lstm": (0, 1, 3, 2), "gru": (2, 0, 1)}


def flax_rnn(work: Work) -> Contestant:
    """The summed squared error and its gradients."""
    try:
        from flax import nnx
    except ModuleNotFoundError as error:
        raise SystemExit("this table needs flax as its peer: pip install '.[peers]'") from error
    cell = getattr(nnx, CELLS[work.kind])(work.units, work.units, rngs=nnx.Rngs(0))
    for parameter, array in zip(_parameters(work.kind, cell), _to_flax(work.kind, work.shared), strict=True):
        parameter[...] = jnp.asarray(array)
    first = cell.initialize_carry(work.xs.shape[1:], nnx.Rngs(0))
    layer, trained, rest = nnx.split(nnx.RNN(cell, time_major=True), nnx.Param, ...)

    @jax.jit
    def learn(weights: Any, xs: Array, targets: Array) -> Any:
        def loss(w: Any) -> Array:
            return ((nnx.merge(layer, w, rest)(xs, initial_carry=first) - targets) ** 2).sum()

        return jax.value_and_grad(loss)(weights)

    data = jax.device_put((trained, work.xs, work.targets))

    def read(found: Any) -> Arrays:
        gradients = _parameters(work.kind, nnx.merge(layer, found[1], rest).cell)
        return {"loss": found[0], **_from_flax(work.kind, [np.asarray(p[...]) for p in gradients])}

    return Contestant("flax nnx.RNN", lambda: jax.block_until_ready(learn(*data)), read)


def _parameters(kind: str, cell: Any) -> list[Any]:
    bias = cell.dense_h.bias if kind == "lstm" else cell.dense_i.bias
    return [cell.dense_i.kernel, cell.dense_h.kernel, bias]


def _to_flax(kind: str, shared: Arrays) -> list[np.ndarray]:
    """flax's GRU has no bias for the net "recurrent"; it is 0 in the weights that `init` draws."""
    there, own = _THERE[kind], (0, 1, 2) if kind == "gru" else _THERE[kind]
    bias = shared["hidden bias"]
    if kind == "gru":
        bias, recurrent = np.split(bias, [3 * len(bias) // 4])
        assert not recurrent.any()
    return [nets(shared["hidden input"], there), nets(shared["hidden recurrent"], own), nets(bias, there)]


def _from_flax(kind: str, found: list[np.ndarray]) -> Arrays:
    back, own = _BACK[kind], (0, 1, 2) if kind == "gru" else _BACK[kind]
    gradients = {"hidden input": nets(found[0], back), "hidden recurrent": nets(found[1], own)}
    return gradients if kind == "gru" else gradients | {"hidden bias": nets(found[2], back)}
