"""Sequences: from a list of unequal sequences, each with its target, to a few padded arrays.

A sequence is a pair (x, target), or a triple (x, target, before). x is (steps, features), or {input: (steps, size)} for a
network with several inputs. `before` is its true history, {source: (rows, size)} in order of time: what went before step 1
in delay lines of inputs, or of layers such as the output; a source that is not named starts as `engine.start` has it.
What the target is depends on the loss:

    numbers    (steps, outputs): asked at every step;  (outputs,): asked at the last step;  NaN: not asked
    labels     (steps,) whole numbers: at every step;  one whole number: at the last step;  -1: not asked
    strings    a list of labels, as long as it is

Which of them it takes a loss says itself, as told in `losses.Traits`. `Integrated` asks for one target of a sequence at
all its steps; at the last step alone it is refused where layers run backward, which have heard only that step there.

Where several networks are trained side by side, numbers may be (members, steps, outputs): NaN differ from one to another.
Sequences of similar length share a bucket, padded to one length: few lengths are compiled. Padding asks nothing.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime import answers, blocks, losses
from throughtime.engine import History, run, start
from throughtime.engine.door import precision
from throughtime.engine.forward import kind
from throughtime.engine.schedule import depths
from throughtime.network import Network

Values = NDArray[Any]
Inputs = dict[str, Values]  # {input: (steps, size)}
TOO_LARGE = "networks compute in float32, up to 3.4e38: give it in a larger unit"
OTHER_KINDS = (  # what NumPy would turn into numbers in silence: the letter of its type, the word for it, the remedy
    ("M", "dates", "which are no numbers; make them an index, or numbers such as the hour of the day"),
    ("m", "time spans", "which are no numbers; divide them by a unit, as in spans / np.timedelta64(1, 's')"),
    ("c", "complex numbers", "Complex data not supported: give real and imaginary part as two columns"),
)


class Example(NamedTuple):
    """A checked sequence: inputs, target, and what went before."""

    x: Inputs
    target: Values
    before: Inputs


@partial(jax.tree_util.register_dataclass, data_fields=["xs", "targets", "lengths", "history"], meta_fields=["full"])
@dataclass(frozen=True)
class Bucket:
    """Padded sequences; the last one, or several, are empty (length 0, asks nothing) and fill up batches.

    xs       {input: (T, N+1, S)}
    targets  (T, N+1, O) numbers, (T, N+1) labels, or the pair of CTC: labels (N+1, L), frames (N+1,)
             with members (K, T, N+1, O)
    lengths  (N+1,)
    full     True if all columns but the last are known to be sequences of T steps
    history  {source: (D, N+1, S)} what went before, where it is given
    """

    xs: dict[str, Array]
    targets: Any
    lengths: Array
    full: bool
    history: dict[str, Array]

    @cached_property
    def count(self) -> int:
        """The number of sequences, without the empty ones; they come first. Read from the arrays once."""
        return int(np.count_nonzero(self.lengths))

    @property
    def places(self) -> int:
        """The number of columns N, without the last, which is always empty; a shape, so known while JAX traces."""
        return int(self.lengths.shape[0]) - 1

    def pick(self, index: Array) -> "Bucket":
        """Some of the sequences, in that order; `full` is about all of them."""
        axis = 0 if isinstance(self.targets, tuple) else 1
        targets = jax.tree.map(lambda t: jnp.take(t, index, axis=axis), self.targets)
        xs, history = (
            {name: jnp.take(values, index, axis=1) for name, values in part.items()} for part in (self.xs, self.history)
        )
        return Bucket(xs, targets, self.lengths[index], self.full, history)

    def member_axes(self) -> "Bucket":
        """For vmap over members: 0 where the parts differ from one to another (targets, if they have an axis for it), else None."""
        own = 0 if isinstance(self.targets, Array) and self.targets.ndim == 4 else None
        return Bucket(None, own, None, self.full, None)  # type: ignore[arg-type]

    def begin(self, history: History) -> History:
        """That history, with the true past in the place of its start."""
        return history | {"a": history["a"] | self.history} if self.history else history


def inputs_of(network: Network, x: Any, number: int = 0) -> Inputs:
    """The inputs of sequence `number` as {input: (steps, size)}, checked."""
    names = [name for name, _ in network.inputs]
    if not isinstance(x, Mapping):
        if len(names) > 1:
            raise ValueError(f"sequence {number}: the network has inputs {', '.join(names)}; give a dict of arrays")
        x = {names[0]: x}
    if set(x) != set(names):
        raise ValueError(f"sequence {number}: inputs are {', '.join(map(str, x))}; the network has {', '.join(names)}")
    checked = {name: _input(f"sequence {number}, input {name!r}", x[name], size) for name, size in network.inputs}
    steps = {name: len(values) for name, values in checked.items()}
    if len(set(steps.values())) > 1:
        raise ValueError(f"sequence {number}: its inputs have different numbers of steps: {steps}")
    return checked


def _input(where: str, given: Any, size: int) -> Values:
    values = numbers_of(where, given)
    if values.ndim != 2:
        raise ValueError(f"{where} has shape {values.shape}; wanted (steps, features), one feature is x[:, None]")
    if values.shape[1] != size:
        raise ValueError(f"{where} has {values.shape[1]} features, but the network takes {size}")
    if not len(values):
        raise ValueError(f"{where} is empty; leave the sequence out")
    refuse_first(where, values, ~np.isfinite(values), "fill the gap, or cut the sequence there")
    refuse_first(where, values, too_large(values), TOO_LARGE)
    return values


def numbers_of(where: str, given: Any) -> Values:
    """What was given as an array of floating-point numbers, of its own precision if it has one.

    raises  ValueError if it cannot be read as numbers; NumPy would make nanoseconds of dates, and real parts of complex ones
    """
    refuse_other_kinds(where, given)
    try:
        values = np.asarray(given)
        return values if values.dtype.kind == "f" else values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} cannot be read as numbers: {error}") from None


def refuse_other_kinds(where: str, given: Any) -> None:
    """Raise an error if there are dates, time spans or complex numbers in an array, a list or a table."""
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        for place, name in enumerate(given.columns):
            refuse_other_kinds(f"{where}, column {str(name)!r}", given.iloc[:, place])
        return
    _refuse_kind(where, given)
    try:
        values = np.asarray(given)
    except (TypeError, ValueError):  # of unequal lengths: whoever wants numbers says so
        return
    _refuse_kind(where, values)
    if values.dtype == object:
        for value in values.flat:
            _refuse_kind(where, value)


def _refuse_kind(where: str, given: Any) -> None:
    kind = getattr(given, "dtype", None)
    for letter, told, remedy in OTHER_KINDS:
        if getattr(kind, "kind", "") == letter:
            raise ValueError(f"{where} holds {told} ({kind}), {remedy}")


def refuse_first(where: str, values: Values, wrong: Values, remedy: str) -> None:
    """Raise an error that names the first wrong value of a (steps, columns) array, if there is one."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = "NaN" if np.isnan(values[row, column]) else values[row, column]
        raise ValueError(f"{where}: row {row}, column {column} is {value}; {remedy}")


def too_large(values: Values) -> Values:
    """Which numbers are beyond what networks compute with: float32, unless JAX was told to compute in float64."""
    return np.asarray(np.abs(values) > np.finfo(precision()).max)


def target_of(network: Network, target: Any, steps: int, loss: Any, number: int = 0) -> Values:
    """The target of sequence `number`: (steps, outputs), (steps,) or, for CTC, (labels,), checked."""
    where, outputs, traits = f"target of sequence {number}", network.size_of(network.output), losses.traits_of(loss)
    if traits.targets == "numbers":
        rows = _number_target(where, target, outputs, steps)
        if rows.ndim == 2 and len(rows) < steps:
            return _asked_once(network, where, rows, steps, traits.everywhere)
        return rows
    labels = _labels(where, target, outputs)
    if traits.targets == "strings":
        losses.refuse_blank(loss, outputs)
        return _string(where, labels, steps, losses.named(loss), traits.blank)
    if labels.ndim == 0:
        return _asked_once(network, where, labels[None], steps, traits.everywhere)
    if labels.shape != (steps,):
        one_hot = labels.shape[-1] == outputs and ((labels == 0) | (labels == 1)).all() and (labels.sum(-1) == 1).all()
        remedy = "; of one-hot rows give the labels, target.argmax(axis=-1)" if one_hot else ""
        raise ValueError(f"{where} has shape {labels.shape}; wanted one label, or {steps}, one per step{remedy}")
    return labels


def _asked_once(network: Network, where: str, target: Values, steps: int, everywhere: bool) -> Values:
    """The one target (1, ...) of a sequence: asked at the last step, or of an integral at all its steps."""
    answer = answers.MEAN if everywhere else answers.LAST
    if answer == answers.LAST and steps > 1 and any(layer.backward for layer in network.layers):
        raise ValueError(
            f"{where}: one target is asked at the last step, where the backward layers have heard that step only; take the "
            "loss Integrated(...), which asks for the mean over time, or give targets for every step"
        )
    return answers.question(target, steps, answer)


def _number_target(where: str, target: Any, outputs: int, steps: int) -> Values:
    """(steps, outputs), (members, steps, outputs), or for the sequence (1, outputs)."""
    values = numbers_of(where, target)
    if values.ndim == 3:
        return np.stack([_number_target(f"{where}, member {k}", part, outputs, steps) for k, part in enumerate(values)])
    if values.shape not in ((steps, outputs), (outputs,)) and (values.ndim or outputs > 1):
        whole = values.shape in ((), (steps,)) and np.asarray(target).dtype.kind in "biu"
        remedy = "; labels are for a loss that takes them and says so, targets = 'labels'" if whole else ""
        raise ValueError(
            f"{where} has shape {values.shape}; wanted {(steps, outputs)}, a row per step, or {(outputs,)}, at the end{remedy}"
        )
    rows = values.reshape(-1, outputs)
    refuse_first(where, rows, np.isinf(rows), "give a number, or NaN where nothing is asked")
    refuse_first(where, rows, too_large(rows), TOO_LARGE)
    return rows


def _labels(where: str, target: Any, outputs: int) -> Values:
    values = numbers_of(where, target)
    if values.size and not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(f"{where}: labels must be whole numbers, -1 where nothing is asked")
    if values.size and not (values.min() >= -1 and values.max() < outputs):
        raise ValueError(
            f"{where} has labels {values.min():g} to {values.max():g}; {outputs} outputs allow -1 to {outputs - 1}"
        )
    return values.astype(np.int32)


def _string(where: str, labels: Values, steps: int, loss: str, blank: int | None) -> Values:
    if labels.ndim != 1 or (labels < 0).any() or (labels == blank).any():
        but = "" if blank is None else f" and without the blank {blank}"
        raise ValueError(f"{where}: {loss} wants a list of labels without -1{but}")
    if blank is None:
        return labels
    needed = len(labels) + int((labels[1:] == labels[:-1]).sum())
    if needed > steps:
        raise ValueError(f"{where}: {len(labels)} labels need at least {needed} steps, but the sequence has {steps}")
    return labels


def before_of(network: Network, before: Any, number: int = 0) -> Inputs:
    """The true history of sequence `number` as {source: (D, size)}, D the largest delay of that source, checked."""
    deep = {source: depth for source, depth in depths(network).items() if depth}
    if not isinstance(before, Mapping):
        raise ValueError(f"history of sequence {number} must be {{source: (rows, size)}}, not {type(before).__name__}")
    made = {}
    for source, given in before.items():
        where = f"history of sequence {number}, source {source!r}"
        if source not in deep:
            raise ValueError(f"{where}: nothing hears its past; with a delay are heard {', '.join(deep) or 'none'}")
        values = numbers_of(where, given)
        if values.ndim != 2 or values.shape[1] != network.size_of(source) or len(values) < deep[source]:
            wanted = (deep[source], network.size_of(source))
            raise ValueError(f"{where} has shape {values.shape}; wanted {wanted}, or more rows: the last ones count")
        refuse_first(where, values, ~np.isfinite(values), "begin the sequence later, or fill the gap")
        refuse_first(where, values, too_large(values), TOO_LARGE)
        layer = network.by_name.get(source)
        if layer is not None and layer.start == "learned":
            raise ValueError(f"{where}: the layer has start='learned', which a given history leaves nothing to learn")
        made[source] = values[len(values) - deep[source] :]
    return made


def examples_of(
    network: Network, sequences: Sequence[tuple[Any, ...]], loss: Any, members: int | None = None
) -> list[Example]:
    """The sequences, checked against the network and the loss; the first thing wrong is named in a ValueError."""
    made: list[Example] = []
    if not isinstance(sequences, Iterable):
        raise ValueError(f"sequences must be a list of pairs [(x, target), ...], not {sequences!r}")
    for number, given in enumerate(sequences):
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(
                f"sequence {number} must be a pair (x, target) or a triple (x, target, before), not "
                f"{type(given).__name__}; give a list of them, [(x, target), ...]"
            )
        x = inputs_of(network, given[0], number)
        before = before_of(network, given[2], number) if len(given) == 3 else {}
        made.append(Example(x, target_of(network, given[1], steps_of(x), loss, number), before))
    if not made:
        raise ValueError("there are no sequences; give at least one pair (x, target)")
    for number, example in enumerate(made):
        if set(example.before) != set(made[0].before):
            raise ValueError(f"sequence {number} has a history of other sources than sequence 0; give all the same")
        axis = example.target.shape[:-2]
        if axis not in ((), (members,)) or axis != made[0].target.shape[:-2]:
            raise ValueError(
                f"target of sequence {number} has shape {example.target.shape}; a leading axis is for the members "
                f"({members}), and all sequences must have it or none"
            )
    return made


def steps_of(x: Inputs) -> int:
    """The number of steps of checked inputs."""
    return len(next(iter(x.values())))


def refuse_short(network: Network, examples: Sequence[Example]) -> None:
    """Raise an error if no sequence is as long as a delay of the network: that delay's weights could not be learned."""
    longest, given = max(steps_of(e.x) for e in examples), examples[0].before
    for layer in network.layers:
        for connection in layer.connections:
            if max(connection.delays) > longest and connection.source not in given:
                raise ValueError(
                    f"the longest sequence has {longest} steps, but layer {layer.name!r} hears {connection.source!r} "
                    f"{max(connection.delays)} steps back; give longer sequences or smaller delays"
                )


def _grid(most: int) -> list[int]:
    """1, 2, 3, 5, 7, 10, 13, ... until one is `most` or more."""
    grid = [1]
    while grid[-1] < most:
        grid.append((grid[-1] + 1) * 5 // 4)  # so that nothing grows by more than a quarter
    return grid


Padding = float | Sequence[int]  # a share of steps that may be added, or the lengths to pad to


def padded_lengths(lengths: Sequence[int], padding: Padding = 0.25) -> list[int]:
    """The lengths to pad to: the fewest of the grid 1, 2, 3, 5, 7, 10, 13, ... that add at most that share of steps.

    A grid, so that new sequences find lengths already compiled; if all lengths are equal, that length is kept. Lengths in
    the place of the share are taken as they are.

    raises  ValueError if a sequence is longer than the last of the lengths given

    >>> padded_lengths([98, 99, 100, 12])
    [13, 116]
    >>> padded_lengths([50, 50])
    [50]
    """
    if isinstance(padding, Sequence):
        if max(lengths) > max(padding, default=0):
            raise ValueError(
                f"a sequence has {max(lengths)} steps, but the lengths to pad to are {list(padding)}; add a longer one"
            )
        return sorted(set(padding))
    if len(set(lengths)) == 1:
        return [lengths[0]]
    grid = _grid(max(lengths))
    counts = Counter(grid[bisect_left(grid, n)] for n in lengths)

    def steps(kept: list[int]) -> int:
        return sum(kept[bisect_left(kept, n)] * count for n, count in counts.items())

    kept = sorted(counts)
    while len(kept) > 1:
        fewer = min(([k for k in kept if k != gone] for gone in kept[:-1]), key=steps)
        if steps(fewer) > (1 + padding) * sum(lengths):
            break
        kept = fewer
    return kept


def buckets(
    examples: Sequence[Example],
    loss: Any,
    dtype: Any,
    padding: Padding = 0.25,
    every: int | None = None,
    batch: int = 1,
) -> list[Bucket]:
    """The sequences in padded buckets, the shortest first.

    padding  share of steps that may be added to have fewer buckets, so fewer compilations; or the lengths to pad to: then
             whole batches come in numbers of the grid of `padded_lengths`, and lists of labels in lengths of it, filled up
             with what asks nothing, so that other sequences of these lengths find their shapes compiled
    every    pad on to a multiple of that many steps (of what is longer than it)
    batch    how many sequences a batch will have; matters where the lengths to pad to are given
    """
    lengths = [steps_of(e.x) for e in examples]
    ends = padded_lengths(lengths, padding)
    shared: dict[int, list[Example]] = {}
    for example, length in zip(examples, lengths, strict=True):
        shared.setdefault(ends[bisect_left(ends, length)], []).append(example)
    widest, given = max((len(e.target) for e in examples), default=0), isinstance(padding, Sequence)
    if given:
        widest = _grid(widest)[-1]
    made = []
    for end in sorted(shared):
        steps = end if every is None or end <= every else -(-end // every) * every
        places = batch * _grid(-(-len(shared[end]) // batch))[-1] if given else None
        made.append(_bucket(shared[end], steps, loss, dtype, widest, places))
    return made


def _bucket(examples: list[Example], steps: int, loss: Any, dtype: Any, widest: int, places: int | None) -> Bucket:
    columns = 1 + (len(examples) if places is None else places)
    pad, lengths = partial(_beside, columns=columns), np.zeros(columns, np.int32)
    lengths[: len(examples)] = [steps_of(e.x) for e in examples]
    full = places is None and lengths[:-1].min() == steps  # a number of places is for more calls, of which some are not
    xs = {name: pad([e.x[name] for e in examples], steps, 0.0, dtype) for name in examples[0].x}
    history = {
        name: pad([e.before[name] for e in examples], len(b), 0.0, dtype) for name, b in examples[0].before.items()
    }
    targets: Any = [e.target for e in examples]
    if losses.traits_of(loss).targets == "strings":
        targets = (pad(targets, widest, -1, np.int32).T, jnp.asarray(lengths))
    elif targets[0].ndim == 3:
        targets = jnp.stack([pad(list(part), steps, np.nan, dtype) for part in zip(*targets, strict=True)])
    elif targets[0].dtype.kind == "f":
        targets = pad(targets, steps, np.nan, dtype)
    else:
        targets = pad(targets, steps, -1, np.int32)
    return Bucket(xs, targets, jnp.asarray(lengths), bool(full), history)


def _beside(arrays: Sequence[Values], steps: int, filling: float, dtype: Any, columns: int) -> Array:
    """The arrays (T_i, ...), and empty ones after them, side by side: (steps, columns, ...)."""
    padded = np.full((steps, columns, *arrays[0].shape[1:]), filling, dtype)
    for n, values in enumerate(arrays):
        padded[: len(values), n] = values
    return jnp.asarray(padded)


def run_each(network: Network, weights: Any, inputs: Sequence[Inputs]) -> list[Values]:
    """The outputs (steps, outputs) of every sequence, from zero history; inputs as `inputs_of` gives them.

    They run side by side in blocks of a few sizes, whatever their lengths and number; what runs backward in one block each,
    beside others about as long.
    """
    backward = any(layer.backward for layer in network.layers)
    alike: dict[int, list[int]] = {}
    for n in sorted(range(len(inputs)), key=lambda n: -steps_of(inputs[n])):
        alike.setdefault(blocks.whole(steps_of(inputs[n])) if backward else 0, []).append(n)
    made: dict[int, Values] = {}
    for end, chosen in alike.items():
        sizes = blocks.COLUMNS[1:] if len(chosen) > 1 else blocks.COLUMNS
        for rows, columns in blocks.cut(len(chosen), sizes, 8):
            some = chosen[rows]
            ys = _run_beside(network, weights, [inputs[n] for n in some], columns, end)
            made.update(zip(some, ys, strict=True))
    return [made[n] for n in range(len(inputs))]


def _run_beside(network: Network, weights: Any, inputs: Sequence[Inputs], columns: int, end: int) -> list[Values]:
    """Their outputs; the longest comes first, and where sequences have ended, fewer columns go on. `end`: one block so long."""
    lengths, dtype = np.zeros(columns, np.int32), dtype_of(weights)
    lengths[: len(inputs)] = [steps_of(x) for x in inputs]
    history, made = _begin(network, weights, columns), []
    for rows, size in [(slice(0, end), end)] if end else blocks.cut(int(lengths[0]), part=8):
        columns = next(c for c in blocks.COLUMNS if c >= np.count_nonzero(lengths > rows.start))
        left = np.clip(lengths[:columns] - rows.start, 0, size)
        given = [{name: x[name][rows] for name in x} for x in inputs[:columns]]
        xs = {name: _beside([x[name] for x in given], size, 0.0, dtype, columns) for name in inputs[0]}
        full = left.min() == size == blocks.STEPS[-1]
        ys, history = run(network, weights, xs, _first_of(history, columns), None if full else jnp.asarray(left))
        made.append(np.asarray(ys))
    parts = [[ys[:, n] for ys in made if n < ys.shape[1]] for n in range(len(inputs))]
    return [np.concatenate(part)[:steps] for part, steps in zip(parts, lengths, strict=False)]


def _first_of(history: History, columns: int) -> History:
    """The history of the first sequences."""
    past, memory = history["a"], history["memory"]
    if all(rows.shape[1] == columns for rows in past.values()) and all(len(m) == columns for m in memory.values()):
        return history
    past = {source: np.asarray(rows)[:, :columns] for source, rows in past.items()}
    return history | {"a": past, "memory": {name: np.asarray(m)[:columns] for name, m in memory.items()}}


@partial(jax.jit, static_argnames=("network", "columns"))
def _begin(network: Network, weights: Any, columns: int) -> History:
    return start(network, weights, columns)


def dtype_of(weights: Any) -> Any:
    """The floating-point type of the weights."""
    return kind(weights)
