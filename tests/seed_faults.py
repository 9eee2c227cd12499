"""Do the laws catch what they should? Faults are put into a copy of the library, one by one; each must turn tests red.

    python tests/seed_faults.py            every fault
    python tests/seed_faults.py dropout    those whose name contains the word
    python tests/seed_faults.py --green test_exactness.py test_padding.py
                                           every fault, right after all tests were green with the native engine and these
                                           with XLA, too: what was green is not asked again

Ends with 1 if a fault survives, if its text is no longer in the library, or if the tests are red without any fault.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "throughtime"
# Every fault needs a process of its own. It is a copy of one that has imported, once, what takes long and has no fault.
NATIVE = "test_native_engine.py"  # never taken for green: is the library at PACKAGE built, and does it load?
IMPORTED = ["jax.numpy", "optax", "pandas", "matplotlib.figure", "sklearn.linear_model", "typer"]


class Fault(NamedTuple):
    """What is put in the place of what, and the tests (file, -k) that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    chosen: str


FAULTS = [
    Fault(
        "a unit that mixes its layer is taken for uncoupled",
        "trial.py",
        "halves = np.concatenate([digits == 0, digits == 1])[:, None]",
        "halves = (digits == 0)[:, None]",
        "test_units.py",
        "weak_thread",
    ),
    Fault(
        "only activities are asked whom they depend on",
        "trial.py",
        "asked[:, :, None] * draw.normal(size=(len(asked), *shapes[1]))]",
        "np.zeros((len(asked), *shapes[1]))]",
        "test_units.py",
        "memories",
    ),
    Fault(
        "frames begin every so many whole samples",
        "features/sound.py",
        "begin = (2 * rate * np.arange(count) + 100) // 200",
        "begin = rate // 100 * np.arange(count)",
        "test_audio.py",
        "formulas and 11025",
    ),
    Fault(
        "a string that has no alignment is only unlikely",
        "losses/strings.py",
        "jnp.where(losses > -NEVER / 10, jnp.inf, losses)",
        "losses",
        "test_losses.py",
        "all_paths and float64",
    ),
    Fault(
        "rounding makes a loss a gain",
        "losses/strings.py",
        "jax.lax.stop_gradient(jnp.minimum(losses, 0))",
        "0",
        "test_losses.py",
        "confident and float32",
    ),
    Fault(
        "what varies by rounding only has a variance",
        "rounding.py",
        "~(span > np.where(single, SINGLE, DOUBLE) * largest)",
        "~(span > 0)",
        "test_rounding.py",
        "no_variance",
    ),
    Fault(
        "dates are numbers",
        "sequences/numbers.py",
        'if getattr(kind, "kind", "") == letter:',
        "if kind == letter:",
        "test_sequences.py",
        "bad_inputs",
    ),
    Fault(
        "a number may be too far from the mean of its column to be seen",
        "models/columns.py",
        "far = np.abs(made) > np.finfo(precision()).max",
        "far = np.isinf(made)",
        "test_dynamics.py",
        "beyond_float32",
    ),
    Fault(
        "every comma between digits is a decimal point",
        "io/tables.py",
        ' and (separator == ";" or not all(THOUSANDS.fullmatch(cell) for cell in commas))',
        "",
        "test_tables.py",
        "line_that_helps",
    ),
    Fault(
        "names on a terminal are markup",
        "cli/output.py",
        'return Text("\\n".join(_lines(cell)))',
        "return Text.from_markup(cell)",
        "test_names.py",
        "fit_shows",
    ),
    Fault(
        "a checksum is not looked at",
        "io/container.py",
        "if found.hexdigest() != told:",
        "if len(found.hexdigest()) != len(told):",
        "test_model_files.py",
        "bit",
    ),
    Fault(
        "the rows of a learned start are those that any layer hears, whichever way it runs",
        "engine/schedule.py",
        "            if layer.backward == backward:\n                found",
        "            if layer.backward in (True, False):\n                found",
        "test_shapes.py",
        "own_direction",
    ),
    Fault(
        "learned delays have shapes of one delay less",
        "engine/first.py",
        '"delay": (count, size, layer.size)}',
        '"delay": (count - 1, size, layer.size)}',
        "test_shapes.py",
        "arithmetic",
    ),
    Fault(
        "what a file says is checked when it is saved only in its weights",
        "models/saving.py",
        "        check(model, held.arrays)\n",
        "        _check_arrays(model.network, model.members, held.arrays)\n",
        "test_model_files.py",
        "neither",
    ),
    Fault(
        "loops come in any order",
        "graph.py",
        "for first in TopologicalSorter(between).static_order())",
        "for first in between)",
        "test_network.py",
        "components",
    ),
    Fault(
        "the network that tells the learning curve has learnt with the speakers of validation",
        "experiments/words.py",
        'first = course.follow(corpus.part("train").sequences',
        'first = course.follow(corpus.pick(corpus.parts != "test").sequences',
        "test_words.py",
        "nobody",
    ),
    Fault(
        "silence is what is quieter than the loudest of all recordings",
        "features/steps.py",
        "np.maximum.reduceat(energy, first)) - below",
        "np.full(len(first), energy.max())) - below",
        "test_features.py",
        "silence",
    ),
    Fault(
        "a prior counts as one step, whatever it is worth",
        "features/means.py",
        "counts * mean + prior.steps * np.array(prior.mean)",
        "counts * mean + np.array(prior.mean)",
        "test_features.py",
        "prior",
    ),
    Fault(
        "a recording may end as another word",
        "features/augment.py",
        "    following[last] = order[np.append(0, last[:-1] + 1)]\n",
        "",
        "test_augment.py",
        "put_together",
    ),
    Fault(
        "words are cut a frame late",
        "datasets/an4.py",
        "seen[max(0, begin - margin) : end + margin]",
        "seen[max(0, begin + 1 - margin) : end + 1 + margin]",
        "test_words.py",
        "cut",
    ),
    Fault(
        "errors of several delays come from as many steps later as the other delays",
        "engine/native/plan.py",
        "later = tuple(last - d for d in connection.delays)",
        "later = tuple(d for d in connection.delays)",
        "test_native_engine.py",
        "zoo",
    ),
    Fault(
        "the air before a drawing's points is that of the way so far",
        "features/pen/ways.py",
        "np.diff(np.interp(asked, place, np.cumsum(air)), prepend=0.0)",
        "np.interp(asked, place, np.cumsum(air))",
        "test_pen.py",
        "walk",
    ),
    Fault(
        "a boxed drawing has the middle of its points at 0, not of its box",
        "features/pen/features.py",
        "seen = boxed(seen) if self.boxed",
        "seen = centred(boxed(seen)) if self.boxed",
        "test_pen.py",
        "square",
    ),
    Fault(
        "the first of the points that are kept comes through the air",
        "features/pen/ways.py",
        "    flown[points.first] = 0\n",
        "",
        "test_pen.py",
        "kept_points",
    ),
    Fault(
        "somebody may stand in two parts of a corpus",
        "datasets/corpus.py",
        "if found.setdefault(who, part) != part:",
        "if found.setdefault((who, part), part) != part:",
        "test_corpus.py",
        "two_parts",
    ),
    Fault(
        "recordings are held out, not people",
        "datasets/corpus.py",
        "people = np.unique(np.asarray(who))\n",
        "people = who = np.arange(len(np.asarray(who)))\n",
        "test_corpus.py",
        "held_out",
    ),
    Fault(
        "a handwriting network answers by what it says last",
        "experiments/judging.py",
        "np.asarray(y).mean(0)",
        "np.asarray(y)[-1]",
        "test_handwriting.py",
        "mean_over_all",
    ),
    Fault(
        "deltas look one step too far back",
        "features/deltas.py",
        "values[np.maximum(here - n, first)]) for",
        "values[np.maximum(here - n - (n < reach), first)]) for",
        "test_features.py",
        "slopes",
    ),
    Fault(
        "the filters of a warped recording are spread where they should be gathered",
        "features/augment.py",
        '"kj,cnj->nkc", cosines, heard)',
        '"kj,cnj->nck", cosines, heard)',
        "test_augment.py",
        "filters",
    ),
    Fault(
        "masks of all recordings begin with the first",
        "features/augment.py",
        "hidden, place = np.zeros(len(joined.values), bool), joined.place",
        "hidden, place = np.zeros(len(joined.values), bool), np.arange(len(joined.values))",
        "test_augment.py",
        "masks",
    ),
    Fault(
        "the weight noise is not that of the batch",
        "learners/noise.py",
        "network, _with(weights, carry.noise), own",
        "network, _with(weights, None), own",
        "test_weight_noise.py",
        "disturbed",
    ),
    Fault(
        "a repeated label needs no blank before it, in the beam",
        "decoding/beam.py",
        "beam.blank[own] + log[last[own]]  # a repeat",
        "total[own] + log[last[own]]  # a repeat",
        "test_decoding.py",
        "wide_beam",
    ),
    Fault(
        "a prefix that its parent in the beam grows into is kept twice",
        "decoding/beam.py",
        "        if above is not None:",
        "        if above is None and False:",
        "test_decoding.py",
        "wide_beam",
    ),
    Fault(
        "a repeated label needs no blank before it, in a lexicon",
        "decoding/lexicon.py",
        "np.where(tree.repeat, blank[tree.parent], total[tree.parent])",
        "np.where(tree.repeat, total[tree.parent], total[tree.parent])",
        "test_decoding.py",
        "lexicon_knows",
    ),
    Fault(
        "taps in the wrong order",
        "engine/wires.py",
        "for d in delays], axis=2)",
        "for d in reversed(delays)], axis=2)",
        "test_equivalences.py",
        "tdnn_is_a_convolution",
    ),
    Fault(
        "the history of a short sequence is one step late",
        "engine/tape.py",
        "rows = lengths + jnp.arange(depth)",
        "rows = lengths - 1 + jnp.arange(depth)",
        "test_streaming.py",
        "own_end and narx",
    ),
    Fault(
        "backward layers turn round one step too late",
        "engine/tape.py",
        "rows = lengths - 1 - jnp.arange(",
        "rows = lengths - jnp.arange(",
        "test_padding.py",
        "deltas_beyond and lstm",
    ),
    Fault(
        "inputs beyond the end are heard",
        "engine/forward.py",
        "source, keep(valid, x))",
        "source, x)",
        "test_padding.py",
        "run_trace and backward and tdnn",
    ),
    Fault(
        "losses beyond the end count",
        "engine/looking.py",
        "each = jnp.where(valid if each.ndim == 2 else valid.any(0), each, 0)",
        "each = each + 0 * valid",
        "test_padding.py",
        "every_learner and focused and RTRL",
    ),
    Fault(
        "the sign of a delta in a loop",
        "engine/xla.py",
        "deltas[name] = factors[name] *",
        "deltas[name] = -factors[name] *",
        "test_exactness.py",
        "gradient_is_that_of_the_reference and jordan and BPTT",
    ),
    Fault(
        "no error through a memory beyond the end",
        "engine/xla.py",
        "jnp.where(inside[:, None, None], pulled, own)",
        "jnp.where(inside[:, None, None], pulled, 0)",
        "test_cutting.py",
        "own_way and lstm",
    ),
    Fault(
        "dropout forgotten on the way back",
        "engine/xla.py",
        "return wires.dropped(pulled, given.mask(layer, connection))",
        "return pulled",
        "test_exactness.py",
        "dropout_masks",
    ),
    Fault(
        "the temperature of learned delays forgotten",
        "engine/effective.py",
        'weight["delay"] / connection.weight.temperature',
        'weight["delay"]',
        "test_exactness.py",
        "learned and delays and Backprop",
    ),
    Fault(
        "a(0) paid in every stretch",
        "learners/bptt.py",
        "begun = jnp.zeros_like(carry.first) if seen.lengths is None else carry.first & (seen.lengths == 0)",
        "begun = carry.first",
        "test_cutting.py",
        "paid_once and BPTT",
    ),
    Fault(
        "a horizon that misses a(0) by one",
        "learners/horizon.py",
        "zero = horizon - 2 - age",
        "zero = horizon - 3 - age",
        "test_cutting.py",
        "reaches_a0 and jordan",
    ),
    Fault(
        "no silence before the first step",
        "learners/horizon.py",
        "return jnp.where(real, at(self.factor[name]) * error[:, :, None, :], 0), None",
        "return at(self.factor[name]) * error[:, :, None, :], None",
        "test_cutting.py",
        "truncated_bptt and narx and start",
    ),
    Fault(
        "a(0) has no influence",
        "learners/influence.py",
        "unit, column + line].set(1)",
        "unit, column + line].set(0)",
        "test_exactness.py",
        "reference and recurrent and start and RTRL",
    ),
    Fault(
        "the immediate term is missing",
        "learners/rtrl.py",
        "fresh = fresh + influence.immediate(",
        "fresh = fresh + 0 * influence.immediate(",
        "test_exactness.py",
        "reference and jordan and RTRL",
    ),
    Fault(
        "the immediate term of a single step is missing",
        "learners/influence.py",
        "moved.at[:, at, unit].add(added[:, 0])",
        "moved.at[:, at, unit].add(0 * added[:, 0])",
        "test_exactness.py",
        "reference and lstm and RTRL",
    ),
    Fault(
        "influence forgets in which order a connection names its nets",
        "learners/influence.py",
        "[pieces[net] for net in nets]",
        "list(pieces.values())",
        "test_exactness.py",
        "reference and any and order and RTRL",
    ),
    Fault(
        "influence moves a row too far along a delay line",
        "learners/influence.py",
        "line[:, steps * row.size :]",
        "jnp.roll(line, -row.size, axis=1)[:, steps * row.size :]",
        "test_exactness.py",
        "reference and gaps and RTRL",
    ),
    Fault(
        "traces forget where a sequence ended",
        "learners/focused.py",
        "return moved if inside is None else",
        "return moved if True else",
        "test_cutting.py",
        "own_way and Focused",
    ),
    Fault(
        "a program for another platform calls the CPU's kernels",
        "engine/elsewhere.py",
        "default=_there(compute))",
        "default=compute)",
        "test_platforms.py",
        "every_learner and Focused",
    ),
    Fault(
        "a lesson for another platform calls the CPU's kernels",
        "engine/elsewhere.py",
        "mlir.lower_fun(_there(compute), multiple",
        "mlir.lower_fun(compute, multiple",
        "test_platforms.py",
        "inside and trace",
    ),
    Fault(
        "a call of the native engine takes what varies over manual axes",
        "engine/native/calls.py",
        "    if axes:\n",
        "    if False:\n",
        "test_platforms.py",
        "shard",
    ),
    Fault(
        "arrays of another byte order are taken as they are",
        "engine/door.py",
        "if isinstance(leaf, np.ndarray) and not leaf.dtype.isnative:",
        "if False:",
        "test_byte_order.py",
        "byte_order and (step or BPTT)",
    ),
    Fault(
        "the logistic function by way of tanh, which has no small numbers",
        "units.py",
        "return jax.nn.sigmoid(x)",
        "return 0.5 * jnp.tanh(0.5 * x) + 0.5",
        "test_logistic.py",
        "keep_their_figures and xla",
    ),
    Fault(
        "an exported graph has the runtime's own logistic function",
        "exchange/onnx_layers.py",
        'return graph.op("Div", one, graph.op("Add", one, graph.op("Exp", graph.op("Neg", net))))',
        'return graph.op("Sigmoid", net)',
        "test_logistic.py",
        "elsewhere and onnx",
    ),
    Fault(
        "the forget gate reads the input gate",
        "units.py",
        "gates[..., 1, :] * memory[..., 0, :]",
        "gates[..., 0, :] * memory[..., 0, :]",
        "test_equivalences.py",
        "equations_of_lstm",
    ),
    Fault(
        "a sensor's limit excuses the wrong side",
        "losses/__init__.py",
        "jnp.asarray(self.high, targets.dtype)) & (error > 0)",
        "jnp.asarray(self.high, targets.dtype)) & (error < 0)",
        "test_members.py",
        "beyond_a_limit",
    ),
    Fault(
        "members keep their worst weights",
        "training/loop.py",
        "better = loss < self.loss",
        "better = ~(loss < self.loss)",
        "test_members.py",
        "keeps_its_best",
    ),
    Fault(
        "a true history gives way to the start",
        "sequences/bucketing.py",
        'history["a"] | self.history}',
        'self.history | history["a"]}',
        "test_members.py",
        "true_history and BPTT",
    ),
    Fault(
        "a history handed over does not move on",
        "engine/handing.py",
        "for name, past in (later[",
        "for name, past in (history[",
        "test_handing.py",
        "one_step_sooner",
    ),
    Fault(
        "delay lines are filled one step late",
        "dynamics/preparing.py",
        "past[source][first - depth : first]",
        "past[source][first - depth + 1 : first + 1]",
        "test_preparing.py",
        "true_past",
    ),
    Fault(
        "gaps in measured outputs are believed",
        "dynamics/preparing.py",
        "blind[delay:] |= gap",
        "blind[delay:] |= False & gap",
        "test_preparing.py",
        "hears_a_gap",
    ),
    Fault(
        "a measured output does not replace the network's own",
        "models/rollout.py",
        "jnp.where(jnp.isnan(measured), past[-1 - row], measured)",
        "past[-1 - row] + 0 * measured",
        "test_preparing.py",
        "following_a_record and gaps",
    ),
    Fault(
        "a forecast hears the inputs one step late",
        "models/rollout.py",
        "later = group[:, None] + np.arange(horizon)",
        "later = group[:, None] + np.arange(horizon) - 1",
        "test_preparing.py",
        "every_origin",
    ),
    Fault(
        "what fills up a block is remembered",
        "models/rollout.py",
        "jnp.where(place < steps[0], new, old)",
        "jnp.where(place >= 0, new, old)",
        "test_blocks.py",
        "in_blocks",
    ),
    Fault(
        "what fills up the end of a record is run",
        "models/rollout.py",
        "run(network, w, one, h, steps)",
        "run(network, w, one, h)",
        "test_blocks.py",
        "in_blocks",
    ),
    Fault(
        "what is not full is not masked",
        "blocks.py",
        "None if steps == STEPS[-1]",
        "None if steps",
        "test_blocks.py",
        "in_blocks",
    ),
    Fault(
        "sequences that have ended push others out",
        "models/each.py",
        "if c >= np.count_nonzero(lengths > rows.start)",
        "if c >= np.count_nonzero(lengths > rows.stop)",
        "test_blocks.py",
        "in_blocks",
    ),
    Fault(
        "a prediction ahead is the first step of its forecast",
        "models/ensemble.py",
        "ys[:, :, -1].mean(axis=0)",
        "ys[:, :, 0].mean(axis=0)",
        "test_blocks.py",
        "k_steps",
    ),
    Fault(
        "what is held out is learned",
        "dynamics/model.py",
        "[Fold(~m, m)",
        "[Fold(m | ~m, m)",
        "test_dynamics.py",
        "are_not_heard_of",
    ),
    Fault(
        "a fold learns from the block it is judged by",
        "dynamics/holding.py",
        "return Fold(t < stop,",
        "return Fold(t < total,",
        "test_choosing.py",
        "no_fold_hears",
    ),
    Fault(
        "the Jacobian of a block forgets what was before it",
        "training/jacobian.py",
        "rows = influence.transported(past, p) + influence.immediate(",
        "rows = 0 * influence.transported(past, p) + influence.immediate(",
        "test_levenberg_marquardt.py",
        "naive_recursion and narx",
    ),
    Fault(
        "the Jacobian forgets the slope of the residual",
        "training/jacobian.py",
        "swapaxes(0, 1)[:, :, None] * slope[:, None]",
        "swapaxes(0, 1)[:, :, None] + 0 * slope[:, None]",
        "test_levenberg_marquardt.py",
        "naive_recursion and narx",
    ),
    Fault(
        "the Jacobian begins from silence where the history is given",
        "training/jacobian.py",
        'history["a"] | self.before',
        'self.before | history["a"]',
        "test_levenberg_marquardt.py",
        "goes_on_from_measured",
    ),
    Fault(
        "the Kalman filter takes padding for the last inputs of a stretch",
        "training/jacobian.py",
        "after[source] = last_rows(full, depth, part.lengths)",
        "after[source] = full[part.steps :]",
        "test_kalman_filter.py",
        "however_time_is_cut",
    ),
    Fault(
        "open loops forget what came before a chunk",
        "training/jacobian.py",
        "after[source] = last_rows(full, depth, part.lengths)",
        "after[source] = full[:depth]",
        "test_levenberg_marquardt.py",
        "naive_recursion and open",
    ),
    Fault(
        "a step that raises the error is taken",
        "training/levenberg_marquardt/steps.py",
        "+ decay * (moved @ moved) < cost",
        "+ decay * (moved @ moved) < 2 * cost",
        "test_levenberg_marquardt.py",
        "textbook",
    ),
    Fault(
        "weight decay is missing in the step",
        "training/levenberg_marquardt/steps.py",
        "hessian + (decay + now.damping) * jnp.eye",
        "hessian + now.damping * jnp.eye",
        "test_levenberg_marquardt.py",
        "textbook and 0.02",
    ),
    Fault(
        "every weight counts as determined by the data",
        "training/levenberg_marquardt/steps.py",
        "estimate = flat.size - decay * jnp.sum(factor * factor)",
        "estimate = flat.size - 0 * jnp.sum(factor * factor)",
        "test_levenberg_marquardt.py",
        "bayesian_ridge",
    ),
    Fault(
        "the Kalman filter's groups do not share one measurement",
        "training/kalman_filter.py",
        'jnp.einsum("gwm,gwn->mn", h, ph)',
        'jnp.einsum("gwm,gwn->mn", h[:1], ph[:1])',
        "test_kalman_filter.py",
        "textbook and unit",
    ),
    Fault(
        "the Kalman filter forgets the process noise",
        "training/kalman_filter.py",
        'jnp.einsum("mgw,mgv->gwv", half, half) + drift',
        'jnp.einsum("mgw,mgv->gwv", half, half) + 0 * drift',
        "test_kalman_filter.py",
        "textbook and lstm",
    ),
    Fault(
        "the Kalman filter takes the influence of the first step for ever",
        "training/kalman_filter.py",
        "Carried(rows.history, rows.influence)",
        "Carried(rows.history, carry.influence)",
        "test_kalman_filter.py",
        "textbook and lstm",
    ),
    Fault(
        "an exported graph forgets the newest row",
        "exchange/onnx.py",
        "graph.whole(1), graph.whole(plan.depth(source) + 1)",
        "graph.whole(0), graph.whole(plan.depth(source))",
        "test_export.py",
        "onnx_free_run and narx",
    ),
    Fault(
        "an exported graph forgets the lower limit",
        "exchange/onnx.py",
        'graph.op("Max", value, graph.constant(low))',
        "value",
        "test_export.py",
        "limits_are_met",
    ),
    Fault(
        "exported C is compiled where no NaN is seen",
        "exchange/c.py",
        "if fed_row(plan.network) is not None else []",
        "if False else []",
        "test_export.py",
        "needs_nan",
    ),
    Fault(
        "exported C shifts the rows the wrong way",
        "exchange/c.py",
        "for (int d = {depth}; d > 0; d--)",
        "for (int d = 1; d <= {depth}; d++)",
        "test_export.py",
        "c_free_run and narx",
    ),
    Fault(
        "exported C starts with the oldest row first",
        "exchange/c.py",
        "np.flip(part.start, -2) if past else part.start",
        "part.start",
        "test_export.py",
        "c_free_run and start",
    ),
    Fault(
        "a measured output is put in one row too early under a lead",
        "models/rollout.py",
        "row = max(network.lead - 1, 0)",
        "row = network.lead",
        "test_export.py",
        "handed_over or forecast_from",
    ),
    Fault(
        "an exported connection feeds the first net inputs",
        "exchange/onnx_layers.py",
        "list(layer.fed(connection.nets))",
        "list(range(len(layer.fed(connection.nets))))",
        "test_export.py",
        "onnx_free_run and gru",
    ),
    Fault(
        "the symbol below the top is tested too high",
        "turing/compiling.py",
        "(2 * j - 1, OFF)",
        "(2 * j, OFF)",
        "test_turing.py",
        "every_configuration and increment",
    ),
    Fault(
        "a push writes half its digit",
        "turing/compiling.py",
        "(1 + 2 * self.number[written] / base, terms)",
        "(1 + self.number[written] / base, terms)",
        "test_turing.py",
        "every_configuration and beaver2",
    ),
    Fault(
        "a machine that halts does not rest",
        "turing/compiling.py",
        "return self.machine.rules | resting",
        "return self.machine.rules",
        "test_turing.py",
        "ordinary_network",
    ),
    Fault(
        "float64 goes on when its precision is used up",
        "turing/evaluation.py",
        "if bits > grain:",
        "if bits > 2 * grain:",
        "test_turing.py",
        "precision_is_used_up",
    ),
    Fault(
        "a star is preferred to a symbol",
        "turing/text.py",
        "((state, symbol), (state, ANY)",
        "((state, ANY), (state, symbol)",
        "test_turing.py",
        "gives_way",
    ),
    Fault(
        "a missing transition forgets the line that led to it",
        "turing/program.py",
        "here, came = after, at",
        "here, came = after, None",
        "test_turing.py",
        "missing_transition",
    ),
    Fault(
        "an automaton moves on by any symbol",
        "turing/automata.py",
        '(1, {("symbol", symbol): 1.0}), (1, OFF)',
        '(1, {("symbol", symbol): 1.0})',
        "test_automata.py",
        "divides_by_three",
    ),
    Fault(
        "a counter that rests counts down",
        "turing/counters.py",
        "total((2, x), (2, down), (2, OFF))",
        "total((2, x), (1, down), (1, OFF))",
        "test_automata.py",
        "machine_multiplies",
    ),
    Fault(
        "a represented layer that skips others is late",
        "represent.py",
        "later = delay + level[layer.name] - level[c.source]",
        "later = delay + 1",
        "test_represent.py",
        "minus_one_steps_later and skipping",
    ),
    Fault(
        "heads move on against the ring",
        "ntm.py",
        "shift[..., 2:] * jnp.roll(mixed, 1,",
        "shift[..., 2:] * jnp.roll(mixed, -1,",
        "test_ntm.py",
        "paper_says",
    ),
    Fault(
        "a head reads what is written in the same step",
        "ntm.py",
        "return reading, self._memory(",
        'return jnp.einsum("...s,...sn->...n", place[..., 0, :], matrix), self._memory(',
        "test_ntm.py",
        "paper_says",
    ),
    Fault(
        "heads start nowhere",
        "ntm.py",
        "first = jnp.zeros(self.slots, memory.dtype).at[0].set(1)",
        "first = jnp.zeros(self.slots, memory.dtype)",
        "test_ntm.py",
        "first_slot",
    ),
    Fault(
        "an interrupted course begins again",
        "experiments/course_states.py",
        "return int(done), jax.tree",
        "return 0, jax.tree",
        "test_ntm_experiment.py",
        "interrupted",
    ),
    Fault(
        "the average of a course is a step behind",
        "experiments/averaging.py",
        "return d * before + (1 - d) * (weight + step)",
        "return d * before + (1 - d) * weight",
        "test_courses.py",
        "averaged",
    ),
    Fault(
        "a resumed course forgets the optimizer",
        "experiments/courses.py",
        "done, stand = resumed(file, self._fresh(optimizer, seed), about)",
        "fresh = self._fresh(optimizer, seed)\n        done, stand = resumed(file, fresh, about)\n"
        "        stand = stand._replace(optimizer=fresh.optimizer)",
        "test_courses.py",
        "interruption",
    ),
    Fault(
        "a frame is answered before what is yet to be heard",
        "experiments/phonemes_framewise.py",
        "np.concatenate([x[steps:], np.repeat(x[-1:], steps, axis=0)])",
        "np.concatenate([np.repeat(x[:1], steps, axis=0), x[: len(x) - steps]])",
        "test_phonemes.py",
        "sooner",
    ),
    Fault(
        "dropout within a loop of several layers",
        "network.py",
        "self.by_name.keys() - set(members)",
        "self.by_name.keys() - {name}",
        "test_network.py",
        "within_a_loop",
    ),
    Fault(
        "of several networks the mean of the logarithms is taken",
        "decoding/paths.py",
        "logsumexp([log_softmax(np.asarray(y, float), axis=-1) for y in said], axis=0) - np.log(len(said))",
        "np.mean([log_softmax(np.asarray(y, float), axis=-1) for y in said], axis=0)",
        "test_decoding.py",
        "mean_of_their_probabilities",
    ),
    Fault(
        "a recognised word is what was said last",
        "answers.py",
        "ys.mean(0, keepdims=True)",
        "ys[-1:]",
        "test_recognition.py",
        "mean_net_input",
    ),
    Fault(
        "a recogniser takes what was taught at the last step for a mean",
        "answers.py",
        "return ys[-1:] if answer == LAST else ys",
        "return ys.mean(0, keepdims=True) if answer == LAST else ys",
        "test_recognition.py",
        "as_it_was_taught and last",
    ),
    Fault(
        "one answer of both directions is read at the last step",
        "answers.py",
        "return MEAN if any(",
        "return LAST if any(",
        "test_estimators.py",
        "learned_and_read_alike",
    ),
    Fault(
        "one number of a sequence is asked at the last step of an integral",
        "sequences/targets.py",
        "answers.MEAN if everywhere else",
        "answers.MEAN if everywhere and target.dtype.kind == 'i' else",
        "test_sequences.py",
        "integral_asks",
    ),
    Fault(
        "scaling hears what is held out",
        "estimators.py",
        "self._begin(pairs)\n        return self._learn(pairs, held_out",
        "self._begin(pairs + (held_out or []))\n        return self._learn(pairs, held_out",
        "test_estimators.py",
        "scaling_does_not_hear",
    ),
    Fault(
        "a missing label makes one class of a whole sequence",
        "estimators.py",
        "or 2 * sum(fits) >= len(fits)",
        "or len(fits) < 0",
        "test_estimators.py",
        "one_label_too_few",
    ),
    Fault(
        "a window of another horizon is carried on",
        "learners/lesson.py",
        "if found != due:",
        "if found is None:",
        "test_door.py",
        "carry_of_another",
    ),
    Fault(
        "a recogniser takes sound at its own rate for the model's",
        "recognition.py",
        "resample(samples, rate, wanted)",
        "resample(samples, wanted, wanted)",
        "test_recognition.py",
        "becomes_what",
    ),
    Fault(
        "what the controller says is not clipped",
        "ntm.py",
        "net = jnp.clip(net, -LIMIT, LIMIT)",
        "net = net + 0 * LIMIT",
        "test_ntm.py",
        "finite",
    ),
    Fault(
        "a single row of errors forgets the memory",
        "engine/slopes.py",
        "return jnp.expand_dims(deltas, axis), jnp.expand_dims(sooner, axis)",
        "return jnp.expand_dims(deltas, axis), 0 * jnp.expand_dims(sooner, axis)",
        "test_exactness.py",
        "gradient_is_that_of_the_reference and lstm and BPTT",
    ),
    Fault(
        "a series with a memory is examined from a cold state",
        "dynamics/teaching.py",
        'return remembered == {("a", network.output)} and',
        'return ("a", network.output) in remembered and',
        "test_teaching.py",
        "examined_from_its_beginning",
    ),
    Fault(
        "a window with a gap teaches no interval",
        "dynamics/misses.py",
        "~np.isnan(truth).all(axis=(1, 2))",
        "~np.isnan(truth).any(axis=(1, 2))",
        "test_dynamics.py",
        "leave_intervals",
    ),
    Fault(
        "records of unequal length each have updates of their own",
        "dynamics/teaching.py",
        "padding=0.25 if whole else np.inf",
        "padding=0.25 if whole else 0.25",
        "test_teaching.py",
        "rate_falls",
    ),
    Fault(
        "stretches in which nothing is asked slow the rate",
        "dynamics/teaching.py",
        "return stage.epochs * int(asked.sum(axis=-1).max())",
        "return stage.epochs * asked.shape[-1]",
        "test_teaching.py",
        "rate_falls",
    ),
    Fault(
        "a run that is no number is judged by the rest of it",
        "dynamics/choosing.py",
        "scores(truth, predicted, [",
        "scores(np.where(np.isnan(predicted), np.nan, truth), predicted, [",
        "test_choosing.py",
        "no_number",
    ),
    Fault(
        "diverged networks are kept where nothing is held out",
        "dynamics/model.py",
        "np.asarray(report.best_loss if validated else report.loss)",
        "np.asarray(report.best_loss)",
        "test_dynamics.py",
        "diverged_are_not_kept",
    ),
    Fault(
        "a refit goes on with the old stream",
        "dynamics/model.py",
        "used_by(network)\n        self._forget()",
        "used_by(network)",
        "test_dynamics.py",
        "nothing_of_the_old",
    ),
    Fault(
        "a file has its name before its contents are on the disk",
        "io/files.py",
        "            os.fsync(draft.stream.fileno())\n",
        "",
        "test_files.py",
        "before_the_name",
    ),
    Fault(
        "temporary files of living writers are swept",
        "io/files.py",
        "            if _locked(handle):",
        "            if True:",
        "test_files.py",
        "is_swept",
    ),
    Fault(
        "a process lives on when its starter is gone",
        "work/processes.py",
        "    Thread(target=_end_with_starter, daemon=True).start()\n",
        "",
        "test_processes.py",
        "outlives",
    ),
    Fault(
        "each of many processes takes all cores",
        "work/processes.py",
        'os.environ.update(dict.fromkeys(ours, "1"))',
        "pass",
        "test_processes.py",
        "one_core",
    ),
    Fault(
        "an interrupt within a callback of the interpreter is lost",
        "cli/errors.py",
        "        again.start()\n",
        "",
        "test_endings.py",
        "not_lost",
    ),
    Fault(
        "a search is written to any file",
        "dynamics/choosing.py",
        "        said = None\n",
        "        return None\n",
        "test_choosing.py",
        "anything_else",
    ),
    Fault(
        "a search tells candidates apart by wiring alone",
        "dynamics/choosing.py",
        "parts = [candidate.name, candidate.network",
        "parts = [candidate.network",
        "test_choosing.py",
        "apart_by_name",
    ),
    Fault(
        "a part of a model keeps the intervals of the whole",
        "dynamics/fitted.py",
        "made.weights_, made.intervals_ = weights, None",
        "made.weights_ = weights",
        "test_dynamics.py",
        "nothing_of_the_old",
    ),
    Fault(
        "a forecast goes on at the last step, not the usual one",
        "times/steps.py",
        "row = middle(np.diff(line(times)))",
        "row = len(times) - 2",
        "test_times.py",
        "kind_of_index",
    ),
    Fault(
        "months are counted as days",
        "times/steps.py",
        "_months(days) or _weekdays(days, apart)",
        "_weekdays(days, apart)",
        "test_times.py",
        "few_rows",
    ),
    Fault(
        "a plan of other dates is taken",
        "dynamics/fitted.py",
        "coming(index, horizon, index_of(u_future))",
        "coming(index, horizon)",
        "test_times.py",
        "plan_of_other_times",
    ),
    Fault(
        "records newest first are learned backwards",
        "dynamics/records.py",
        "    refuse(index, f",
        "    str(f",
        "test_times.py",
        "out_of_order",
    ),
    Fault(
        "the day never comes first",
        "io/dates.py",
        "dotted or _disorder(read[True]) < _disorder(read[False])",
        "dotted",
        "test_dates.py",
        "every_form",
    ),
    Fault(
        "an optimizer of its own step size decays no weights",
        "dynamics/teaching.py",
        "descent) if stage.decay else descent",
        "descent) if stage.decay and callable(stage.optimizer) else descent",
        "test_teaching.py",
        "weights_decay",
    ),
    Fault(
        "what is held out is heard of by its scale",
        "dynamics/model.py",
        "[np.asarray(p.asked.any(axis=0)) for p in parts])",
        "[np.ones(len(r), bool) for r in records])",
        "test_dynamics.py",
        "held_out_outputs_are_not",
    ),
    Fault(
        "an optimizer's own step size is not told apart",
        "dynamics/choosing.py",
        "value.__kwdefaults__, made)",
        "value.__kwdefaults__)",
        "test_choosing.py",
        "one_step_size",
    ),
    Fault(
        "the best training weights go on though nothing is held out",
        "dynamics/teaching.py",
        "else (found.weights, None)",
        "else (found.best, None)",
        "test_teaching.py",
        "last_weights_go",
    ),
    Fault(
        "the delay with the smallest share is selected",
        "engine/delays.py",
        "shares.argmax(-3)",
        "shares.argmin(-3)",
        "test_learned_delays.py",
        "selection_by_hand",
    ),
    Fault(
        "a hardened network keeps the oldest rows of a learned start",
        "engine/delays.py",
        '[..., first["activity"].shape[-2] - rows :, :]',
        "[..., :rows, :]",
        "test_learned_delays.py",
        "learned_start_keeps",
    ),
    Fault(
        "undecided delays are rewarded",
        "training/sharpening.py",
        "return -jnp.sum(",
        "return jnp.sum(",
        "test_learned_delays.py",
        "gradient_of_the_entropy",
    ),
    Fault(
        "steps at which nothing is asked are integrated",
        "losses/integrated.py",
        "kept = jnp.where(counts, ys, 0)",
        "kept = ys",
        "test_learned_delays.py",
        "waibels_network",
    ),
    Fault(
        "a loop hears one step too early",
        "engine/native/sources/forward.h",
        "source.now - c.delays[d] * delayed",
        "source.now - (c.delays[d] - (c.delays[d] > 1)) * delayed",
        "test_native_engine.py",
        "zoo and narx",
    ),
    Fault(
        "a run leaves no place for what its layers hear of the past",
        "engine/native/sources/forward.h",
        "(layer.joined ? layer.depth",
        "(layer.joined ? 0",
        "test_streaming.py",
        "lstm and cut",
    ),
    Fault(
        "how large a drawing is counts for nothing",
        "features/pen/features.py",
        "np.clip(np.log(size), -2, 2)",
        "np.clip(0 * np.log(size), -2, 2)",
        "test_pen.py",
        "usual or alone",
    ),
    Fault(
        "the first step of a run does not hear what came before",
        "engine/native/sources/forward.h",
        "if (before) terms",
        "if (before > 1) terms",
        "test_streaming.py",
        "elman or lstm",
    ),
    Fault(
        "the slope of tanh is 1",
        "engine/native/sources/units.h",
        "return one - a * a;",
        "return one;",
        "test_native_engine.py",
        "zoo and elman",
    ),
    Fault(
        "the error at a memory skips the forget gate",
        "engine/native/sources/units.h",
        "store_up_to(memory + i, d * keep, real);",
        "store_up_to(memory + i, d, real);",
        "test_native_engine.py",
        "zoo and lstm and start",
    ),
    Fault(
        "the sweep takes a net input for the update gate",
        "engine/native/sources/units.h",
        "    store_up_to(nets + 2 * n + i, update, real);\n",
        "",
        "test_native_engine.py",
        "zoo and gru",
    ),
    Fault(
        "activities go on beyond the end",
        "engine/native/sources/forward.h",
        "std::fill_n(activity, n, T(0));",
        "std::fill_n(activity, n, T(1));",
        "test_native_engine.py",
        "seen_inside and loop",
    ),
    Fault(
        "net inputs that hear nothing hear 0 times infinity",
        "engine/native/sources/packing.h",
        "|| feeds(c, one) == feeds(c, other);",
        "|| true;",
        "test_native_engine.py",
        "zoo and focused",
    ),
    Fault(
        "the last error does not go around the loop",
        "engine/native/sources/sweep.h",
        "last = s_.steps - c.delays[d];",
        "last = s_.steps - c.delays[d] - 1;",
        "test_native_engine.py",
        "zoo and elman",
    ),
    Fault(
        "the sweep forgets dropout",
        "engine/native/sources/sweep.h",
        "back.part[row * n + i] * own[i];",
        "back.part[row * n + i];",
        "test_native_engine.py",
        "zoo and dropout",
    ),
    Fault(
        "dropout one to one reads the masks of other sequences",
        "engine/native/sources/forward.h",
        "row % f_.batch, n, nets);",
        "row, n, nets);",
        "test_native_engine.py",
        "zoo and dropout",
    ),
    Fault(
        "every group reads the first one's numbers",
        "engine/native/sources/operands.h",
        "dimensions[i] == 1 ? 0 : size);",
        "0);",
        "test_native_engine.py",
        "one_after_the_other",
    ),
    Fault(
        "the last steps and sequences have no gradient",
        "engine/native/sources/gradient.h",
        "    flush();\n  }\n",
        "  }\n",
        "test_native_engine.py",
        "zoo and elman",
    ),
]


def engine_for(fault: Fault) -> str:
    """XLA for faults in units and in the engine's Python, much of which only XLA runs; the native engine for all others."""
    computed = fault.file == "units.py" or fault.file.startswith("engine/")
    return "xla" if computed and "native" not in fault.file + fault.tests else "native"


def run(source: Path, tests: str, chosen: str, engine: str) -> int:
    """pytest's exit code with the library at `source`, in this process: 0 green, 1 red."""
    os.environ |= {"PYTHONPATH": str(source), "THROUGHTIME_ENGINE": engine}
    sys.path.insert(0, str(source))
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.chdir(ROOT)
    import pytest

    return int(pytest.main(["-x", "-n0", str(ROOT / "tests" / tests), "-k", chosen]))


def compiles(source: Path) -> bool:
    """Build the native engine at `source` anew, for one instruction set."""
    command = [sys.executable, "-m", "throughtime.engine.native"]
    environment = os.environ | {"PYTHONPATH": str(source), "THROUGHTIME_BUILD": "baseline"}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def seeded(fault: Fault) -> tuple[Fault, str]:
    """What became of one fault."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "throughtime"
        shutil.copytree(PACKAGE, copy)
        file = copy / fault.file
        text = file.read_text()
        if text.count(fault.old) != 1:
            return fault, f"text found {text.count(fault.old)} times"
        file.write_text(text.replace(fault.old, fault.new))
        if file.suffix == ".h" and not compiles(copy.parent):
            return fault, "does not compile"
        code = run(copy.parent, fault.tests, fault.chosen, engine_for(fault))
        return fault, {0: "SURVIVED", 1: "caught"}.get(code, f"pytest ended with {code}")


def green(asked: tuple[str, str, str]) -> bool:
    """True if tests (file, -k, engine) pass without any fault."""
    return run(PACKAGE.parent, *asked) == 0


def main(words: list[str]) -> int:
    """Seed every fault whose name holds one of the words; all if there are none, or test files that are known to be green."""
    known: set[str] | None = None
    if words[:1] == ["--green"]:
        known, words = set(words[1:]), []
    wanted = [f for f in FAULTS if not words or any(word in f.name for word in words)]
    parts: dict[tuple[str, str], list[str]] = {}
    for fault in wanted:
        engine = engine_for(fault)
        if known is None or fault.tests == NATIVE or (engine == "xla" and fault.tests not in known):
            parts.setdefault((fault.tests, engine), []).append(f"({fault.chosen})")
    asked = [(file, " or ".join(chosen), engine) for (file, engine), chosen in parts.items()]
    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}  # JAX reads them when it is imported
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    with ProcessPoolExecutor(2, context, max_tasks_per_child=1) as pool:
        red = [file for (file, *_), passed in zip(asked, pool.map(green, asked), strict=True) if not passed]
        if red:
            print(f"not green without any fault: {', '.join(red)}")
            return 1
        results = []
        for fault, fate in pool.map(seeded, wanted):
            results.append(fate)
            print(f"{fault.name:<55} {fault.file:<22} {fate}", flush=True)
    print(f"{results.count('caught')} of {len(results)} faults caught")
    return 0 if set(results) == {"caught"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
