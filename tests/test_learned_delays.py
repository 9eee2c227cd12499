"""Learned delays: annealed, they become one-hot; hardened, they are the plain network with the selected delays."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import reference
import throughtime as tt
import zoo
from throughtime import Connection, Layer, LearnedDelays, Network, units

LEARNED = {
    name: network
    for name, network in zoo.NETWORKS.items()
    if any(isinstance(c.weight, LearnedDelays) for layer in network.layers for c in layer.connections)
}
EXACT = 1e-12


def outputs(network: Network, weights: Any) -> jax.Array:
    return tt.run(network, weights, zoo.inputs_for(network, steps=9))[0]


def by_hand(connection: Connection, weight: Any) -> np.ndarray:
    """(D, S, nets, N): pair by pair the weight at the delay with the largest logit, 0 at the others."""
    logits, values = np.asarray(weight["delay"]), np.asarray(weight["weight"])
    made = np.zeros((len(connection.delays), *values.shape))
    for s, n in np.ndindex(values.shape[0], values.shape[2]):
        made[logits[:, s, n].argmax(), s, :, n] = values[s, :, n]
    return made


def plain_by_hand(network: Network, weights: Any) -> tuple[Network, Any]:
    """All delays dense, each pair at its own: no delay is left out, so histories and starts stay."""
    made, layers = dict(weights), []
    for layer in network.layers:
        own = [replace(c, weight="dense") if isinstance(c.weight, LearnedDelays) else c for c in layer.connections]
        layers.append(replace(layer, connections=tuple(own)))
        hard = {c.key for c in layer.connections if isinstance(c.weight, LearnedDelays)}
        made[layer.name] = {
            key: by_hand(next(c for c in layer.connections if c.key == key), w) if key in hard else w
            for key, w in weights[layer.name].items()
        }
    return replace(network, layers=tuple(layers)), made


@pytest.mark.parametrize("name", LEARNED)
def test_the_hardened_network_is_the_selection_by_hand(name: str) -> None:
    network, weights = LEARNED[name], zoo.weights_of(LEARNED[name])
    found = outputs(*tt.harden(network, weights))
    assert zoo.distance(found, outputs(*plain_by_hand(network, weights))) < EXACT
    assert zoo.distance(found, outputs(network, weights)) > 1e-3  # the softmax is far from one-hot here


@pytest.mark.parametrize("name", LEARNED)
def test_one_hot_softmaxes_are_the_hardened_network(name: str) -> None:
    sharp = tt.anneal(LEARNED[name], 1e-5)
    weights = zoo.weights_of(sharp)
    assert all(
        float(s.certainty.min()) == 1.0 for own in tt.selected_delays(sharp, weights).values() for s in own.values()
    )
    found = outputs(*tt.harden(sharp, weights))
    assert zoo.alive(found)
    assert zoo.distance(found, outputs(sharp, weights)) < EXACT


@pytest.mark.parametrize("temperature", [0.3, 0.1, 0.03])
def test_the_difference_is_what_the_softmax_leaves_to_other_delays(temperature: float) -> None:
    """A linear network, inputs of at most one: |y - y'| is at most the sum over pairs of 2 (1 - certainty) |w|."""
    network = Network(
        {"x": 3},
        (Layer("y", 2, units.linear, [Connection("x", weight=LearnedDelays(4, temperature=temperature))]),),
        "y",
    )
    weights, xs = zoo.weights_of(network), jnp.sign(zoo.inputs_for(network, steps=30))
    (selected,) = tt.selected_delays(network, weights)["y"].values()
    bound = (2 * (1 - selected.certainty) * jnp.abs(weights["y"]["x"]["weight"][:, 0])).sum(0)
    gap = jnp.abs(tt.run(network, weights, xs)[0] - tt.run(*tt.harden(network, weights), xs)[0]).max((0, 1))
    assert (gap <= bound + EXACT).all()
    assert (gap > 0.2 * bound).all()


@pytest.mark.parametrize("name", ["narx, learned delays", "lstm, learned delays", "tdnn, learned delays, two per pair"])
def test_only_the_delays_that_are_used_stay(name: str) -> None:
    network, weights = LEARNED[name], zoo.weights_of(LEARNED[name])
    plain, made = tt.harden(network, weights)
    for layer, own in tt.selected_delays(network, weights).items():
        for key, selected in own.items():
            c = next(c for c in plain.by_name[layer].connections if c.key == key)
            assert c.weight == "dense"
            assert c.delays == tuple(sorted({int(d) for d in selected.delay.ravel()}))
            assert (np.count_nonzero(made[layer][key], axis=0) == 1).all()
    assert tt.from_json(plain.to_json()) == plain


def test_certainty_is_the_largest_share() -> None:
    network = tt.tdnn(2, 3, 1, [LearnedDelays(5, 2, temperature=0.5), 0])
    weights = zoo.weights_of(network)
    shares = reference.effective(
        network.by_name["hidden"].connections[0],
        {"delay": weights["hidden"]["input"]["delay"], "weight": jnp.ones((2, 1, 3))},
    )[:, :, 0]
    (selected,) = tt.selected_delays(network, weights)["hidden"].values()
    np.testing.assert_allclose(selected.certainty, shares.max(0), rtol=1e-12)
    assert (selected.delay == shares.argmax(0) + 2).all()


def test_a_learned_start_keeps_the_rows_that_are_heard() -> None:
    network = tt.narx(1, 2, 1, 0, LearnedDelays(4, temperature=1e-5), start="learned")
    weights = zoo.weights_of(network)
    weights["hidden"]["output"]["delay"] = jnp.array([9.0, 1, 0, 0])[:, None, None] * jnp.ones((1, 2))
    plain, made = tt.harden(network, weights)
    assert made["output"]["start"]["activity"].shape == (1, 1)
    assert zoo.distance(outputs(plain, made), outputs(network, weights)) < EXACT


def test_a_start_that_nobody_hears_any_more_is_dropped() -> None:
    heard = Connection("h", weight=LearnedDelays(2, 0, temperature=1e-5))
    network = Network(
        {"x": 1}, (Layer("h", 2, units.tanh, ["x"], start="learned"), Layer("y", 1, units.linear, [heard])), "y"
    )
    weights = zoo.weights_of(network)
    weights["y"]["h"]["delay"] = jnp.array([9.0, 1, 0])[:, None, None] * jnp.ones((2, 1))
    plain, made = tt.harden(network, weights)
    assert plain.by_name["h"].start == "zero"
    assert zoo.distance(outputs(plain, made), outputs(network, weights)) < EXACT


def test_members_share_the_union_of_their_delays() -> None:
    network = LEARNED["narx, learned delays"]
    each = [zoo.weights_of(network, seed) for seed in range(3)]
    plain, made = tt.harden(network, jax.tree.map(lambda *w: jnp.stack(w), *each))
    for member, weights in enumerate(each):
        found = outputs(plain, jax.tree.map(lambda leaf, k=member: leaf[k], made))
        assert zoo.distance(found, outputs(*tt.harden(network, weights))) < EXACT


def test_an_open_loop_hardens_to_the_open_loop_of_the_hardened() -> None:
    closed = LEARNED["narx, learned delays"]
    weights = zoo.weights_of(closed)
    assert tt.harden(closed.open_loop(), weights)[0] == tt.harden(closed, weights)[0].open_loop()


def test_a_schedule_selects_the_delays_of_the_data() -> None:
    """A delay of each of two inputs, found by stages of falling temperature; then the softmaxes are one-hot."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    lesson = [(x, 0.8 * np.roll(x[:, :1], 3, axis=0) - 0.6 * np.roll(x[:, 1:], 7, axis=0))]
    heard = [Connection("x", weight=LearnedDelays(9))]
    network = Network({"x": 2}, (Layer("y", 1, units.linear, heard),), "y")
    weights, state, adam = tt.init(network, 0), None, optax.adam(0.03)
    for temperature in (1.0, 0.3, 0.1, 0.03):
        cool = tt.anneal(network, temperature)
        reports = tt.train(
            cool, weights, tt.BPTT(), tt.SquaredError(), adam, lesson, epochs=100, look=100, optimizer_state=state
        )
        *_, last = reports
        weights, state = last.weights, last.optimizer_state
    selected = tt.selected_delays(cool, weights)["y"]["x"]
    assert selected.delay.tolist() == [[3], [7]]
    assert float(selected.certainty.min()) > 0.999


def test_the_penalty_is_the_gradient_of_the_entropy() -> None:
    """By finite differences of -sum p log p; every other gradient stays as it is."""
    network = LEARNED["narx, learned delays"]
    weights, strength = zoo.weights_of(network), 0.7
    gradients = jax.tree.map(jnp.ones_like, weights)
    found, _ = tt.sharpen(network, strength).update(gradients, optax.EmptyState(), weights)

    def entropy(logits: np.ndarray) -> float:
        p = np.exp(logits / 0.5) / np.exp(logits / 0.5).sum(0)
        return float(-(p * np.log(p)).sum())

    logits, step = np.asarray(weights["hidden"]["output"]["delay"]), 1e-6
    for place in np.ndindex(logits.shape):
        nudge = np.zeros_like(logits)
        nudge[place] = step
        slope = (entropy(logits + nudge) - entropy(logits - nudge)) / (2 * step)
        assert float(found["hidden"]["output"]["delay"][place]) == pytest.approx(1 + strength * slope, abs=1e-8)
    for key in ("input", "output"):
        found["hidden"][key]["delay"] = gradients["hidden"][key]["delay"]
    assert zoo.distance(found, gradients) == 0


def test_equal_penalties_share_compiled_code() -> None:
    network = LEARNED["narx, learned delays"]
    assert tt.sharpen(network, 0.1) == tt.sharpen(network, 0.1)
    assert hash(tt.sharpen(network, 0.1)) == hash(tt.sharpen(network, 0.1))
    assert tt.sharpen(network, 0.1) != tt.sharpen(network, 0.2)


WRONG = {
    "a reward": (lambda: tt.sharpen(LEARNED["narx, learned delays"], -1.0), "strength of at least 0, not -1"),
    "nothing to anneal": (lambda: tt.anneal(tt.elman(1, 2, 1), 0.1), "no connection of the network has learned delays"),
    "nothing to harden": (lambda: tt.harden(tt.elman(1, 2, 1), {}), "no connection of the network has learned delays"),
    "too cold": (lambda: tt.anneal(LEARNED["narx, learned delays"], 0), "temperature above 0, not 0"),
    "other weights": (
        lambda: tt.harden(LEARNED["narx, learned delays"], tt.init(tt.narx(1, 2, 1), 0)),
        r"weights of layer 'hidden', 'input', have shape",
    ),
    "numbers and learned": (
        lambda: tt.tdnn(1, 2, 1, [[LearnedDelays(3), 2], 0]),
        "give numbers or LearnedDelays, not both",
    ),
    "unknown source": (lambda: tt.tdnn(1, 2, 1, [{"sound": 0}, 0]), "given for sound; what is heard there is input"),
    "feedback now": (lambda: tt.narx(1, 2, 1, 0, LearnedDelays(2, 0)), "no delay"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case: str) -> None:
    call, words = WRONG[case]
    with pytest.raises(ValueError, match=words):
        call()


def test_several_delays_per_source_are_connections_of_their_own() -> None:
    network = tt.tdnn({"u": 1, "v": 2}, 3, 1, [{"u": (0, 4), "v": [LearnedDelays(5), LearnedDelays(2, 0)]}, (0, 2)])
    heard = {c.key: (c.source, c.delays) for c in network.by_name["hidden"].connections}
    assert heard == {"u": ("u", (0, 4)), "v": ("v", (1, 2, 3, 4, 5)), "v 2": ("v", (0, 1, 2))}


def test_waibels_network_by_its_equations() -> None:
    """15 frames of 16 coefficients; the answer is the mean of the evidence over the 9 steps with full windows."""
    network = tt.waibel()
    weights, xs = zoo.weights_of(network), zoo.inputs_for(network, 15, 2)
    hidden, out = weights["hidden"], weights["output"]
    W, V = hidden["input"][:, :, 0], out["hidden"][:, :, 0]
    a = [jax.nn.sigmoid(sum(xs[t - d] @ W[d] for d in range(3)) + hidden["bias"][0]) for t in range(2, 15)]
    y = [jax.nn.sigmoid(sum(a[t - d] @ V[d] for d in range(5)) + out["bias"][0]) for t in range(4, 13)]
    targets = jnp.full((15, 2), -1).at[6:].set(jnp.array([2, 0]))
    ys = tt.run(network, weights, xs)[0]
    assert len(y) == 9
    for how, wanted in {"mean": sum(y) / 9, "sum": sum(y), "squares": sum(v * v for v in y)}.items():
        loss = tt.Integrated(tt.CrossEntropy(), how)  # type: ignore[arg-type]
        assert zoo.distance(loss.integral(ys, targets), wanted) < EXACT
        each = -jnp.take_along_axis(jax.nn.log_softmax(wanted), jnp.array([[2], [0]]), axis=1)[:, 0]
        assert zoo.distance(loss(ys, targets), jnp.zeros((15, 2)).at[6:].set(each)) < EXACT


def test_one_label_is_asked_at_all_steps_and_lengths_do_not_mix() -> None:
    """What `train` reports of two sequences of unequal length is the loss of their integrals, each alone."""
    network, loss = tt.waibel(2, 3, 2), tt.Integrated(tt.CrossEntropy())
    weights, draw = zoo.weights_of(network), np.random.default_rng(0)
    pairs = [(draw.normal(size=(steps, 2)), label) for steps, label in ((9, 1), (5, 0))]
    found = tt.evaluate(network, weights, loss, pairs)
    total = 0.0
    for x, label in pairs:
        z = tt.run(network, weights, x[:, None])[0][:, 0].mean(0)
        total -= len(x) * float(jax.nn.log_softmax(z)[label])
    assert found == pytest.approx(total / 14, rel=1e-12)
