"""Models of dynamic systems, from measured inputs and outputs to free runs and forecasts."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from throughtime.dynamics import running
from throughtime.dynamics.ensemble import Ensemble
from throughtime.dynamics.holding import Fold, Mask, held_out
from throughtime.dynamics.intervals import Conformal, Coverage, learned
from throughtime.dynamics.preparing import streams, used_by
from throughtime.dynamics.records import (
    Record,
    columns,
    following,
    in_order,
    index_of,
    many,
    names_of,
    records_of,
    table,
)
from throughtime.dynamics.scores import Scores, scores
from throughtime.dynamics.settling import settle
from throughtime.dynamics.teaching import Progress, Questions, Teaching, teach, usual
from throughtime.engine import Weights, init
from throughtime.network import CLOCK, Network
from throughtime.sequences import dtype_of
from throughtime.storage import Column, Model, columns_of, limits, standardise

Values = NDArray[np.float64]
FREE, ONE_STEP = "free run", "one step"


def leading_only(y: Values, steps: int) -> Values:
    """The first steps of y (T, O), NaN after them: measured outputs that lead a free run at its beginning."""
    return np.where((np.arange(len(y)) < steps)[:, None], y, np.nan)


def refuse_undelayed(network: Network) -> None:
    """Raise a ValueError if a layer hears the output of the same step, in whose place a measurement would come too late."""
    for layer in network.layers:
        if any(c.source == network.output and 0 in c.delays for c in layer.connections):
            raise ValueError(
                f"layer {layer.name!r} hears the output with delay 0, in whose place no measurement can be heard in time; "
                "give that connection a delay of at least 1"
            )


class DynamicModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model of a dynamic system: networks of one wiring, trained from many starts, whose mean simulates and forecasts.

    network       a `Network` in closed loop, such as `tt.narx(1, 10, 1, range(3), range(1, 3))` or `tt.gru(1, 6, 1)`, or a
                  function (inputs, outputs) -> Network
    teaching      the stages of training, `Teaching` values; None: Bayesian regularisation, for a network that hears its
                  outputs with teacher forcing first, then in closed loop
    restarts      networks trained at once, each from its own first weights (for each fold)
    folds         0: the last part of every record is held out, and tells when to stop. F: F blocks of time are held out in
                  turn, with `restarts` networks for each; the model is the mean of all, and all data are used
    validation    share of every record that is held out, with folds=0; 0: nothing is, and the last weights are kept
    keep          how many networks of each fold to keep, the best by their free run on held-out data; None: all
    washout       steps, after those that fill the delays, in which nothing is asked
    low, high     limits that the output sensors can show (a number, or one per output; None: none): outputs are shown within
                  them, and in training a target at its limit is no reproach to an output beyond it; what is fed back is not
                  cut off
    scale         bring inputs and outputs to mean 0 and deviation 1 over the steps that are learned from (with folds: all);
                  undone in all that is returned
    horizon       steps ahead for which forecast intervals are learned from held-out data; 0: none are
    first         a function (network, seed) -> first weights of one network
    random_state  of the first weights

    Fitted: `network_`, `weights_` (with a leading axis of members), `inputs_` and `outputs_` (`Column`), `members_` (fold,
    seed, held-out free-run error and best epoch of each), `intervals_` (`Conformal`, or None where too little is held out),
    `losses_` and `validations_` (stage by stage, per look and member).

    Cost: training time is `restarts` times that of one network at most, far less for small ones, which run side by side.

    >>> import numpy as np, throughtime as tt
    >>> u = np.random.default_rng(0).normal(size=200)
    >>> y = np.convolve(u, 0.5 ** np.arange(9))[:200]
    >>> model = tt.DynamicModel(tt.narx(1, 3, 1, 0, 1), [tt.Teaching(epochs=50)], restarts=2, random_state=0).fit(u, y)
    >>> model.simulate(u).shape, model.forecast(3, u_future=u[:3]).shape
    ((200,), (3,))
    """

    def __init__(
        self,
        network: Any,
        teaching: Sequence[Teaching] | None = None,
        restarts: int = 10,
        folds: int = 0,
        validation: float = 0.2,
        keep: int | None = None,
        washout: int = 0,
        low: Any = None,
        high: Any = None,
        scale: bool = True,
        horizon: int = 50,
        first: Callable[[Network, int], Weights] = init,
        random_state: Any = 0,
    ) -> None:
        self.network = network
        self.teaching = teaching
        self.restarts = restarts
        self.folds = folds
        self.validation = validation
        self.keep = keep
        self.washout = washout
        self.low = low
        self.high = high
        self.scale = scale
        self.horizon = horizon
        self.first = first
        self.random_state = random_state

    def fit(self, u: Any, y: Any) -> Self:
        """Learn from records: u (T, I), (T,) or None, y (T, O) or (T,), or lists of them; NaN in y are gaps.

        raises  ValueError for records that do not fit, `Diverged` if no network stays finite
        """
        for _ in self.lessons(u, y):
            pass
        return self

    def lessons(
        self, u: Any, y: Any, folds: Sequence[Fold] | None = None, scaled: Sequence[Mask] | None = None
    ) -> Iterator[Progress]:
        """`fit`, look by look: after each the model is fitted with the best weights so far, so one may stop.

        folds   of every record what is asked and what is held out, in place of what `folds` and `validation` say
        scaled  of every record (T,) the steps whose mean and deviation the networks see as 0 and 1; None: those that some
                network is asked
        """
        records = records_of(u, y)
        self._decide(records)
        parts = folds or [Fold(~m, m) for m in held_out(records, self.used_, self.folds, self.validation)]
        self._scale(u, y, records, scaled or [np.asarray(p.asked.any(axis=0)) for p in parts])
        masks = [part.held_out for part in parts]
        weights = self._draw(len(masks[0]))
        drawn = Ensemble(self.network_, weights, self.inputs_, self.outputs_)
        questions = self._questions([drawn.seen(r) for r in records], parts)
        for progress in teach(self.network_, weights, self._stages(), questions, drawn.loss(), int(self._seeds[0])):
            self._note(progress)
            self._choose(progress.report, any(mask.any() for mask in masks))
            yield progress
        self.intervals_ = self._intervals(records, masks)
        together = self.ensemble()
        self._last = together.after(together.seen(records[-1])), records[-1].index

    def _decide(self, records: list[Record]) -> None:
        """The network."""
        inputs, outputs = records[0].u.shape[1], records[0].y.shape[1]
        network = self.network if isinstance(self.network, Network) else self.network(inputs=inputs, outputs=outputs)
        if network.is_open or network.lead:
            raise ValueError(
                "give the network in closed loop and without removed delays: training opens the loop where it needs to"
            )
        refuse_undelayed(network)
        self.network_, self.used_ = network, used_by(network)
        self._forget()

    def _scale(self, u: Any, y: Any, records: list[Record], steps: Sequence[Mask]) -> None:
        """Names and scaling, from these steps of each record."""
        self.single_ = np.ndim(y[0] if many(y) else y) == 1
        inputs, outputs = records[0].u.shape[1], records[0].y.shape[1]
        rows = [np.concatenate([getattr(r, part)[m] for r, m in zip(records, steps, strict=True)]) for part in "uy"]
        if np.isnan(rows[1]).all(axis=0).any():
            raise ValueError("an output was measured nowhere in what is learned from: one column of y is all NaN there")
        self.inputs_ = columns_of(rows[0], names_of(u, "u", inputs), self.scale) if inputs else ()
        bare = columns_of(rows[1], names_of(y, "y", outputs), self.scale)
        low, high = (np.broadcast_to(np.asarray(v, float), outputs) for v in (self.low, self.high))
        self.outputs_ = tuple(
            Column(c.name, c.mean, c.scale, *(None if np.isnan(v) else float(v) for v in edges))
            for c, *edges in zip(bare, low, high, strict=True)
        )

    def _draw(self, folds: int) -> Weights:
        """First weights of every fold and restart."""
        count = folds * self.restarts
        first = int(check_random_state(self.random_state).randint(2**31 - 1 - count))
        self._seeds = first + np.arange(count)
        self._fold = np.repeat(np.arange(folds), self.restarts)
        self.losses_: list[list[Any]] = []
        self.validations_: list[list[Any]] = []
        return running.stack([self.first(self.network_, int(seed)) for seed in self._seeds])

    def _questions(self, seen: list[Record], parts: Sequence[Fold]) -> Questions:
        asked: list[list[Values]] = [[], []]
        for record, fold in zip(seen, parts, strict=True):
            after = np.arange(len(record)) >= self.used_ + self.washout
            for kind, mask in enumerate(fold):
                asked[kind].append(np.where((mask & after)[self._fold][:, :, None], record.y, np.nan))
        return Questions(seen, *asked)

    def _stages(self) -> Sequence[Teaching]:
        if self.teaching is not None:
            return [self.teaching] if isinstance(self.teaching, Teaching) else self.teaching
        return usual(self.network_)

    def _note(self, progress: Progress) -> None:
        if progress.stage >= len(self.losses_):
            self.losses_.append([])
            self.validations_.append([])
        self.losses_[progress.stage].append(progress.report.loss)
        if progress.report.validation is not None:
            self.validations_[progress.stage].append(progress.report.validation)

    def _choose(self, report: Any, validated: bool) -> None:
        """Keep the best networks of each fold, of those that stayed finite."""
        error, kept = np.asarray(report.best_loss if validated else report.loss), []  # without one, of the last weights
        for fold in range(int(self._fold[-1]) + 1):
            own = np.flatnonzero((self._fold == fold) & np.isfinite(error))
            kept += sorted(own[np.argsort(error[own], kind="stable")][: self.keep])
        chosen = np.array(kept, int)
        weights = report.best if validated else report.weights
        self.weights_ = jax.tree.map(lambda leaf: leaf[chosen], weights)
        self.members_ = [
            {
                "fold": int(self._fold[k]),
                "seed": int(self._seeds[k]),
                "error": float(np.sqrt(error[k])),
                "epoch": int(report.best_epoch[k]),
            }
            for k in chosen
        ]

    def _intervals(self, records: list[Record], masks: list[Mask]) -> Conformal | None:
        """From the forecast errors of every fold's networks, from origins in what was held out for it."""
        folds = [[k for k, m in enumerate(self.members_) if m["fold"] == fold] for fold in range(len(masks[0]))]
        together, found = self.ensemble(), []
        for record, mask in zip(records, masks, strict=True):
            found += together.misses(record, mask, folds, self.horizon)
        return learned(found)

    def ensemble(self) -> Ensemble:
        """The networks and their scaling, which run."""
        check_is_fitted(self, "weights_")
        return Ensemble(self.network_, self.weights_, self.inputs_, self.outputs_)

    def predict(self, u: Any, y: Any) -> Any:
        """One step ahead: y^(t) from inputs up to t and measured outputs up to t-1; in the form of y.

        Where an output is missing (NaN), the model's own prediction is heard in its place.
        """
        made = [self._shown(self.follow(r.u, r.y), r.index) for r in self._records(u, y)]
        return made if many(y) else made[0]

    def simulate(self, u: Any, history: Any = None, steps: int | None = None) -> Any:
        """A free run: the model hears the inputs and its own past outputs; (T, O), or (T,) for one.

        u        (T, I), (T,), a table, or a list of records; None with `steps` for a series without inputs
        history  (u, y) measured before, any number of steps: the run goes on from there; None: from the start
        """
        if u is not None and many(u):
            return [self.simulate(one, history) for one in u]
        inputs = np.zeros((steps or 0, 0)) if u is None else columns(self._ordered(u), "inputs u", gaps=False)
        together, past = self.ensemble(), None if history is None else self._past(*history)
        return self._shown(together.run(together.drive(inputs), past), index_of(u))

    def forecast(self, horizon: int, u_future: Any = None, history: Any = None, level: float | None = None) -> Any:
        """The next `horizon` outputs after the last record of `fit`, or after `history` (u, y).

        u_future  (horizon, I): the inputs to come; None for a series without inputs
        level     0.8 or 0.95: also the ends of intervals that hold the true values so often, as learned from held-out data

        returns  (horizon, O), or (horizon,) for one output, with an index that goes on where the record had one; with
                 `level` the triple (forecast, low, high)
        """
        together = self.ensemble()
        if history is None and not hasattr(self, "_last"):
            raise ValueError("this model does not hold its record; give history=(u, y) to forecast from")
        past, index = self._last if history is None else (self._past(*history), index_of(*history))
        later = following(index, horizon)
        if u_future is None and self.inputs_:
            heard = ", ".join(c.name for c in self.inputs_)
            raise ValueError(f"the model hears {heard}: give the inputs to come, u_future=, {horizon} steps of them")
        given = (
            np.zeros((horizon, 0)) if u_future is None else columns(self._ordered(u_future), "inputs u_future", False)
        )
        if len(given) != horizon:
            raise ValueError(f"u_future has {len(given)} steps; a forecast of {horizon} needs {horizon}")
        ys = together.run(together.drive(given), past)
        if level is None:
            return self._shown(ys, later)
        if self.intervals_ is None:
            raise ValueError(
                "the model has no forecast intervals: too little was held out to learn them from (validation=, folds=), or "
                "it is a part of another, or settled"
            )
        low, high = limits(self.outputs_)
        ends = [np.clip(end, low, high) for end in self.intervals_.interval(ys, level)]
        return tuple(self._shown(values, later) for values in (ys, *ends))

    def coverage(self, u: Any, y: Any, start: int = 0) -> tuple[Coverage, ...]:
        """How often one record lay within the intervals of forecasts made along it, from step `start` on, for each level.

        raises  ValueError without intervals, or if the record is too short
        """
        together, (record,) = self.ensemble(), self._records(u, y)
        if self.intervals_ is None:
            raise ValueError("the model has no forecast intervals")
        after = np.arange(len(record)) >= start
        found = together.misses(record, after[None], [range(len(self.members_))], self.horizon)
        if not found:
            raise ValueError(f"{len(record) - start} steps are too few to measure the coverage of forecast intervals")
        known = len(self.intervals_.widths[0])
        return self.intervals_.coverage(found[0][:, :known])

    def start(self, history: Any = None) -> Self:
        """Begin to stream: `step` then goes on from `history` (u, y), or from the start."""
        together = self.ensemble()
        self._now = running.begin(together.network, together.weights) if history is None else self._past(*history)
        return self

    def step(self, u: Any = None, measured: Any = None) -> Any:
        """One step of a stream: the next output, (O,) or a number.

        u         (I,) the inputs of this step
        measured  (O,) what was measured at the step before; it takes the place of the model's own output. None, NaN: not
        """
        if not hasattr(self, "_now"):
            self.start()
        dtype = dtype_of(self.weights_)
        if measured is not None and self.network_.feedback is not None:
            known = standardise(np.reshape(np.asarray(measured, float), (1, -1)), self.outputs_)
            self._now = running.told(self.network_, self._now, jnp.asarray(known[0], dtype))
        together = self.ensemble()
        given = np.zeros((1, 0)) if u is None else columns(np.atleast_1d(u)[None], "inputs u", gaps=False)
        seen = together.drive(given).u
        x = {name: jnp.asarray(values[0], dtype) for name, values in streams(self.network_, seen, None).items()}
        ys, self._now = running.tick(self.network_, self.weights_, self._now, x)
        made = together.mean(np.asarray(ys, float)[:, None])[0]
        return float(made[0]) if self.single_ else made

    def evaluate(self, u: Any, y: Any, start: int | None = None) -> dict[str, Scores]:
        """Scores of the free run and of the one-step prediction, output by output, over all records.

        start  first steps in which measured outputs lead and nothing is counted; None: those that fill the delays, and the
               washout
        """
        leading = self.used_ + self.washout if start is None else start
        records = self._records(u, y)
        truth = np.concatenate([r.y[leading:] for r in records])
        names = [c.name for c in self.outputs_]
        made = {}
        for mode in (FREE, ONE_STEP):
            ys = [self.follow(r.u, r.y if mode == ONE_STEP else leading_only(r.y, leading))[leading:] for r in records]
            made[mode] = scores(truth, np.concatenate(ys), names)
        return made

    def score(self, u: Any, y: Any) -> float:
        """1 minus the relative squared error of the free run, mean over outputs (R^2): 1 is perfect."""
        found = self.evaluate(u, y)[FREE].values()
        return float(
            np.mean([-np.inf if s["relative_variance"] is None else 1 - s["relative_variance"] for s in found])
        )

    def settle(self, u: Any, y: Any, steps: int = 200, rate: float = 0.05) -> "DynamicModel":
        """The same model, whose networks start in the state that fits the beginning of a record: u, y measured there.

        For networks with start="learned", which remember what is not measured. `simulate` and `evaluate` of the settled
        model then run from the first step of that record. All other weights stay; there are no forecast intervals.

        steps, rate  of Adam, with which the start is learned

        raises  ValueError if no layer has a learned start
        """
        if all(layer.start == "zero" for layer in self.network_.layers):
            raise ValueError(
                "no layer has start='learned', so there is no state to settle; give history=(u, y) instead"
            )
        (record,), together = self._records(u, y), self.ensemble()
        seen = together.seen(record)
        return self._with(settle(together.network, together.weights, seen.u, seen.y, together.loss(), steps, rate))

    def each(self, u: Values, y: Values) -> Values:
        """(K, T, O): what `follow` gives the mean of, every network for itself."""
        together = self.ensemble()
        return together.each(together.seen(Record(u, y)))

    def follow(self, u: Values, y: Values, advance: running.Advance | None = None) -> Values:
        """(T, O), the members' mean, led by outputs where y (T, O) is a number, free where it is NaN; u (T, I).

        What lies behind `predict` and `simulate`; `advance` is told how far the work has come, 0 to 1.
        """
        together = self.ensemble()
        return together.run(together.seen(Record(u, y)), advance=advance)

    def of_fold(self, fold: int) -> "DynamicModel":
        """The model of those networks alone for which that fold was held out; without forecast intervals."""
        chosen = [k for k, member in enumerate(self.members_) if member["fold"] == fold]
        made = self._with(self.ensemble().members(chosen).weights)
        made.members_ = [self.members_[k] for k in chosen]
        return made

    def _with(self, weights: Weights) -> "DynamicModel":
        """The same model of other weights; what it remembered and its intervals were those of the old ones."""
        made = copy(self)
        made.weights_, made.intervals_ = weights, None
        made._forget()
        return made

    def _forget(self) -> None:
        """The stream, and the state after the last record."""
        for stale in ("_now", "_last"):
            self.__dict__.pop(stale, None)

    def _ordered(self, u: Any) -> Any:
        """A table's input columns by their names."""
        return in_order(u, [c.name for c in self.inputs_], "inputs u")

    def _records(self, u: Any, y: Any) -> list[Record]:
        """Checked records; columns of tables are found by their names."""
        return records_of(self._ordered(u), in_order(y, [c.name for c in self.outputs_], "outputs y"))

    def _past(self, u: Any, y: Any) -> Any:
        """The histories after a measured record."""
        (record,), together = self._records(u, y), self.ensemble()
        return together.after(together.seen(record))

    def _shown(self, values: Values, index: Any) -> Any:
        return table(values, [c.name for c in self.outputs_], index, self.single_)

    def to_model(self, **settings: Any) -> Model:
        """The fitted model, to be saved in a file that cannot run code (`tt.save`) or exported."""
        check_is_fitted(self, "weights_")
        intervals = getattr(self, "intervals_", None)  # None too where the training was stopped early
        about = {
            "single_output": self.single_,
            "members": self.members_,
            "intervals": intervals and intervals.to_dict(),
        } | settings
        weights = jax.tree.map(np.asarray, self.weights_)
        return Model(
            self.network_, weights, self.inputs_, self.outputs_, (), self.washout, about, members=len(self.members_)
        )

    @classmethod
    def from_model(cls, model: Model) -> Self:
        """A fitted model that simulates and forecasts as the one in the file; an open loop is closed."""
        network = model.network.close_loop() if model.network.is_open else model.network
        refuse_undelayed(network)
        made = cls(network, washout=model.washout)
        made.network_, made.used_ = network, used_by(network)
        made.weights_ = model.weights if model.members else running.stack([model.weights])
        made.inputs_, made.outputs_ = () if network.inputs[0][0] == CLOCK else model.inputs, model.outputs
        made.single_ = bool(model.settings.get("single_output", len(model.outputs) == 1))
        made.members_ = list(model.settings.get("members", [{}]))
        intervals = model.settings.get("intervals")
        made.intervals_ = None if intervals is None else Conformal.from_dict(intervals)
        return made
