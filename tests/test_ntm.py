"""The neural Turing machine: its heads against a slot-by-slot recursion in numpy, and what it shares with every wiring."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
import zoo
from throughtime import units
from throughtime.external_memory import heads, looked

SLOTS, WIDTH = 5, 4


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


def shares(values: list[float]) -> list[float]:
    """Each as its part of the sum."""
    return [v / sum(values) for v in values]


def naive_place(said: dict, key: list[float], matrix: list[list[float]], before: list[float]) -> list[float]:
    """Where a head looks next, as the paper has it: content, gate, shift, sharpening; one slot at a time."""
    size = len(matrix)

    def angle(row: list[float]) -> float:
        lengths = math.sqrt(sum(k * k for k in key)) * math.sqrt(sum(m * m for m in row))
        return sum(k * m for k, m in zip(key, row, strict=True)) / lengths

    content = shares([math.exp(softplus(said["beta"]) * angle(row)) for row in matrix])
    gate = logistic(said["gate"])
    mixed = [gate * c + (1 - gate) * w for c, w in zip(content, before, strict=True)]
    shift = shares([math.exp(s) for s in said["shift"]])
    moved = [sum(shift[j + 1] * mixed[(i - j) % size] for j in (-1, 0, 1)) for i in range(size)]
    return shares([m ** (1 + softplus(said["gamma"])) for m in moved])


def naive_step(net: np.ndarray, matrix: list, places: list) -> tuple[list[float], list, list]:
    """The reading, and matrix and places after it; net (nets, N)."""
    net = np.clip(net, -20, 20)
    steering = net[4:].ravel()
    found = []
    for head in range(2):
        beta, gate, *shift, gamma = steering[6 * head : 6 * head + 6]
        said = {"beta": beta, "gate": gate, "shift": shift, "gamma": gamma}
        found.append(naive_place(said, list(np.tanh(net[head])), matrix, places[head]))
    width = net.shape[1]
    reading = [sum(w * row[n] for w, row in zip(found[0], matrix, strict=True)) for n in range(width)]
    erase, add = [logistic(x) for x in net[2]], [math.tanh(x) for x in net[3]]
    written = [
        [row[n] * (1 - w * erase[n]) + w * add[n] for n in range(width)]
        for w, row in zip(found[1], matrix, strict=True)
    ]
    return reading, written, found


def test_the_heads_do_what_the_paper_says():
    unit, random = heads(SLOTS), np.random.default_rng(0)
    matrix = random.normal(size=(SLOTS, WIDTH))
    places = [[1.0] + [0.0] * (SLOTS - 1)] * 2
    memory = jnp.zeros((unit.memory_of(WIDTH), WIDTH)).at[:SLOTS].set(matrix - 1e-6)
    for _ in range(6):
        net = random.normal(0, 2, (len(unit.nets_of(WIDTH)), WIDTH))
        reading, memory = unit.activate(jnp.asarray(net), memory)
        wanted, matrix, places = naive_step(net, matrix, places)
        kept = unit.activate.kept(memory)
        # 1e-8 keeps the angle to a row finite
        np.testing.assert_allclose(reading, wanted, atol=1e-6)
        np.testing.assert_allclose(kept.matrix, matrix, atol=1e-6)
        np.testing.assert_allclose(kept.weightings, places, atol=1e-6)
        np.testing.assert_allclose(kept.weightings.sum(-1), 1, atol=1e-12)


def test_a_head_told_to_move_on_moves_on_and_what_is_written_is_read():
    """Gate shut, shift +1, sharp: both heads step from slot to slot; the writing head leaves its row behind."""
    unit, size = heads(SLOTS), 6
    steering = np.zeros(12)
    steering[[1, 7]] = -20  # gate: by location
    steering[[4, 10]] = 20  # shift +1
    steering[[5, 11]] = 20  # gamma
    net = np.zeros((6, size))
    net[3] = np.linspace(-2, 2, size)  # add
    net[4:] = steering.reshape(2, size)
    memory = jnp.zeros((unit.memory_of(size), size))
    for step in range(1, SLOTS + 3):
        reading, memory = unit.activate(jnp.asarray(net), memory)
        kept = unit.activate.kept(memory)
        assert (kept.weightings.argmax(-1) == step % SLOTS).all()
        np.testing.assert_allclose(kept.weightings.max(-1), 1, atol=1e-6)
        # the whole ring is written after SLOTS steps; only then does the reading head find something
        assert bool(jnp.abs(reading).max() > 0.5) == (step > SLOTS)
    assert float(jnp.abs(kept.matrix).min()) > 0.1


def test_the_start_is_the_first_slot_and_nearly_nothing():
    network = zoo.NETWORKS["ntm"]
    history = tt.start(network, tt.init(network, 0), batch=3)
    places = looked(network, history["memory"])
    assert places.shape == (3, 2, 3)
    np.testing.assert_array_equal(places, np.broadcast_to([1.0, 0.0, 0.0], (3, 2, 3)))
    matrix = network.by_name["memory"].unit.activate.kept(history["memory"]["memory"]).matrix
    np.testing.assert_allclose(matrix, 1e-6)


@pytest.mark.parametrize("value", [0.0, 1e3, -1e3])
def test_gradients_stay_finite_at_the_ends(value: float):
    """Empty keys, sharp places in float32, net inputs far beyond the clipping: no NaN on the way back."""
    network = tt.ntm(2, 3, 1, slots=SLOTS, width=WIDTH)
    weights = jax.tree.map(lambda w: jnp.full_like(w, value), tt.init(network, 0, jnp.float32))
    xs, targets = jnp.ones((12, 2, 2)), jnp.zeros((12, 2, 1))
    learner = tt.BPTT()
    _, lesson = learner.learn(network, weights, learner.init(network, weights, 2), xs, targets, tt.SquaredError())
    assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(lesson.gradients))


def test_weights_fit_a_longer_memory():
    """No weight depends on the number of slots: while neither head comes round, a longer ring tells the same."""
    short, long = (tt.ntm(2, 4, 2, slots=n, width=WIDTH) for n in (9, 30))
    weights = tt.init(short, 0)
    bias = weights["memory"]["bias"].at[4:].set(jnp.array([0, -20, -20, 0, 0, 5] * 2, float).reshape(3, WIDTH))
    weights["memory"] |= {"bias": bias, "controller": weights["memory"]["controller"].at[:, :, 4:].set(0)}
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(6, 2, 2)))
    np.testing.assert_allclose(tt.run(short, weights, xs)[0], tt.run(long, weights, xs)[0], atol=1e-6)
    assert float(jnp.abs(tt.run(short, weights, xs)[0]).max()) > 0.01


def test_a_feedforward_controller_does_not_hear_itself():
    layer = tt.ntm({"u": 1, "v": 2}, 4, 1, slots=3, width=2, controller=units.relu).by_name["controller"]
    assert [(c.key, c.source, c.delays) for c in layer.connections] == [
        ("u", "u", (0,)),
        ("v", "v", (0,)),
        ("reading", "memory", (1,)),
    ]
    again = tt.ntm(3, 4, 1, slots=3, width=2).by_name["controller"]
    assert ("recurrent", "controller", (1,)) in [(c.key, c.source, c.delays) for c in again.connections]


def test_a_model_file_needs_no_units(tmp_path):
    network = tt.ntm(2, 3, 1, slots=7, width=5)
    assert tt.from_json(network.to_json()) == network
    weights = tt.init(network, 0)
    tt.save(tmp_path / "ntm.safetensors", tt.Model(network, weights))
    model = tt.load(tmp_path / "ntm.safetensors")
    assert model.network == network
    assert zoo.distance(model.weights, weights) == 0


def test_what_is_not_understood_is_refused():
    with pytest.raises(ValueError, match=r"a controller is units\.lstm, or an elementwise unit .* not 'gru'"):
        tt.ntm(1, 2, 1, controller=units.gru)
    with pytest.raises(ValueError, match="slots must be a whole number of at least 3, not 2"):
        tt.ntm(1, 2, 1, slots=2)
    with pytest.raises(ValueError, match="layer 'hidden' is not the memory"):
        looked(tt.lstm(1, 2, 1), {}, "hidden")
    with pytest.raises(ValueError, match="unknown unit 'ntn-7'"):
        units.named("ntn-7")
