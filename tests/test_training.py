"""The training loop against loops written out by hand, and its promises: seeds, stretches, stopping, divergence."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime import sequences
from throughtime.training import Diverged, epochs, evaluate, train
from throughtime.training.gradient import Gradient
from throughtime.training.method import State

NETWORK = tt.fully_recurrent(1, 2, 1)
WEIGHTS = tt.init(NETWORK, 0)
LOSS = tt.SquaredError()
SGD, ADAM = optax.sgd(0.1), optax.adam(0.05)


def echo(*lengths: int) -> list[tuple[Any, Any]]:
    """The output shall say the input of the step before."""
    rng = np.random.default_rng(0)
    made = []
    for length in lengths:
        x = rng.normal(size=(length, 1))
        made.append((x, np.concatenate([np.zeros((1, 1)), x[:-1]])))
    return made


def reports(sequences: Any, optimizer: Any = SGD, learner: Any = tt.BPTT(), **settings: Any) -> list[Any]:  # noqa: B008
    return list(train(NETWORK, WEIGHTS, learner, LOSS, optimizer, sequences, **settings))


def same(one: Any, other: Any, **tolerance: float) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **({"rtol": 1e-10, "atol": 1e-12} | tolerance)), one, other
    )


def stepped(weights: Any, gradients: Any, asked: float) -> Any:
    return jax.tree.map(lambda w, g: w - 0.1 * g / asked, weights, gradients)


def test_an_epoch_of_unequal_sequences_is_one_step_along_the_mean_gradient() -> None:
    data, total, asked = echo(3, 5, 4), None, 12
    for x, y in data:
        carry = tt.BPTT().init(NETWORK, WEIGHTS, 1)
        _, lesson = tt.BPTT().learn(NETWORK, WEIGHTS, carry, x[:, None], y[:, None], LOSS)
        total = lesson.gradients if total is None else jax.tree.map(jnp.add, total, lesson.gradients)
    (report,) = reports(data, epochs=1, batch=4, padding=1.0)
    same(report.weights, stepped(WEIGHTS, total, asked))
    assert (report.epoch, report.updates, report.lesson.asked) == (1, 1, asked)
    assert report.loss == pytest.approx(evaluate(NETWORK, WEIGHTS, LOSS, data))
    assert report.best is WEIGHTS  # the loss of a single update is that of the weights before it


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.RTRL()], ids=repr)
def test_every_k_steps_is_an_update_and_the_carry_goes_on(learner: Any) -> None:
    ((x, y),) = echo(5)
    weights, carry = WEIGHTS, learner.init(NETWORK, WEIGHTS, 1)
    for part in (slice(0, 2), slice(2, 4), slice(4, 5)):
        carry, lesson = learner.learn(NETWORK, weights, carry, x[part, None], y[part, None], LOSS)
        weights = stepped(weights, lesson.gradients, int(lesson.asked))
    (report,) = reports([(x, y)], learner=learner, epochs=1, every=2)
    same(report.weights, weights)
    assert report.updates == 3


def test_no_update_where_nothing_is_asked() -> None:
    ((x, y),) = echo(6)
    y[:4] = np.nan
    (report,) = reports([(x, y)], ADAM, epochs=1, every=2)
    assert report.updates == 1
    assert int(report.optimizer_state[0].count) == 1
    assert report.lesson.asked == 2


def test_the_same_seed_gives_the_same_numbers() -> None:
    data = echo(4, 4, 4, 4, 4)
    first, again, other = (reports(data, ADAM, epochs=3, batch=2, seed=seed)[-1] for seed in (1, 1, 2))
    same(first.weights, again.weights, rtol=0, atol=0)
    assert first.loss == again.loss != other.loss


def test_training_goes_on_from_a_report() -> None:
    data = echo(4)
    whole = reports(data, ADAM, epochs=4)[-1]
    half = reports(data, ADAM, epochs=2)[-1]
    rest = train(NETWORK, half.weights, tt.BPTT(), LOSS, ADAM, data, epochs=2, optimizer_state=half.optimizer_state)
    same(list(rest)[-1].weights, whole.weights)


def test_it_learns_the_echo_and_keeps_the_best_weights() -> None:
    data = echo(*[7] * 8)
    made = reports(data[:6], ADAM, epochs=150, validation=data[6:], clip=1.0)
    last = made[-1]
    assert last.loss < 0.1 * made[0].loss
    assert last.best_loss == min(r.validation for r in made) == made[last.best_epoch - 1].validation
    assert evaluate(NETWORK, last.best, LOSS, data[6:]) == pytest.approx(last.best_loss)


def test_patience_ends_training() -> None:
    data = echo(6, 6)
    made = reports(data[:1], optax.sgd(0.0), epochs=50, validation=data[1:], patience=3)
    assert [r.best_epoch for r in made] == [1, 1, 1, 1]


def test_clip_bounds_the_mean_gradient() -> None:
    data = echo(5)
    free, bound = (reports(data, epochs=1, clip=clip)[0].weights for clip in (None, 1e-3))
    moved = [epochs.norm(jax.tree.map(jnp.subtract, w, WEIGHTS)) for w in (free, bound)]
    assert moved[0] > 1e-3
    assert moved[1] == pytest.approx(0.1 * 1e-3)


def test_a_second_training_compiles_nothing() -> None:
    reports(echo(5, 6, 7), ADAM, epochs=1, batch=2, padding=1.0, clip=1.0)
    compiled = len(epochs.epochs_over.known)
    reports(echo(7, 6, 6), ADAM, epochs=2, batch=2, padding=1.0, clip=0.5, seed=3)
    assert len(epochs.epochs_over.known) == compiled
    reports(echo(12, 6, 7), ADAM, epochs=1, batch=2, padding=1.0)
    assert len(epochs.epochs_over.known) > compiled


@pytest.mark.parametrize("every", [None, 2])
@pytest.mark.parametrize("lengths", [(5, 6, 7, 7, 3), (7, 7, 7, 7)])
def test_the_lengths_to_pad_to_change_no_number(lengths: tuple[int, ...], every: int | None) -> None:
    data, settings = echo(*lengths), {"epochs": 2, "batch": 2, "every": every, "validation": echo(4, 2)}
    plain, given = (reports(data, ADAM, padding=padding, **settings)[-1] for padding in (9.0, [9]))
    same(given.weights, plain.weights)
    assert (given.loss, given.validation, given.lesson.asked) == pytest.approx(
        (plain.loss, plain.validation, plain.lesson.asked)
    )
    assert given.updates == plain.updates


def test_rounds_of_other_sequences_compile_nothing() -> None:
    settings: dict[str, Any] = {"epochs": 1, "batch": 2, "padding": [4, 8], "validation": echo(4, 8)}
    reports(echo(3, 4, 2, 7, 8, 8, 5, 6), ADAM, **settings)
    compiled = len(epochs.epochs_over.known)
    (report,) = reports(echo(4, 4, 4, 4, 8, 5, 8, 7, 6, 5), ADAM, **settings)
    assert len(epochs.epochs_over.known) == compiled
    assert report.updates == 5
    with pytest.raises(ValueError, match=r"a sequence has 9 steps, but the lengths to pad to are \[4, 8\]"):
        reports(echo(9), ADAM, **settings)


@pytest.mark.parametrize("every", [None, 2])
def test_divergence_stops_with_the_last_good_weights(every: int | None) -> None:
    with pytest.raises(Diverged, match=r"diverged in epoch \d, at update .* take a smaller learning rate") as error:
        reports(echo(5, 5), optax.sgd(1e200), epochs=5, every=every)
    assert "\n" not in str(error.value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(error.value.weights))
    if every is None:  # the first update is refused, as its weights overflow: nothing was learned, nothing lost
        same(error.value.weights, WEIGHTS)


def test_after_divergence_nothing_is_updated_within_the_epoch() -> None:
    good, bad = echo(4), [(np.full((4, 1), 1e200), np.full((4, 1), 1e200))]
    pairs = sequences.examples_of(NETWORK, [*bad, *good, *good], LOSS)
    (bucket,) = sequences.buckets(pairs, LOSS, jnp.float64)
    state, method = State(WEIGHTS, SGD.init(WEIGHTS), jnp.array(True), jnp.array(0)), Gradient(SGD)
    order, key = np.array([[1], [0], [2]], np.int32), jax.random.key(0)
    routine = epochs.Routine(NETWORK, tt.BPTT(), LOSS, method, None, None)
    after, _ = epochs.one_pass(routine, None, state, bucket, order, key)
    only, _ = epochs.one_pass(routine, None, state, bucket, order[:1], key)
    assert not after.healthy
    assert int(after.updates) == 1
    same(after.weights, only.weights)


def test_teacher_forcing_is_validated_on_the_closed_loop() -> None:
    network = tt.narx(1, 2, 1, range(2), range(1, 3))
    ((u, y),) = echo(6)
    forced = [({"input": u, "measured output": y}, y)]
    open_loop, weights = network.open_loop(), tt.init(network, 0)
    settings: dict[str, Any] = {"epochs": 1, "validation": [(u, y)], "validation_network": network}
    (report,) = train(open_loop, weights, tt.Backprop(), LOSS, SGD, forced, **settings)
    assert report.validation == pytest.approx(evaluate(network, report.weights, LOSS, [(u, y)]))


def test_classes_and_strings_are_learned() -> None:
    network = tt.fully_recurrent(1, 2, 3)
    x = np.array([[1.0], [-1.0], [1.0], [0.0], [1.0]])
    for loss, target in ((tt.CrossEntropy(), 2), (tt.CTC(), [1, 2])):
        made = list(train(network, tt.init(network, 0), tt.BPTT(), loss, ADAM, [(x, target)], epochs=30))
        assert made[-1].loss < 0.5 * made[0].loss
        assert made[-1].lesson.asked == 1


def test_dropout_follows_the_seed_and_is_off_in_validation() -> None:
    plain = tt.fully_recurrent(1, 2, 1)
    hidden, output = plain.layers
    silenced = tt.Connection("hidden", dropout=0.5)
    network = tt.Network(plain.inputs, (hidden, tt.Layer("output", 1, output.unit, (silenced,))), "output")
    data = echo(4, 4)

    def last(seed: int) -> Any:
        return list(train(network, WEIGHTS, tt.BPTT(), LOSS, SGD, data, epochs=3, seed=seed, validation=data))[-1]

    one, again, other = last(1), last(1), last(2)
    assert one.loss == again.loss != other.loss
    assert one.validation == pytest.approx(evaluate(plain, one.weights, LOSS, data))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every": 0}, "every must be a whole number of at least 1, not 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"patience": 2}, "patience= waits for the validation loss; give validation="),
        ({"clip": -1.0}, "clip must be above 0"),
        ({"sequences": []}, "there are no sequences"),
        ({"sequences": [(np.zeros((2, 1)), np.full((2, 1), np.nan))]}, "nothing is asked"),
        ({"sequences": [np.zeros((2, 1))]}, r"sequence 0 must be a pair \(x, target\) or a triple .* not ndarray"),
        ({"loss": tt.CTC(), "every": 2}, "CTC has one loss per sequence"),
    ],
)
def test_bad_settings_are_refused_at_the_call(settings: dict[str, Any], words: str) -> None:
    settings = {"sequences": echo(3), "loss": LOSS} | settings
    with pytest.raises(ValueError, match=words) as error:
        train(NETWORK, WEIGHTS, tt.BPTT(), optimizer=SGD, **settings)
    assert "\n" not in str(error.value)


def last_step(ys: jax.Array, targets: jax.Array) -> jax.Array:
    """A loss per sequence, (B,), with a part that every sequence pays."""
    known = jnp.where(jnp.isnan(targets), 0.0, 1.0)
    return 1.0 + jnp.sum(known * (ys - jnp.nan_to_num(targets)) ** 2, axis=(0, 2))


last_step.per = "sequence"


def test_a_loss_per_sequence_is_counted_alike_in_training_and_validation() -> None:
    still = optax.sgd(0.0)
    for batch in (2, 3):  # with batch=2 one sequence is a filling one, which pays nothing
        args = NETWORK, WEIGHTS, tt.BPTT(), last_step, still, echo(5, 5, 5)
        (report,) = train(*args, epochs=1, batch=batch, validation=echo(5, 5, 5))
        assert report.loss == pytest.approx(report.validation)


def test_validation_in_which_nothing_is_asked_is_refused() -> None:
    nothing = [(np.ones((4, 1)), np.full((4, 1), np.nan))]
    with pytest.raises(ValueError, match="nothing is asked in any validation sequence"):
        train(NETWORK, WEIGHTS, tt.BPTT(), LOSS, SGD, echo(4), validation=nothing, patience=2)
