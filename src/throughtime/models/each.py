"""Running a trained network over many sequences, whatever their lengths and number."""

from collections.abc import Sequence

import numpy as np

from throughtime import blocks
from throughtime.engine import History, Weights
from throughtime.engine.forward import kind
from throughtime.models.members import begin, one_member, run_beside
from throughtime.network import Network
from throughtime.sequences import Inputs, Values, beside, steps_of


def run_each(network: Network, weights: Weights, inputs: Sequence[Inputs]) -> list[Values]:
    """What one network says of every sequence, (steps, outputs); see `run_members`."""
    return [ys[0] for ys in run_members(network, one_member(weights), inputs)]


def run_members(network: Network, weights: Weights, inputs: Sequence[Inputs]) -> list[Values]:
    """What every member (K) says of every sequence, (K, steps, outputs), from the start; inputs as `inputs_of` gives them.

    They run side by side in blocks of a few sizes, whatever their lengths and number; what runs backward in one block each,
    beside others about as long.
    """
    alike: dict[int, list[int]] = {}
    for n in sorted(range(len(inputs)), key=lambda n: -steps_of(inputs[n])):
        alike.setdefault(blocks.one_block(steps_of(inputs[n])) if network.backward else 0, []).append(n)
    made: dict[int, Values] = {}
    for end, chosen in alike.items():
        sizes = blocks.COLUMNS[1:] if len(chosen) > 1 else blocks.COLUMNS
        for rows, columns in blocks.cut(len(chosen), sizes, 8):
            some = chosen[rows]
            ys = _run_beside(network, weights, [inputs[n] for n in some], columns, end)
            made.update(zip(some, ys, strict=True))
    return [made[n] for n in range(len(inputs))]


def _run_beside(network: Network, weights: Weights, inputs: Sequence[Inputs], columns: int, end: int) -> list[Values]:
    """Their outputs; the longest comes first, and where sequences have ended, fewer columns go on. `end`: one block so long."""
    lengths, dtype = np.zeros(columns, np.int32), kind(weights)
    lengths[: len(inputs)] = [steps_of(x) for x in inputs]
    history, made = begin(network, weights, columns), []
    for rows, size in [(slice(0, end), end)] if end else blocks.cut(int(lengths[0]), part=8):
        columns = next(c for c in blocks.COLUMNS if c >= np.count_nonzero(lengths > rows.start))
        left = np.clip(lengths[:columns] - rows.start, 0, size)
        given = [{name: x[name][rows] for name in x} for x in inputs[:columns]]
        xs = {name: beside([x[name] for x in given], size, 0.0, dtype, columns) for name in inputs[0]}
        full = left.min() == size == blocks.STEPS[-1]
        ys, history = run_beside(network, weights, _first_of(history, columns), xs, None if full else left)
        made.append(np.asarray(ys))
    parts = [[ys[:, :, n] for ys in made if n < ys.shape[2]] for n in range(len(inputs))]
    return [np.concatenate(part, axis=1)[:, :steps] for part, steps in zip(parts, lengths, strict=False)]


def _first_of(history: History, columns: int) -> History:
    """The histories of the first sequences."""
    past, memory = history["a"], history["memory"]
    if all(r.shape[2] == columns for r in past.values()) and all(m.shape[1] == columns for m in memory.values()):
        return history
    past = {source: np.asarray(rows)[:, :, :columns] for source, rows in past.items()}
    return history | {"a": past, "memory": {name: np.asarray(m)[:, :columns] for name, m in memory.items()}}
