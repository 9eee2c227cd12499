"""The history of an exported network: before the first step, or after a measured record."""

from typing import Any

import numpy as np

from throughtime.engine import History
from throughtime.exchange.time_step import TimeStep, Values, time_step_of
from throughtime.models.ensemble import Ensemble
from throughtime.models.model import Model


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
    step, together = time_step_of(model, dtype), Ensemble.of(model)
    after = together.after(*together.given(u, y))
    return {part.name: _exported(step, after, part.kind, part.source) for part in step.parts}


def _exported(step: TimeStep, history: History, kind: str, source: str) -> Values:
    """From (K, D, B, S) or (K, B, 1, N) to (B, D, S) and (B, N), with members (K, ...)."""
    rows = np.asarray(history[kind][source], step.dtype)
    made = np.moveaxis(rows, -3, -2) if kind == "a" else rows[..., 0, :]
    return np.repeat(made, step.members // len(made), axis=0) if step.members else made[0]
