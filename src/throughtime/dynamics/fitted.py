"""What a fitted model of a dynamic system does: it predicts, simulates, forecasts, streams, and is judged."""

import warnings
from copy import copy
from typing import Any, Self

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_whole, quoted
from throughtime.dynamics.intervals import Conformal, Coverage
from throughtime.dynamics.misses import misses
from throughtime.dynamics.parameters import Parameters
from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record, columns, in_order, index_of, many, records_of, table
from throughtime.dynamics.scores import Scores, relative_variances, scores
from throughtime.dynamics.settling import settle
from throughtime.engine import Weights
from throughtime.models.columns import Column, limits
from throughtime.models.ensemble import Ensemble
from throughtime.models.model import Model
from throughtime.models.rollout import Advance
from throughtime.models.stream import Stream
from throughtime.network import Network
from throughtime.times import check_plan, coming, refuse

Values = NDArray[np.float64]
FREE, ONE_STEP = "free run", "one step"


def steps_ahead(steps: int) -> str:
    """The name of predictions so many steps ahead; a ValueError for what is no whole number of at least 1."""
    _check_steps("ahead", steps, 1, "the steps to predict ahead")
    return ONE_STEP if steps == 1 else f"{steps} steps"


def _check_steps(name: str, steps: Any, least: int, what: str) -> None:
    if not is_whole(steps, least):
        raise ValueError(f"{name} must be a whole number of at least {least}, {what}, not {quoted(steps)}")


def _finite(what: str, ys: Values) -> Values:
    """The run, with a warning if it is not finite."""
    wild = np.flatnonzero(~np.isfinite(ys).all(axis=1))
    if len(wild):
        warnings.warn(
            f"{what}: the outputs are not finite from step {wild[0]} on: the network ran away; check the inputs, train in closed "
            "loop, or begin with the linear model (tt.narx(..., skip=True))",
            RuntimeWarning,
            stacklevel=3,
        )
    return ys


def leading_only(y: Values, steps: int) -> Values:
    """The first steps of y (T, O), NaN after them: measured outputs that lead a free run at its beginning."""
    return np.where((np.arange(len(y)) < steps)[:, None], y, np.nan)


class Fitted(Parameters):
    """Networks of one wiring that have learned, and run; `DynamicModel` is this, and the learning."""

    washout: int
    horizon: int
    network_: Network
    used_: int
    weights_: Weights
    inputs_: tuple[Column, ...]
    outputs_: tuple[Column, ...]
    members_: list[dict[str, Any]]
    intervals_: Conformal | None
    ranges_: Ranges | None
    single_: bool

    def __getattr__(self, name: str) -> Any:
        """What only `fit` gives, asked for before it; `NotFittedError` is an AttributeError, too."""
        if name.endswith("_") and not name.startswith("_") and "weights_" not in vars(self):
            from sklearn.exceptions import NotFittedError  # here, since it takes long to import

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit(u, y) first")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def ensemble(self) -> Ensemble:
        """The networks and their scaling, which run."""
        return Ensemble(self.network_, self.weights_, self.inputs_, self.outputs_)

    def predict(self, u: Any, y: Any, ahead: int = 1) -> Any:
        """`ahead` steps ahead: y^(t) from inputs up to t and measured outputs up to t - ahead; in the form of y.

            y^(t) = f(u(t), u(t-1), ...; y^(t-1), ..., y^(t-k+1), y(t-k), y(t-k-1), ...),  k = ahead

        so the last value of the forecast of k steps after step t - k, along the whole record. In the first k steps, before
        which nothing was measured, it is the free run from the start; with k as long as the record or longer, all of it is.
        Where an output is missing (NaN), the model's own prediction is heard in its place. A model that does not hear past
        outputs gives the same as in `simulate`.

        ahead  at least 1

        raises  ValueError if it is not
        cost    time O(T), for more than one step O(T ahead): forecasts from all steps, 128 of them side by side

        >>> import numpy as np, throughtime as tt
        >>> u = np.sin(np.arange(60.0))
        >>> y = np.append(0, u[:-1])
        >>> model = tt.DynamicModel(tt.narx(1, 3, 1, 0, 1), [tt.Teaching(epochs=5)], restarts=1).fit(u, y)
        >>> later = model.predict(u, y, ahead=3)
        >>> bool(np.isclose(later[40], model.forecast(3, u[38:41], history=(u[:38], y[:38]))[-1], atol=1e-6))
        True
        """
        made = [self._shown(self.follow(r.u, r.y, ahead=ahead), r.index) for r in self._records(u, y)]
        return made if many(y) else made[0]

    def simulate(self, u: Any, history: Any = None, steps: int | None = None) -> Any:
        """A free run: the model hears the inputs and its own past outputs; (T, O), or (T,) for one.

        u        (T, I), (T,), a table, or a list of records; None with `steps` for a series without inputs
        history  (u, y) measured before, any number of steps: the run goes on from there, and so do the times of u, if there
                 are any; None: from the start

        warns    `RuntimeWarning` where the run is no longer finite
        """
        if u is not None and many(u):
            return [self.simulate(one, history) for one in u]
        if steps is not None:
            _check_steps("steps", steps, 0, "those to simulate")
        inputs = np.zeros((steps or 0, 0)) if u is None else columns(self._ordered(u), "inputs u", gaps=False)
        index = index_of(u)
        refuse(index, "inputs u")
        together, past = self.ensemble(), None if history is None else self._past(*history)
        if history is not None and index is not None:
            check_plan(index_of(*history), index, "history", "u")
        return self._shown(_finite("simulate", together.run(inputs, history=past)), index)

    def forecast(self, horizon: int, u_future: Any = None, history: Any = None, level: float | None = None) -> Any:
        """The next `horizon` outputs after the last record of `fit`, or after `history` (u, y).

        u_future  (horizon, I): the inputs to come; None for a series without inputs. Where it has times, as the record has,
                  they must follow on it
        level     0.8 or 0.95: also the ends of intervals that hold the true values so often, as learned from held-out data

        returns  (horizon, O), or (horizon,) for one output, with an index that goes on where the record had one, at its usual
                 step (the calendar's, else the median); with `level` the triple (forecast, low, high)
        raises   ValueError for inputs to come that are too few, or whose times do not follow on the record
        """
        together = self.ensemble()
        _check_steps("horizon", horizon, 0, "the steps to forecast")
        if history is None and not hasattr(self, "_last"):
            raise ValueError("this model does not hold its record; give history=(u, y) to forecast from")
        past, index = self._last if history is None else (self._past(*history), index_of(*history))
        if u_future is None and self.inputs_:
            heard = ", ".join(c.name for c in self.inputs_)
            raise ValueError(f"the model hears {heard}: give the inputs to come, u_future=, {horizon} steps of them")
        given = (
            np.zeros((horizon, 0)) if u_future is None else columns(self._ordered(u_future), "inputs u_future", False)
        )
        if len(given) != horizon:
            raise ValueError(f"u_future has {len(given)} steps; a forecast of {horizon} needs {horizon}")
        later = coming(index, horizon, index_of(u_future))
        ys = _finite("forecast", together.run(given, history=past))
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
        found = misses(together, record, after[None], [range(len(self.members_))], self.horizon)
        if not found:
            raise ValueError(f"{len(record) - start} steps are too few to measure the coverage of forecast intervals")
        known = len(self.intervals_.widths[0])
        return self.intervals_.coverage(found[0][:, :known])

    def start(self, history: Any = None) -> Self:
        """Begin to stream: `step` then goes on from `history` (u, y), or from the start."""
        self._stream = Stream(self.ensemble())
        record = None if history is None else self._records(*history)[0]
        self._now = self._stream.start(record and (record.u, record.y))
        return self

    def step(self, u: Any = None, measured: Any = None) -> Any:
        """One step of a stream: the next output, (O,) or a number.

        u         (I,) the inputs of this step
        measured  (O,) what was measured at the step before; it takes the place of the model's own output. None, NaN: not
        """
        if not hasattr(self, "_now"):
            self.start()
        stream, now = self._stream, self._now
        made, self._now = stream.step(now if measured is None else stream.with_measured(now, measured), u)
        return made.item() if self.single_ else made

    def judged_from(self, ahead: int) -> int:
        """The first row by which predictions so many steps ahead are judged: so long before, delays and washout were over."""
        return int(self.used_ + self.washout + ahead - 1)

    def evaluate(self, u: Any, y: Any, start: int | None = None, ahead: int = 1) -> dict[str, Scores]:
        """Scores of the free run and of the one-step prediction, output by output, over all records.

        start  first steps in which measured outputs lead and nothing is counted; None: those that fill the delays, and the
               washout
        ahead  more than 1: also of the prediction so many steps ahead, as `predict` makes it, in rows so many steps before
               which delays and washout were over
        """
        leading = self.used_ + self.washout if start is None else start
        records = self._records(u, y)
        names = [c.name for c in self.outputs_]
        made = {}
        for mode, steps in {FREE: 1, ONE_STEP: 1, steps_ahead(ahead): ahead}.items():
            heard = [leading_only(r.y, leading) if mode == FREE else r.y for r in records]
            ys = [self.follow(r.u, y, ahead=steps)[leading:] for r, y in zip(records, heard, strict=True)]
            late = max(leading, self.judged_from(steps)) if steps > 1 else leading
            truth = [np.where((np.arange(len(r)) < late)[:, None], np.nan, r.y)[leading:] for r in records]
            made[mode] = scores(np.concatenate(truth), np.concatenate(ys), names)
        return made

    def score(self, u: Any, y: Any) -> float:
        """1 minus the relative squared error of the free run, mean over the outputs that vary (R^2): 1 is perfect."""
        return 1 - float(np.mean(relative_variances(self.evaluate(u, y)[FREE])))

    def settle(self, u: Any, y: Any, steps: int = 200, rate: float = 0.05) -> Self:
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
        (record,) = self._records(u, y)
        return self._with(settle(self.ensemble(), record.u, record.y, steps, rate))

    def each(self, u: Values, y: Values) -> Values:
        """(K, T, O): what `follow` gives the mean of, every network for itself."""
        return self.ensemble().each(u, y)

    def follow(self, u: Values, y: Values, advance: Advance | None = None, ahead: int = 1) -> Values:
        """(T, O), the members' mean, led by outputs where y (T, O) is a number, free where it is NaN; u (T, I).

        What lies behind `predict` and `simulate`; `advance` is told how far the work has come, 0 to 1.
        """
        steps_ahead(ahead)
        return self.ensemble().ahead(u, y, ahead, advance)

    def of_fold(self, fold: int) -> Self:
        """The model of those networks alone for which that fold was held out; without forecast intervals."""
        chosen = [k for k, member in enumerate(self.members_) if member.get("fold") == fold]
        if not chosen:
            raise ValueError(f"no network of this model is one of fold {fold}")
        made = self._with(self.ensemble().members(chosen).weights)
        made.members_ = [self.members_[k] for k in chosen]
        return made

    def _with(self, weights: Weights) -> Self:
        """The same model of other weights; what it remembered and its intervals were those of the old ones."""
        made = copy(self)
        made.weights_, made.intervals_ = weights, None
        made._forget()
        return made

    def _forget(self) -> None:
        """The stream, and the state after the last record."""
        for stale in ("_stream", "_now", "_last"):
            self.__dict__.pop(stale, None)

    def _ordered(self, u: Any) -> Any:
        """A table's input columns by their names."""
        return in_order(u, [c.name for c in self.inputs_], "inputs u")

    def _records(self, u: Any, y: Any) -> list[Record]:
        """Checked records; columns of tables are found by their names."""
        return records_of(self._ordered(u), in_order(y, [c.name for c in self.outputs_], "outputs y"))

    def _past(self, u: Any, y: Any) -> Any:
        """The histories after a measured record."""
        (record,) = self._records(u, y)
        return self.ensemble().after(record.u, record.y)

    def _shown(self, values: Values, index: Any) -> Any:
        return table(values, [c.name for c in self.outputs_], index, self.single_)

    def to_model(self, **settings: Any) -> Model:
        """The fitted model, to be saved in a file that cannot run code (`tt.save`) or exported."""
        intervals = getattr(self, "intervals_", None)  # None too where the training was stopped early
        about = {
            "single_output": self.single_,
            "members": self.members_,
            "intervals": intervals and intervals.to_dict(),
            "ranges": self.ranges_ and self.ranges_.to_dict(),
        } | settings
        weights = jax.tree.map(np.asarray, self.weights_)
        return Model(
            self.network_, weights, self.inputs_, self.outputs_, (), self.washout, about, members=len(self.members_)
        )
