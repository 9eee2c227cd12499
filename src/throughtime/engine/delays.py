"""Learned delays, from the first softmax to the plain network: sharpen it by stages, read what it selects, replace it.

    W_d(i, j) = softmax_d(delay(i, j) / temperature) w(i, j)   ->   w(i, j) at the delay with the largest softmax, else 0

The temperature belongs to the wiring, so a schedule is a few stages of training, each with `anneal(network, temperature)`
and the weights and optimizer state of the one before; each stage is compiled once.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from throughtime.engine.effective import Weights
from throughtime.engine.first import check
from throughtime.engine.schedule import start_rows
from throughtime.network import Connection, Layer, LearnedDelays, Network


class Selected(NamedTuple):
    """What the softmax over delays of one connection says, per pair of units.

    delay      (S, N) the delay with the largest share
    certainty  (S, N) its share of the softmax, from 1/D (nothing selected) to 1 (one-hot)
    """

    delay: Int[Array, "*K S N"]
    certainty: Float[Array, "*K S N"]


def anneal(network: Network, temperature: float) -> Network:
    """The same network with all its softmaxes over delays at that temperature; the weights stay, and fit both.

    W_d = softmax_d(delay / temperature) w: the lower, the nearer to one delay per pair of units. A schedule goes down by
    stages, geometrically, about ten of them: from 1, where every delay is still heard and gets an error, to about 0.05.

    network      with `LearnedDelays` somewhere
    temperature  above 0

    raises  ValueError if no connection has learned delays, or for a temperature that is not above 0
    cost    none here; a network with another temperature is compiled anew, so use stages, not a temperature per update

    >>> import throughtime as tt
    >>> network = tt.tdnn(1, 1, 1, [tt.LearnedDelays(9), 0])
    >>> tt.anneal(network, 0.1).by_name["hidden"].connections[0].weight
    LearnedDelays(maximum=9, minimum=1, temperature=0.1)

    The whole schedule, learning an echo:

    >>> import numpy as np, optax
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> lesson, weights, state = [(x, np.roll(x, 5, axis=0))], tt.init(network, 0), None
    >>> for temperature in np.geomspace(1, 0.1, 3):
    ...     stage = tt.anneal(network, temperature)
    ...     for report in tt.train(stage, weights, tt.BPTT(), tt.SquaredError(), optax.adam(0.05), lesson, epochs=30,
    ...                            optimizer_state=state):
    ...         weights, state = report.weights, report.optimizer_state
    >>> tt.selected_delays(stage, weights)["hidden"]["input"].delay.tolist()
    [[5]]
    """

    cooler = {(m.name, c.key): replace(w, temperature=float(temperature)) for m, c, w in _learned(network)}
    return _changed(network, {place: {"weight": weight} for place, weight in cooler.items()})


def selected_delays(network: Network, weights: Weights) -> dict[str, dict[str, Selected]]:
    """The delay that each pair of units selects, and how certainly: {layer: {connection: Selected(delay, certainty)}}.

    network, weights  the wiring and its weights (with a leading axis of members: so have the answers)

    returns  only the layers and connections with learned delays

    >>> import throughtime as tt
    >>> network = tt.tdnn(2, 3, 1, [tt.LearnedDelays(9), 0])
    >>> tt.selected_delays(network, tt.init(network, 0))["hidden"]["input"].delay.shape
    (2, 3)
    """
    found: dict[str, dict[str, Selected]] = {}
    for m, c, learned in _learned(network):
        shares = jax.nn.softmax(weights[m.name][c.key]["delay"] / learned.temperature, axis=-3)
        delay = jnp.asarray(c.delays)[shares.argmax(-3)]
        found.setdefault(m.name, {})[c.key] = Selected(delay, shares.max(-3))
    return found


def harden(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """The plain network that hears every pair of units at the delay it has selected, and its weights.

    W_d(i, j) = w(i, j) where d has the largest softmax of the pair (i, j), else 0

    A connection with learned delays becomes a dense one, over all delays that some pair selects. Its outputs are those of
    the network that was given, up to what its softmaxes leave to other delays (`selected_delays` tells the certainty):
    the effective weights of a pair differ by 2 (1 - certainty) |w| in sum over delays, so by nothing where one-hot.
    Histories are those of the plain network, shorter where the largest delay is not selected: begin with `start`.

    network  with `LearnedDelays` somewhere: from inputs, between layers, or in loops
    weights  its weights; with a leading axis of members the plain network has the delays of all of them

    returns  (network, weights), an ordinary network: it trains, runs, exports and is stored like any other. What is trained
             on is then every weight at the delays it has, those at 0 too
    raises   ValueError if no connection has learned delays, or if the weights are not those of the network
    cost     that of a dense connection with U delays, the number of different delays that its pairs select:
             U <= min(D, S N), where the learned ones cost D

    >>> import numpy as np, jax.numpy as jnp, throughtime as tt
    >>> network = tt.narx(1, 3, 1, input_delays=tt.LearnedDelays(20), output_delays=tt.LearnedDelays(20, temperature=1e-5))
    >>> plain, weights = tt.harden(network, tt.init(network, 0))
    >>> weights["hidden"]["output"].shape
    (3, 1, 1, 3)
    """
    _check(network, weights)
    made, changes = dict(weights), {}
    for name, own in selected_delays(network, weights).items():
        used = {key: _used(selected.delay) for key, selected in own.items()}
        placed = {key: _placed(weights[name][key]["weight"], own[key].delay, delays) for key, delays in used.items()}
        changes.update({(name, key): {"weight": "dense", "delays": delays} for key, delays in used.items()})
        made[name] = made[name] | placed
    asleep = replace(network, layers=tuple(replace(layer, start="zero") for layer in network.layers))
    return _awake(network, _changed(asleep, changes), made)


def _learned(network: Network) -> list[tuple[Layer, Connection, LearnedDelays]]:
    """The connections with learned delays; at least one."""
    heard = [(m, c, c.weight) for m in network.layers for c in m.connections]
    found = [(m, c, weight) for m, c, weight in heard if isinstance(weight, LearnedDelays)]
    if not found:
        raise ValueError("no connection of the network has learned delays; give one weight=LearnedDelays(maximum)")
    return found


def _changed(network: Network, changes: Mapping[tuple[str, str], dict[str, Any]]) -> Network:
    """The network with changes of connections, by the names of layer and connection."""

    def one(m: Layer, c: Connection) -> Connection:
        return replace(c, **changes.get((m.name, c.key), {}))

    layers = tuple(replace(m, connections=tuple(one(m, c) for c in m.connections)) for m in network.layers)
    return replace(network, layers=layers)


def _check(network: Network, weights: Weights) -> None:
    """Refuse weights of another wiring; of members, the first stands for all."""
    layer, c, _ = _learned(network)[0]
    own = weights.get(layer.name, {}).get(c.key)
    several = isinstance(own, Mapping) and np.ndim(own.get("weight", 0)) == 4
    check(network, jax.tree.map(lambda leaf: leaf[0], weights) if several else weights)


def _used(delay: Any) -> tuple[int, ...]:
    return tuple(int(d) for d in np.unique(np.asarray(delay)))


def _placed(weight: Array, chosen: Array, delays: tuple[int, ...]) -> Array:
    """(U, S, nets, N): every weight (S, nets, N) at its own delay, chosen (S, N)."""
    here = chosen[..., None, :, :] == jnp.asarray(delays)[:, None, None]
    return jnp.where(here[..., None, :], weight[..., None, :, :, :], 0)


def _awake(old: Network, network: Network, weights: Weights) -> tuple[Network, Weights]:
    """With the learned starts of `old`, of which only as many rows are left as are still heard."""
    layers, made = [], dict(weights)
    for layer in network.layers:
        rows, own = start_rows(network, layer), dict(made[layer.name])
        if old.by_name[layer.name].start == "learned":
            first = own.pop("start")
            left = {"memory": first["memory"]} if layer.memory else {}
            if rows:
                left["activity"] = first["activity"][..., first["activity"].shape[-2] - rows :, :]
            if left:
                own["start"], layer = left, replace(layer, start="learned")
        layers.append(layer)
        made[layer.name] = own
    return replace(network, layers=tuple(layers)), made
