"""A feedforward network inside a recurrent one: equal outputs, layer by layer in time."""

import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
from throughtime import Connection, Layer, LearnedDelays, Network, units

SKIP = Network(
    {"u": 2, "v": 1},
    (
        Layer("one", 3, units.tanh, ("u",)),
        Layer("two", 3, units.tanh, ("one", Connection("v", (0, 2)), Connection("one", 0, "diagonal", name="own"))),
        Layer("three", 3, units.tanh, (Connection("two", 0, "identity"), "one", "u"), bias=False),
        Layer("y", 2, units.softmax, ("three", "one", "v")),
    ),
    "y",
)
LEARNED = Network(
    {"x": 2},
    (
        Layer("low", 4, units.relu, (Connection("x", weight=LearnedDelays(3, 0)),)),
        Layer("high", 3, units.relu, ("low",)),
        Layer("y", 1, units.linear, ("high", Connection("x", (0, 1))), bias=False),
    ),
    "y",
)
DEPTHS = {
    "one hidden layer": (tt.feedforward(3, 4, 2), 1),
    "two": (tt.feedforward(2, [5, 3], 1), 2),
    "four, logistic": (tt.feedforward(2, [3, 4, 2, 3], 2, f=units.logistic, g=units.tanh), 4),
    "window": (tt.window(2, [3, 3], 1, width=3), 2),
    "skipping layers": (SKIP, 3),
    "learned delays": (LEARNED, 2),
}


def drawn(network: Network, steps: int, batch: int = 3) -> tuple[dict[str, object], dict[str, object]]:
    """Weights whose biases are not 0, and inputs."""
    random = np.random.default_rng(5)
    weights = tt.init(network, 1)
    for layer in weights.values():
        if "bias" in layer:
            layer["bias"] = jnp.asarray(random.normal(size=layer["bias"].shape))
    return weights, {name: jnp.asarray(random.normal(size=(steps, batch, size))) for name, size in network.inputs}


@pytest.mark.parametrize(("network", "depth"), DEPTHS.values(), ids=DEPTHS)
def test_every_answer_comes_depth_minus_one_steps_later(network: Network, depth: int):
    weights, xs = drawn(network, 6)
    recurrent, theirs = tt.represent(network, weights)
    ys, _ = tt.run(network, weights, xs)
    wait = {name: jnp.concatenate([x, jnp.zeros((depth - 1, *x.shape[1:]))]) for name, x in xs.items()}
    late, _ = tt.run(recurrent, theirs, wait)
    np.testing.assert_allclose(late[depth - 1 :], ys, rtol=0, atol=1e-12)
    assert depth == 1 or float(jnp.abs(late[: depth - 1] - ys[: depth - 1]).max()) > 1e-3  # and no sooner


def test_one_recurrent_layer_holds_all_hidden_units():
    network = tt.feedforward(2, [4, 3, 2], 1)
    recurrent, weights = tt.represent(network, tt.init(network, 0))
    assert [layer.name for layer in recurrent.layers] == ["hidden", "output"]
    assert recurrent.size_of("hidden") == 9
    block = np.asarray(weights["hidden"]["recurrent"])[0, :, 0]
    assert block.shape == (9, 9)
    assert np.count_nonzero(block) == 4 * 3 + 3 * 2
    assert not np.tril(block).any()  # it only leads onwards
    assert tt.init(recurrent, 0)["hidden"]["recurrent"].shape == weights["hidden"]["recurrent"].shape


def test_names_of_inputs_stay():
    recurrent, _ = tt.represent(SKIP, tt.init(SKIP, 0))
    assert recurrent.inputs == SKIP.inputs
    assert {c.key: c.delays for c in recurrent.by_name["hidden"].connections} == {
        "u": (0, 2),
        "recurrent": (1, 2),
        "v": (1, 3),
    }


REFUSED = {
    "no hidden layer": Network(1, [Layer("output", 1, units.linear, ["input"])], "output"),
    "is a loop": tt.fully_recurrent(1, 2, 1),
    "with a delay": tt.tdnn(1, [2, 2], 1, [(0,), (0, 1), (0,)]),
    "several net inputs or a memory": Network(
        1, [Layer("h", 2, units.lstm, ["input"]), Layer("output", 1, units.linear, ["h"])], "output"
    ),
    "runs backward": Network(
        1,
        [Layer("h", 2, units.tanh, ["input"], backward=True), Layer("output", 1, units.linear, ["h"])],
        "output",
    ),
    "'relu' is not 'tanh'": Network(
        1,
        [
            Layer("h", 2, units.tanh, ["input"]),
            Layer("k", 2, units.relu, ["h"]),
            Layer("output", 1, units.linear, ["k"]),
        ],
        "output",
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_represented_is_refused(said: str):
    network = REFUSED[said]
    with pytest.raises(ValueError, match=said) as caught:
        tt.represent(network, tt.init(network, 0))
    assert "\n" not in str(caught.value)
