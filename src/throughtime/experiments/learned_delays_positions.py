"""Delays as positions on the tapped delay line, with a hill around each (DCLS)."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from throughtime import engine
from throughtime.experiments.delay_data import LONGEST, OUTPUTS, DelaySystem, DelayTask, Values
from throughtime.losses import SquaredError
from throughtime.network import Network

SEEDS, STEPS, UPDATES, RATE = 10, 800, 1002, 0.03
FASTER, FIRST_WIDTH, LAST_WIDTH, SPREADING = 30.0, 15.0, {"Gaussian": 0.3, "triangle": 1.0}, 0.75
ADAM = optax.adam(optax.cosine_decay_schedule(RATE, UPDATES, 0.05))


class FoundDelays(NamedTuple):
    """A plain network, its weights, and the delays it has per source, (K, S, N); None: all."""

    network: Network
    weights: Any
    delays: dict[str, Values] | None


def sequence_taught(network: Network, x: Values, y: Values) -> tuple[Any, Values]:
    """A sequence to learn from: nothing is asked while the delays fill."""
    asked = np.where(np.arange(len(y))[:, None] < LONGEST, np.nan, y)
    return ({"input": x, network.measured: y} if network.is_open else x), asked


def network_taught(task: DelayTask, learned: bool) -> Network:
    """The network as it is taught: with measured outputs in the place of its own."""
    network = task.network(learned)
    return network.open_loop() if task.feedback else network


def interpolated(kind: str, width: Array, position: Array, weight: Array) -> Array:
    """The weights (D, S, 1, N) of taps (K, S, N) that lie between the delays: each a hill around its position.

    >>> one = jnp.ones((1, 1, 1))
    >>> interpolated("triangle", 1.0, 2.25 * one, one)[:4, 0, 0, 0].round(3).tolist()
    [0.0, 0.75, 0.25, 0.0]
    """
    gap = jnp.abs(jnp.arange(1.0, LONGEST + 1)[:, None, None, None] - position)
    hill = jnp.maximum(1 - gap / width, 0) if kind == "triangle" else jnp.exp(-0.5 * (gap / width) ** 2)
    return ((hill / (hill.sum(0) + 1e-9)) * weight).sum(1)[:, :, None]


@partial(jax.jit, static_argnames=("network", "kind"))
def moved(network: Network, kind: str, faster: float, first: Any, xs: Any, targets: Array) -> tuple[Any, Any]:
    """Adam on weights and positions (K, S, N), then on weights at rounded positions: the taps, and the network's weights."""

    def acting(taps: Any, width: Any) -> Any:
        own = {key: interpolated(kind, width, taps["position"][key], weight) for key, weight in taps["weight"].items()}
        return {"output": own | {"bias": taps["bias"]}}

    def cost(taps: Any, width: Any) -> Array:
        ys, _ = engine.run(network, acting(taps, width), xs)
        return SquaredError()(ys, targets).sum() / len(targets)

    def step(going: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], None]:
        taps, state = going
        done = number / (SPREADING * UPDATES)
        width = jnp.where(done < 1, FIRST_WIDTH * (LAST_WIDTH[kind] / FIRST_WIDTH) ** done, LAST_WIDTH[kind])
        hard = taps | {"position": jax.tree.map(jnp.round, taps["position"])}
        taps = jax.tree.map(partial(jnp.where, done < 1), taps, hard)
        change, state = ADAM.update(jax.grad(cost)(taps, width), state)
        change["position"] = jax.tree.map(lambda c: jnp.where(done < 1, faster * c, 0), change["position"])
        taps = optax.apply_updates(taps, change)
        return (taps | {"position": jax.tree.map(lambda p: jnp.clip(p, 1, LONGEST), taps["position"])}, state), None

    (taps, _), _ = lax.scan(step, (first, ADAM.init(first)), jnp.arange(UPDATES))
    return taps, acting(taps, LAST_WIDTH[kind])


def positioned(kind: str, faster: float, known: bool, task: DelayTask, given: DelaySystem, seed: int) -> FoundDelays:
    """Taps at positions, which move `faster` than weights are learned; 0: they stay, at the system's delays or at random ones."""
    network, random = network_taught(task, learned=False), np.random.default_rng(seed)
    names = {s: c.key for s, c in zip(task.sources, network.layers[0].connections, strict=True)}
    shapes = {s: (taps, size, OUTPUTS) for s, (size, taps) in task.sources.items()}
    limit = (3 / sum(size * taps for size, taps in task.sources.values())) ** 0.5
    weights = {names[s]: random.uniform(-limit, limit, shape) for s, shape in shapes.items()}
    places = {names[s]: random.uniform(1, LONGEST, shape) for s, shape in shapes.items()}
    if known:
        places = {names[s]: taps.delays for s, taps in given.known.items()}
    elif not faster:
        places = {key: place.round() for key, place in places.items()}
    first = {"weight": weights, "position": places, "bias": np.zeros((1, OUTPUTS))}
    x, targets = sequence_taught(network, *given.training)
    xs, ys = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32)[:, None], (x, targets))
    taps, made = moved(network, kind, faster, jax.tree.map(partial(jnp.asarray, dtype=jnp.float32), first), xs, ys)
    return FoundDelays(network, made, {s: np.asarray(taps["position"][names[s]]).round().astype(int) for s in names})
