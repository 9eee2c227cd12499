"""The history of an exported network: before the first step, or after a measured record."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from throughtime.engine import History, Weights, start, step
from throughtime.engine.door import native
from throughtime.engine.forward import kind
from throughtime.engine.schedule import depths
from throughtime.exchange.plan import Plan, Values, each_member, plan_of
from throughtime.models.columns import standardise
from throughtime.models.model import Model
from throughtime.network import Network
from throughtime.sequences import refuse_first


def row_told(network: Network) -> int | None:
    """The row of the output's past, counted back from the newest, in which a measured output is put; None: nowhere.

    Without a lead it is the output just computed. With a lead it was computed `lead` steps before, and is put right
    before the step that first hears it.
    """
    row = max(network.lead - 1, 0)
    return row if network.feedback == network.output and row < depths(network)[network.output] else None


def initial_history(model: Model, u: Any = None, y: Any = None, dtype: Any = None) -> dict[str, Values]:
    """The history with which an exported network goes on after a measured record, as `export_onnx` names its parts.

    The network runs over the record; where an output was measured, it takes the place of the network's own in what is
    fed back. A free run from there is a forecast that starts from the truth.

    model  what was exported
    u      (T, I) or (T,), in the units of the data; None: a network without inputs, or no record
    y      (T, O) or (T,), in the units of the data; NaN, or None: not measured
    dtype  as given to `export_onnx`

    returns  {name: array} in the network's standardised units, for one sequence: (1, D, S) past activities, the oldest
             first, (1, N) memories; with members (K, 1, ...). For B sequences put them side by side along the axis of
             length 1. Without u and y it is the history before the first step
    raises   ValueError if u or y does not fit the model, or if it cannot be exported
    cost     time O(T weights)

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.exchange import initial_history
    >>> network = tt.narx(1, 3, 1, input_delays=(0, 1), output_delays=(1, 2))
    >>> model = tt.Model(network, tt.init(network, 0), outputs=(tt.Column("level", mean=5.0, scale=2.0),))
    >>> history = initial_history(model, np.ones(10), np.full(10, 7.0))
    >>> {name: rows[0, :, 0].tolist() for name, rows in history.items()}
    {'history_input': [1.0], 'history_output': [1.0, 1.0]}
    """
    model = replace(model, weights=native(model.weights))
    plan = plan_of(model, dtype)
    after = each_member(partial(start, plan.network, batch=1), model)(model.weights)
    if u is not None or y is not None:
        xs, told = _record(plan, u, y, kind(model.weights))
        after = each_member(lambda w, h: _follow(plan.network, w, h, xs, told), model)(model.weights, after)
    return {part.name: _exported(plan, part.kind, after[part.kind][part.source]) for part in plan.parts}


def _exported(plan: Plan, kind: str, values: Array) -> Values:
    """From (D, B, S) or (B, 1, N), with members (K, ...), to (B, D, S) and (B, N)."""
    rows = np.asarray(values, plan.dtype)
    return np.moveaxis(rows, -3, -2) if kind == "a" else rows[..., 0, :]


def _record(plan: Plan, u: Any, y: Any, dtype: Any) -> tuple[dict[str, Array], Array]:
    """The record as the network sees it: {input: (T, S)} and (T, O), NaN where not measured."""
    given = {
        "u": None if u is None else _table("u", u, len(plan.u)),
        "y": None if y is None else _table("y", y, len(plan.y)),
    }
    lengths = {name: len(rows) for name, rows in given.items() if rows is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"u has {lengths['u']} steps and y has {lengths['y']}; they are one record")
    steps = next(iter(lengths.values()))
    if given["u"] is None and plan.u:
        raise ValueError(f"the network has inputs ({', '.join(c.name for c in plan.u)}); give u")
    rows = np.zeros((steps, 0)) if given["u"] is None else standardise(given["u"], plan.u)
    refuse_first("u", rows, ~np.isfinite(rows), "fill the gap, or begin after it")
    told = np.full((steps, len(plan.y)), np.nan) if given["y"] is None else standardise(given["y"], plan.y)
    borders = np.cumsum([size for _, size in plan.inputs])[:-1]
    seen = dict(zip((name for name, _ in plan.inputs), np.split(rows, borders, axis=1), strict=False))
    idle = {name: np.zeros((steps, size)) for name, size in plan.network.inputs}
    return {name: jnp.asarray(x, dtype) for name, x in (idle | seen).items()}, jnp.asarray(told, dtype)


def _table(name: str, given: Any, width: int) -> Values:
    values = np.asarray(given, float)
    rows = values[:, None] if values.ndim == 1 and width == 1 else values
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} has shape {values.shape}; the model wants (steps, {width})")
    return rows


@partial(jax.jit, static_argnames="network")
def _follow(network: Network, weights: Weights, history: History, xs: Any, told: Array) -> History:
    """Fold `step` over the record, and put in the fed-back past what was measured."""
    row = row_told(network)

    def one(history: History, now: Any) -> tuple[History, None]:
        x, y = now
        sooner = _tell(network, history, row, y) if network.lead else history
        _, later = step(network, weights, sooner, {name: value[None] for name, value in x.items()})
        return later if network.lead else _tell(network, later, row, y), None

    return lax.scan(one, history, (xs, told))[0]


def _tell(network: Network, history: History, row: int | None, y: Array) -> History:
    if row is None:
        return history
    past = history["a"][network.output]
    told = past.at[-1 - row].set(jnp.where(jnp.isnan(y), past[-1 - row], y))
    return history | {"a": history["a"] | {network.output: told}}
