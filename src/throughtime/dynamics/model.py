"""Models of dynamic systems: how they are learned from records, and read from a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime import answers
from throughtime.architectures import built
from throughtime.checks import is_whole, quoted
from throughtime.dynamics.beginning import as_linear, begun, direct, is_linear
from throughtime.dynamics.dead_time import with_dead_time
from throughtime.dynamics.efforts import Counts, effort_of, proposal
from throughtime.dynamics.fitted import Fitted
from throughtime.dynamics.holding import Fold, Mask, held_out
from throughtime.dynamics.intervals import Conformal, learned
from throughtime.dynamics.misses import misses
from throughtime.dynamics.parameters import random_state
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record, many, names_of, records_of
from throughtime.dynamics.teaching import Begun, Questions, StageReport, Teaching, first_best, replaced, teach, usual
from throughtime.dynamics.trying_out import run_away
from throughtime.engine import Weights, init
from throughtime.engine.door import placed
from throughtime.layers import an_instance
from throughtime.models.columns import Column, columns_of, refuse_limits, squared_error
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import stack_members
from throughtime.models.model import Model
from throughtime.network import Network
from throughtime.texts import first_few, quantity

Values = NDArray[np.float64]


def refuse_undelayed(network: Network) -> None:
    """Raise a ValueError if a layer hears the output of the same step, in whose place a measurement would come too late."""
    for layer in network.layers:
        if any(c.source == network.output and 0 in c.delays for c in layer.connections):
            raise ValueError(
                f"layer {layer.name!r} hears the output with delay 0, in whose place no measurement can be heard in time; "
                "give that connection a delay of at least 1"
            )


class DynamicModel(Fitted):
    """A model of a dynamic system: networks of one wiring, trained from many starts, whose mean simulates and forecasts.

    network       a `Network` in closed loop, such as `tt.narx(1, 10, 1, range(3), range(1, 3))` or `tt.gru(1, 6, 1)`, or a
                  function (inputs, outputs) -> Network; None: a NARX network that begins as the linear model, with delays that
                  are found (see `throughtime.dynamics.efforts`)
    teaching      the stages of training, `Teaching` values; None: Bayesian regularisation, for a network that hears its
                  outputs with teacher forcing first, then in closed loop; the linear model is least squares, then for the free run
    restarts      networks trained at once, each from its own first weights (for each fold)
    folds         0: the last part of every record is held out, and tells when to stop. F: F blocks of time are held out in
                  turn, with `restarts` networks for each; the model is the mean of all, and all data are used
    validation    share of every record that is held out, with folds=0; 0: nothing is, and the last weights are kept
    keep          how many networks of each fold to keep, the best by their free run on held-out data; one that runs away on the
                  inputs in another order is the linear model again if it began as that, else it comes after all others.
                  None: all
    effort        "quick", "usual" or "thorough": how many `restarts` and `folds`, with keep=1 and, without `teaching`, networks
                  whose weights decay differently, where none of these four is given; if some are, the others are restarts=5,
                  folds=0, validation=0.2, keep=None
    washout       steps, after those that fill the delays, in which nothing is asked
    low, high     limits that the output sensors can show (a number, or one per output; None: none): outputs are shown within
                  them, and in training a target at its limit is no reproach to an output beyond it; what is fed back is not
                  cut off
    scale         bring inputs and outputs to mean 0 and deviation 1 over the steps that are learned from (with folds: all);
                  undone in all that is returned
    horizon       steps ahead for which forecast intervals are learned from held-out data; 0: none are
    first         a function (network, seed) -> first weights of one network; None: `init`, but a network whose output layer hears
                  inputs and outputs directly (`tt.narx(..., skip=True)`, `tt.narx(1, [], 1)`) begins as the linear model of the
                  steps that it is asked, by least squares, and goes on only where that is better on what is held out
    random_state  of the first weights
    dead_time     steps that inputs take to have any effect, known beforehand: the network hears u(t - dead_time), in all that it
                  does; not for delays that are found, which hold it

    Fitted: `network_`, `weights_` (with a leading axis of members), `inputs_` and `outputs_` (`Column`), `members_` (fold,
    seed, held-out free-run error and best epoch of each; epoch 0: the linear model with which it began), `ranges_` (`Ranges`,
    beyond which it extrapolates), `intervals_` (`Conformal`, or None where too little is held out),
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
        network: Any = None,
        teaching: Sequence[Teaching] | None = None,
        restarts: int | None = None,
        folds: int | None = None,
        validation: float | None = None,
        keep: int | None = None,
        washout: int = 0,
        low: Any = None,
        high: Any = None,
        scale: bool = True,
        horizon: int = 50,
        first: Callable[[Network, int], Weights] | None = None,
        random_state: Any = 0,
        effort: str = "usual",
        dead_time: int = 0,
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
        self.effort = effort
        self.dead_time = dead_time

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:  # as scikit-learn has it
        """In one line: the network, and what it has learned, if it has."""
        if not hasattr(self, "weights_"):
            what = "a narx network whose delays are found" if self.network is None else repr(self.network)
            count = f"effort {self.effort}" if self.restarts is None else quantity(self.restarts, "restart")
            return f"<DynamicModel: {what}, {count}; not fitted>"
        heard, said = (first_few([column.name for column in own]) for own in (self.inputs_, self.outputs_))
        members = quantity(len(self.members_), "member")
        return f"<DynamicModel: {members} of {self.network_!r}; {heard or 'nothing'} -> {said}>"

    def fit(self, u: Any, y: Any) -> Self:
        """Learn from records: u (T, I), (T,) or None, y (T, O) or (T,), or lists of them; NaN in y are gaps.

        A list of arrays or of tables holds several records, and so does a list of lists of rows; a list of lists of numbers is
        one record, row by row, as for `SequenceRegressor`. The index of a table is the time of its rows: numbers or dates,
        each after the one before.

        raises  ValueError for records that do not fit, or whose times are not in order, `Diverged` if no network stays finite
        """
        for _ in self.lessons(u, y):
            pass
        return self

    def lessons(
        self,
        u: Any,
        y: Any,
        folds: Sequence[Fold] | None = None,
        scaled: Sequence[Mask] | None = None,
        after: StageReport | None = None,
    ) -> Iterator[StageReport]:
        """`fit`, look by look: after each the model is fitted with the best weights so far, so one may stop.

        folds   of every record what is asked and what is held out, in place of what `folds` and `validation` say
        scaled  of every record (T,) the steps whose mean and deviation the networks see as 0 and 1; None: those that some
                network is asked
        after   where an earlier run on the same records stood: it goes on from there to the same numbers
        """
        return (at for at in self.taught(u, y, folds, scaled, after) if isinstance(at, StageReport))

    def taught(
        self,
        u: Any,
        y: Any,
        folds: Sequence[Fold] | None = None,
        scaled: Sequence[Mask] | None = None,
        after: StageReport | None = None,
    ) -> Iterator[Begun | StageReport]:
        """`lessons`, which also tells of each stage before it is compiled."""
        records = records_of(u, y)
        self._decide(records)
        counts = self._counts
        parts = folds or [Fold(~m, m) for m in held_out(records, self.used_, counts.folds, counts.validation)]
        self._scale(u, y, records, scaled or [np.asarray(p.asked.any(axis=0)) for p in parts])
        self.ranges_ = Ranges.of(records)
        masks = [part.held_out for part in parts]
        weights = self._draw(len(masks[0]))
        drawn = Ensemble(self.network_, weights, self.inputs_, self.outputs_)
        seen = [Record(*drawn.seen(r.u, r.y), r.index) for r in records]
        linear = self.first is None and bool(direct(self.network_))
        if linear:
            weights = self._as_linear(weights, seen, parts)
        questions, first = self._questions(seen, parts), weights
        validated, loss = any(mask.any() for mask in masks), squared_error(self.outputs_)
        if after is not None:
            self._note(after, validated)
        last = after
        for at in teach(self.network_, weights, self._stages(), questions, loss, int(self._seeds[0]), after, linear):
            if isinstance(at, StageReport):
                self._note(at, validated)
                last = at
            yield at
        if self._counts.keep is not None and last is not None and validated:
            began, every = (replace(drawn, weights=w) for w in (first, last.report.best))
            wild = run_away(every, records, self.ranges_, began if linear else None)
            report = last.report
            if linear:  # it takes the place of what runs away
                report = replaced(report, wild, first_best(self.network_, first, questions, loss))
                wild = np.zeros_like(wild)
            self._choose(report, validated, wild)
        self.intervals_ = self._intervals(records, masks)
        self._last = self.ensemble().after(records[-1].u, records[-1].y), records[-1].index

    def _decide(self, records: list[Record]) -> None:
        """The network."""
        inputs, outputs = records[0].u.shape[1], records[0].y.shape[1]
        if self.network is None and self.dead_time:
            raise ValueError("delays that are found hold the dead time: give a network with dead_time, or leave it out")
        if self.network is None:
            heard = [r.u for r in records] if inputs else None
            network = proposal(heard, [r.y for r in records]).build(inputs, outputs)
        else:
            network = with_dead_time(built(self.network, inputs, outputs), self.dead_time)
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
        refuse_limits([c.name for c in bare], low, high)
        self.outputs_ = tuple(
            Column(c.name, c.mean, c.scale, *(None if np.isnan(v) else float(v) for v in edges))
            for c, *edges in zip(bare, low, high, strict=True)
        )

    def _draw(self, folds: int) -> Weights:
        """First weights of every fold and restart."""
        restarts = self._counts.restarts
        count = folds * restarts
        first = int(random_state(self.random_state).randint(2**31 - 1 - count))
        self._seeds = first + np.arange(count)
        self._fold = np.repeat(np.arange(folds), restarts)
        self.losses_: list[list[Any]] = []
        self.validations_: list[list[Any]] = []
        draw = self.first or init
        return stack_members([draw(self.network_, int(seed)) for seed in self._seeds])

    def _as_linear(self, weights: Weights, seen: list[Record], parts: Sequence[Fold]) -> Weights:
        """Every member as the linear model of the steps that its fold is asked."""
        asked = [part.asked for part in parts]
        found = [as_linear(self.network_, seen, [mask[fold] for mask in asked]) for fold in range(len(asked[0]))]
        return begun(self.network_, weights, [found[fold] for fold in self._fold])

    def _questions(self, seen: list[Record], parts: Sequence[Fold]) -> Questions:
        asked: list[list[Values]] = [[], []]
        for record, fold in zip(seen, parts, strict=True):
            after = np.arange(len(record)) >= self.used_ + self.washout
            for kind, mask in enumerate(fold):
                asked[kind].append(np.where((mask & after)[self._fold][:, :, None], record.y, np.nan))
        return Questions(seen, *asked)

    def _stages(self) -> Sequence[Teaching]:
        an_instance(self.teaching, "teaching")
        if self.teaching is not None:
            return [self.teaching] if isinstance(self.teaching, Teaching) else self.teaching
        effort, made = effort_of(self.effort), usual(self.network_)
        if self.restarts is self.folds is self.validation is self.keep is None and not is_linear(self.network_):
            made = tuple(replace(stage, decay=effort.decays) for stage in made)
        return [stage if effort.epochs is None else replace(stage, epochs=effort.epochs) for stage in made]

    @property
    def _counts(self) -> Counts:
        """How many networks there are, and what is held out from them."""
        given = (self.restarts, self.folds, self.validation, self.keep)
        return effort_of(self.effort).counts(*given, alike=self.first is None and is_linear(self.network_))

    def _note(self, at: StageReport, validated: bool) -> None:
        self.losses_ = [list(looks) for looks in at.losses]
        self.validations_ = [list(looks) for looks in at.validations]
        self._choose(at.report, validated)

    def _choose(self, report: Any, validated: bool, wild: Any = None) -> None:
        """Keep the best networks of each fold, of those that stayed finite; those that run away elsewhere after all others."""
        error, kept = np.asarray(report.best_loss if validated else report.loss), []  # without one, of the last weights
        for fold in range(int(self._fold[-1]) + 1):
            own = np.flatnonzero((self._fold == fold) & np.isfinite(error))
            rank = error[own] if wild is None else np.where(wild[own], np.inf, error[own])
            kept += sorted(own[np.lexsort((error[own], rank))][: self._counts.keep])
        chosen = np.array(kept, int)
        weights = report.best if validated else report.weights
        self.weights_ = jax.tree.map(lambda leaf: placed(np.asarray(leaf)[chosen]), weights)
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
            found += misses(together, record, mask, folds, self.horizon)
        return learned(found)

    @classmethod
    def from_model(cls, model: Model) -> Self:
        """A fitted model that simulates and forecasts as the one in the file; an open loop is closed, a lead taken back.

        raises  ValueError for a model that answers with classes, or once for a whole sequence
        """
        if model.classes or answers.of(model.settings) != answers.EVERY:
            what, who = ("classes", "SequenceClassifier") if model.classes else ("one answer", "SequenceRegressor")
            used = "throughtime recognise" if "features" in model.settings else "throughtime predict"
            raise ValueError(
                f"the model gives {what}, it is none of a dynamic system: use `{used}`, or {who}.from_model"
            )
        together = Ensemble.of(model).closed()
        refuse_undelayed(together.network)
        made = cls(together.network, washout=model.washout)
        made.network_, made.used_ = together.network, used_by(together.network)
        made.weights_, made.inputs_, made.outputs_ = together.weights, together.inputs, together.outputs
        made.single_, made.members_ = _single(model), _members(model)
        ranges, intervals = model.settings.get("ranges"), model.settings.get("intervals")
        made.ranges_ = None if ranges is None else Ranges.from_dict(ranges, len(made.inputs_), len(made.outputs_))
        made.intervals_ = None if intervals is None else Conformal.from_dict(intervals)
        if made.intervals_ is not None and len(made.intervals_.widths[0][0]) != len(model.outputs):
            raise ValueError(f"the forecast intervals are not for {len(model.outputs)} outputs, which the model has")
        return made


def _single(model: Model) -> bool:
    """True if y is (T,), as the settings say."""
    single = model.settings.get("single_output", len(model.outputs) == 1)
    if single not in (True, False) or (single and len(model.outputs) > 1):
        raise ValueError(
            f"the settings say single_output={quoted(single)}, of a model with {len(model.outputs)} outputs"
        )
    return bool(single)


def _members(model: Model) -> list[dict[str, Any]]:
    """What the settings say of each network."""
    count = max(model.members, 1)
    told = model.settings.get("members", [{}] * count)
    if not isinstance(told, list | tuple) or len(told) != count or not all(isinstance(one, Mapping) for one in told):
        raise ValueError(f"the settings say of members {quoted(told)}, where there are {count} of them to be told of")
    if not all(is_whole(one.get("fold", 0), 0) for one in told):
        raise ValueError("the settings name folds of members that are no whole numbers")
    return [dict(one) for one in told]
