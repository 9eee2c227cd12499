"""Handing a history over between the forms of one network: open and closed loop, with and without removed delays."""

from dataclasses import replace

import jax.numpy as jnp

from throughtime.engine.effective import Weights
from throughtime.engine.forward import kind
from throughtime.engine.running import run
from throughtime.engine.schedule import depths
from throughtime.engine.tape import History
from throughtime.network import Network


def hand_over(old: Network, new: Network, weights: Weights, history: History) -> History:
    """The history with which `new` goes on where `old` stopped; both are forms of one network, with the same weights.

    Open to closed loop: the measured outputs become the network's own past, so that a run over known data goes on as a
    free run from there. With removed delays (`new.lead` > `old.lead`) the state moves on to step t + lead, for which all
    that is needed has been heard by step t.

    old, new  forms of one network, made by `open_loop`, `close_loop`, `remove_delay`
    history   of `old` after step t, from `run`, `step` or `start`

    returns  the history of `new` after step t
    raises   ValueError if they are not forms of one network, or if `new` would need what `old` has forgotten

    >>> import jax.numpy as jnp, throughtime as tt
    >>> closed = tt.narx(1, 3, 1)
    >>> opened, weights = closed.open_loop(), tt.init(closed, 0)
    >>> known = {"input": jnp.ones((5, 1, 1)), "measured output": jnp.ones((5, 1, 1))}
    >>> _, history = tt.run(opened, weights, known)
    >>> tt.hand_over(opened, closed, weights, history)["a"]["output"][:, 0, 0].tolist()
    [1.0, 1.0]
    """
    if _base(old) != _base(new):
        raise ValueError(
            "history can be handed over only between open_loop, close_loop and remove_delay of one network"
        )
    ahead = new.lead - old.lead
    if ahead < 0:
        raise ValueError(
            f"the new network leads by {new.lead} steps, the old by {old.lead}: what it would need is forgotten; run the "
            "new network over the record instead"
        )
    if old.is_open != new.is_open and old.lead:
        raise ValueError("open or close the loop first, remove delays after it: a removed delay is not in the history")
    if old.is_open != new.is_open:
        rows = {new.feedback if name == old.feedback else name: past for name, past in history["a"].items()}
        history = history | {"a": {str(name): past for name, past in rows.items()}}
    return _sooner(new, ahead, weights, history) if ahead else history


def _sooner(new: Network, ahead: int, weights: Weights, history: History) -> History:
    """`ahead` steps on with any inputs, since none of them is heard yet; past inputs stay where they were."""
    before, batch = new.add_delay(ahead), _batch(history)
    idle = {name: jnp.zeros((ahead, batch, size), kind(weights)) for name, size in new.inputs}
    _, later = run(before, weights, idle, history)
    deep = depths(new)
    kept = {name: past[past.shape[0] - deep[name] :] for name, past in history["a"].items() if name in dict(new.inputs)}
    rows = {name: past for name, past in (later["a"] | kept).items() if deep[name]}
    return later | {"a": rows}


def _base(network: Network) -> Network:
    """The closed loop without removed delays."""
    closed = network.close_loop() if network.is_open else network
    return closed.add_delay(closed.lead) if closed.lead else replace(closed)


def _batch(history: History) -> int:
    sizes = [past.shape[1] for past in history["a"].values()] + [m.shape[0] for m in history["memory"].values()]
    return sizes[0] if sizes else 1
