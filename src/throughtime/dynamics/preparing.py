"""From records to what a network is run and trained on: delays filled with the true past, the rest as sequences."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime.checks import counted
from throughtime.dynamics.records import Record, many, records_of
from throughtime.engine import History, Weights, start
from throughtime.engine.forward import kind
from throughtime.engine.schedule import depths, state
from throughtime.models.hearing import driven, named_inputs
from throughtime.network import Network
from throughtime.sequences import Example

Values = NDArray[np.float64]


class Batch(NamedTuple):
    """Sequences side by side, for `run` and for a learner: xs {input: (T, B, S)}, targets (T, B, O), history, lengths (B,)."""

    xs: dict[str, Array]
    targets: Array
    history: History
    lengths: Array


class Prepared(NamedTuple):
    """Records made ready for a network.

    sequences  x, target and before, as `train` takes them
    used       first steps of every record that went into its history: sequence step 0 is record step `used`
    """

    sequences: list[Example]
    used: int

    def batch(self, network: Network, weights: Weights) -> Batch:
        """All sequences padded to one length; the history holds the true past where there is one, else the start."""
        lengths = [target.shape[-2] for _, target, _ in self.sequences]
        history, dtype = start(network, weights, len(lengths)), kind(weights)

        def side_by_side(parts: list[Values], filling: float) -> Array:
            rows = max(map(len, parts))
            padded = [np.pad(p, ((0, rows - len(p)), (0, 0)), constant_values=filling) for p in parts]
            return jnp.asarray(np.stack(padded, axis=1), dtype)

        xs = {name: side_by_side([x[name] for x, _, _ in self.sequences], 0.0) for name in self.sequences[0][0]}
        given = {name: side_by_side([b[name] for _, _, b in self.sequences], 0.0) for name in self.sequences[0][2]}
        targets = side_by_side([target for _, target, _ in self.sequences], np.nan)
        return Batch(xs, targets, history | {"a": history["a"] | given}, jnp.asarray(lengths))


def prepare(network: Network, u: Any, y: Any, horizon: int | None = None, targets: Any = None) -> Prepared:
    """Shift records of measured inputs and outputs, and fill the tapped delays with their true history.

    The first steps of a record, as many as the longest delay of the inputs and of the outputs fed back, become the
    history; the network then runs from the next step on. In an open loop the measured outputs are an input; steps that
    would hear a gap (NaN) in them ask nothing. In a history a gap is filled with the value before it, or the first after.

    network  open or closed loop, any number of inputs and outputs; with a lead the targets are that much later
    u        (T, I), (T,), None, or a list of records; the columns are the network's inputs in their order
    y        (T, O), (T,), or a list of records; NaN where nothing was measured
    horizon  cut every record into runs of so many steps, each from its own true history: multi-step prediction errors.
             None: one run to the end of the record
    targets  in place of y, what is asked: (T, O), or (members, T, O) per record

    returns  `Prepared`: `sequences`, which `train` takes, `used`, and `batch(network, weights)` for `run`
    raises   ValueError if a record is too short or does not fit, or if a horizon is wanted for a network that also
             remembers what cannot be measured (a hidden layer with a loop or memory)

    >>> import numpy as np, throughtime as tt
    >>> made = tt.prepare(tt.narx(1, 5, 1, range(3), range(1, 3)), np.arange(10.0), np.arange(10.0))
    >>> made.used, made.sequences[0][2]["output"].tolist()
    (2, [[0.0], [1.0]])
    """
    records = records_of(u, y)
    asked = [r.y for r in records] if targets is None else [np.asarray(t) for t in (targets if many(y) else [targets])]
    _check(network, records[0], horizon)
    used, sequences = used_by(network), []
    for number, (record, target) in enumerate(zip(records, asked, strict=True)):
        if len(record) <= used + network.lead:
            raise ValueError(
                f"record {number} has {len(record)} steps, but the network hears {used} steps back"
                + (f" and leads by {network.lead}" if network.lead else "")
                + ": give longer records or smaller delays"
            )
        sequences += _sequences(network, record, target, used, horizon)
    return Prepared(sequences, used)


def _check(network: Network, record: Record, horizon: int | None) -> None:
    wanted = sum(size for name, size in driven(network) if name != network.measured)
    if record.u.shape[1] != wanted or record.y.shape[1] != network.size_of(network.output):
        raise ValueError(
            f"the records have {counted(record.u.shape[1], record.y.shape[1])}, but the network takes "
            f"{wanted} and gives {network.size_of(network.output)}: "
            "give other columns, or make the network for these"
        )
    if network.backward and (horizon is not None or used_by(network)):
        raise ValueError("a network with backward layers has no history to fill; leave horizon=None and delays out")
    hidden = [row.layer for row in state(network) if row.layer != network.output]
    if horizon is not None and hidden:
        raise ValueError(
            f"horizon={horizon} cuts records into runs from measured history, but what layer {hidden[0]!r} remembers is "
            "not measured; leave horizon=None"
        )
    if horizon is not None and horizon < 1:
        raise ValueError(f"horizon must be at least 1, not {horizon}")


def used_by(network: Network) -> int:
    """The longest delay with which inputs and outputs are heard."""
    heard = {name for name, _ in network.inputs} | {network.output}
    return max((depth for source, depth in depths(network).items() if source in heard), default=0)


def _sequences(network: Network, record: Record, target: Values, used: int, horizon: int | None) -> list[Example]:
    """One record, whole or in runs of `horizon` steps."""
    lead, total, known = network.lead, len(record), filled(record.y)
    later = np.pad(target[..., lead:, :], [(0, 0)] * (target.ndim - 2) + [(0, lead), (0, 0)], constant_values=np.nan)
    rows = named_inputs(network, record.u, known)
    if network.is_open:
        later = np.where(_blind(network, record.y)[:, None], np.nan, later)
    past = dict(rows)
    closed = network.feedback == network.output and network.by_name[network.output].start == "zero"
    if closed:
        past[network.output] = known[lead:]
    deep = {source: depths(network)[source] for source in past if depths(network)[source]}
    made = []
    for first, steps, new in _runs(used, total, horizon):
        before = {source: past[source][first - depth : first] for source, depth in deep.items()}
        asked = later[..., first : first + steps, :].copy()
        asked[..., : new - first, :] = np.nan  # the run before has asked it
        made.append(Example({name: values[first : first + steps] for name, values in rows.items()}, asked, before))
    return made


def _runs(used: int, total: int, horizon: int | None) -> list[tuple[int, int, int]]:
    """First step, number of steps and first new step of each run; all are equally long, so the last may overlap."""
    steps = total - used if horizon is None else min(horizon, total - used)
    return [(min(first, total - steps), steps, first) for first in range(used, total, steps)]


def filled(y: Values) -> Values:
    """Gaps filled with the value before them, at the beginning with the first after; all zero if there is none."""
    rows = np.arange(len(y))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(y), -1, rows), axis=0)
    first = np.where(np.isnan(y).all(axis=0), 0, np.argmin(np.isnan(y), axis=0))
    return np.nan_to_num(np.take_along_axis(y, np.where(last < 0, first, last), axis=0))


def _blind(network: Network, y: Values) -> NDArray[np.bool_]:
    """(T,): the steps at which a measured output that is heard is a gap."""
    gap: NDArray[np.bool_] = np.isnan(y).max(axis=1)
    heard = {d for layer in network.layers for c in layer.connections if c.source == network.measured for d in c.delays}
    blind = np.zeros(len(y), bool)
    for delay in heard:
        blind[delay:] |= gap[: len(gap) - delay]
    return blind
