"""Law 5: what the chapter says is the same, is the same."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
import zoo
from test_exactness import ERROR, TOLERANCE, case
from throughtime import Connection, Layer, Network, units

EXACT = 1e-12


def outputs(network: Network, weights: Any, xs: Any) -> jax.Array:
    return tt.run(network, weights, xs)[0]


def test_jordan_is_the_trivial_narx() -> None:
    assert tt.jordan(2, 3, 2) == tt.narx(2, 3, 2, input_delays=0, output_delays=1)


@pytest.mark.parametrize("name", ["jordan", "elman", "recurrent", "narx"])
def test_the_equations_of_the_chapter(name: str) -> None:
    """The networks of the table, written out with the letters of the chapter: W, R, V, s, a, y."""
    network = zoo.NETWORKS[name]
    weights, xs, _ = case(network)
    hidden, out = weights["hidden"], weights["output"]
    V, c, b = out["hidden"][0, :, 0], out["bias"][0], hidden["bias"][0]
    W = hidden["input"][:, :, 0]
    ys, a, x = [jnp.zeros((zoo.BATCH, 2))] * 2, jnp.zeros((zoo.BATCH, 3)), [jnp.zeros_like(xs[0])] * 2
    for now in xs:
        x = [*x, now]
        s = sum((x[-1 - d] @ W[d] for d in range(len(W))), start=b)
        s += {
            "jordan": lambda: ys[-1] @ hidden["output"][0, :, 0],
            "elman": lambda a=a: a,
            "recurrent": lambda a=a: a @ hidden["recurrent"][0, :, 0],
            "narx": lambda: ys[-1] @ hidden["output"][0, :, 0] + ys[-2] @ hidden["output"][1, :, 0],
        }[name]()
        a = jnp.tanh(s)
        ys.append(a @ V + c)
    assert zoo.distance(outputs(network, weights, xs), jnp.stack(ys[2:])) < EXACT


def logistic(x: Any) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x)))


def test_the_equations_of_lstm() -> None:
    """c(t) = f c(t-1) + i tanh(g), a(t) = o tanh(c(t)); the gates' net inputs in the order i, f, o, g."""
    network = zoo.NETWORKS["lstm start"]
    weights, xs, _ = case(network)
    hidden = weights["hidden"]
    a, c, made = *(np.asarray(hidden["start"][part])[0] for part in ("activity", "memory")), []
    for x in np.asarray(xs)[:, 0]:
        net = [x @ hidden["input"][0, :, k] + a @ hidden["recurrent"][0, :, k] + hidden["bias"][k] for k in range(4)]
        i, f, o = (logistic(n) for n in net[:3])
        c = f * c + i * np.tanh(net[3])
        a = o * np.tanh(c)
        made.append(a)
    got = tt.trace(network, weights, xs)["activities"]["hidden"][:, 0]
    assert zoo.distance(got, jnp.stack(made)) < EXACT


def test_the_equations_of_gru() -> None:
    """n = tanh(W x + b + r (R a(t-1) + c)), a(t) = (1 - z) n + z a(t-1); r resets, z keeps."""
    network = zoo.NETWORKS["gru start"]
    weights, xs, _ = case(network)
    w = jax.tree.map(np.asarray, weights["hidden"])
    W, R, b, a, made = w["input"][0], w["recurrent"][0], w["bias"], w["start"]["activity"][0], []
    for x in np.asarray(xs)[:, 0]:
        r = logistic(x @ W[:, 1] + a @ R[:, 0] + b[1])
        z = logistic(x @ W[:, 2] + a @ R[:, 1] + b[2])
        a = (1 - z) * np.tanh(x @ W[:, 0] + b[0] + r * (a @ R[:, 2] + b[3])) + z * a
        made.append(a)
    got = tt.trace(network, weights, xs)["activities"]["hidden"][:, 0]
    assert zoo.distance(got, jnp.stack(made)) < EXACT


def test_an_elman_network_is_a_fully_recurrent_one_with_r_equal_to_one() -> None:
    elman, recurrent = tt.elman(2, 3, 2), tt.fully_recurrent(2, 3, 2)
    weights, xs, targets = case(elman)
    full = {**weights, "hidden": {**weights["hidden"], "recurrent": jnp.eye(3)[None, :, None, :]}}
    assert zoo.distance(outputs(elman, weights, xs), outputs(recurrent, full, xs)) < EXACT
    mine = zoo.lessons(elman, tt.BPTT(), weights, xs, targets, ERROR).gradients
    theirs = zoo.lessons(recurrent, tt.BPTT(), full, xs, targets, ERROR).gradients
    theirs = {**theirs, "hidden": {k: g for k, g in theirs["hidden"].items() if k != "recurrent"}}
    assert zoo.distance(mine, theirs) < TOLERANCE
    other = {**full, "hidden": {**full["hidden"], "recurrent": 0.5 * full["hidden"]["recurrent"]}}
    assert zoo.distance(outputs(elman, weights, xs), outputs(recurrent, other, xs)) > 1e-3


def convolved(xs: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Causal 1-D convolution by numpy, channel by channel; xs (T, B, S), kernel (D, S, N), tap d hears d steps back."""
    steps, batch, _ = xs.shape
    made = np.zeros((steps, batch, kernel.shape[2]))
    for b, s, n in np.ndindex(batch, *kernel.shape[1:]):
        made[:, b, n] += np.convolve(xs[:, b, s], kernel[:, s, n])[:steps]
    return made


def test_a_tdnn_is_a_convolution() -> None:
    """D_n = n: two layers of numpy's convolution, one after the other."""
    network = tt.tdnn(3, 4, 2, [range(4), range(2)])
    weights, xs, _ = case(network)
    hidden, out = jax.tree.map(np.asarray, (weights["hidden"], weights["output"]))
    a = np.tanh(convolved(np.asarray(xs), hidden["input"][:, :, 0]) + hidden["bias"][0])
    wanted = convolved(a, out["hidden"][:, :, 0]) + out["bias"][0]
    # before the first step the hidden activities count as 0, not as what the bias alone would give
    assert zoo.distance(outputs(network, weights, xs), wanted) < EXACT
    assert zoo.distance(outputs(network, weights, xs), convolved(a[::-1], out["hidden"][:, :, 0])) > 1e-3


def test_a_tdnn_is_a_wider_convolution_with_zeros() -> None:
    """Delays {0, 2, 4} inside a convolution of width 6."""
    narrow, wide = tt.tdnn(2, 3, 2, [(0, 2, 4), (0,)]), tt.tdnn(2, 3, 2, [range(6), (0,)])
    weights, xs, targets = case(narrow)
    kernel = jnp.zeros((6, 2, 1, 3)).at[jnp.array([0, 2, 4])].set(weights["hidden"]["input"])
    filled = {**weights, "hidden": {**weights["hidden"], "input": kernel}}
    assert zoo.distance(outputs(narrow, weights, xs), outputs(wide, filled, xs)) < EXACT
    mine = zoo.lessons(narrow, tt.BPTT(), weights, xs, targets, ERROR).gradients["hidden"]["input"]
    theirs = zoo.lessons(wide, tt.BPTT(), filled, xs, targets, ERROR).gradients["hidden"]["input"]
    assert zoo.distance(mine, theirs[jnp.array([0, 2, 4])]) < TOLERANCE


def test_a_window_is_a_feedforward_network_on_stacked_inputs() -> None:
    window, plain = tt.window(2, 3, 1, 3), tt.feedforward(6, 3, 1)
    weights, xs, _ = case(window)
    stacked = jnp.concatenate([jnp.pad(xs, ((d, 0), (0, 0), (0, 0)))[: zoo.STEPS] for d in range(3)], axis=-1)
    flat = {**weights, "hidden": {**weights["hidden"], "input": weights["hidden"]["input"].reshape(1, 6, 1, 3)}}
    assert zoo.distance(outputs(window, weights, xs), outputs(plain, flat, stacked)) < EXACT


@pytest.mark.parametrize("name", ["jordan", "narx", "narx gaps"])
def test_an_open_loop_fed_its_own_outputs_is_the_closed_loop(name: str) -> None:
    closed = zoo.NETWORKS[name]
    opened = closed.open_loop()
    weights, xs, _ = case(closed)
    ys = outputs(closed, weights, xs)
    assert zoo.distance(outputs(opened, weights, {"input": xs, "measured output": ys}), ys) < EXACT
    assert zoo.distance(outputs(opened, weights, {"input": xs, "measured output": ys + 0.3}), ys) > 1e-3


def test_learned_delays_that_chose_are_one_fixed_delay() -> None:
    """One-hot softmax: the delay 2 of 1..3."""
    learned = zoo.NETWORKS["learned delays in a loop"]
    fixed = Network(
        {"x": 2}, (Layer("h", 3, units.tanh, ("x", Connection("h", 2, name="own"))), learned.layers[1]), "y"
    )
    weights, xs, _ = case(learned)
    own = weights["h"]["own"]
    chosen = {**weights, "h": {**weights["h"], "own": {**own, "delay": jnp.zeros((3, 3, 3)).at[1].set(1e3)}}}
    plain = {**weights, "h": {**weights["h"], "own": own["weight"][None]}}
    assert zoo.distance(outputs(learned, chosen, xs), outputs(fixed, plain, xs)) < EXACT
    assert zoo.distance(outputs(learned, weights, xs), outputs(fixed, plain, xs)) > 1e-3


def test_a_diagonal_connection_is_a_dense_one_with_zeros() -> None:
    diagonal = zoo.NETWORKS["diagonal"]
    weights, xs, _ = case(diagonal)
    hidden = Layer("h", 3, units.tanh, (Connection("x", (0, 1)), Connection("h", (1, 2))))
    dense = Network({"x": 2}, (hidden, diagonal.layers[1]), "y")
    spread = jnp.einsum("dkn,sn->dskn", weights["h"]["h"], jnp.eye(3))
    filled = {**weights, "h": {**weights["h"], "h": spread}}
    assert zoo.distance(outputs(diagonal, weights, xs), outputs(dense, filled, xs)) < EXACT


def test_a_backward_layer_is_a_forward_one_on_the_sequence_turned_round() -> None:
    def network(backward: bool) -> Network:
        hidden = Layer("h", 3, units.lstm, ("x", Connection("h", 1)), backward=backward)
        return Network({"x": 2}, (hidden, Layer("y", 2, units.linear, ("h",))), "y")

    weights, xs, _ = case(network(True))
    there = outputs(network(True), weights, xs)
    assert zoo.distance(there, outputs(network(False), weights, xs[::-1])[::-1]) < EXACT
    assert zoo.distance(there, outputs(network(False), weights, xs)) > 1e-3


def sent_back(network: Network, found: Any, J: Any, at_output: Any) -> dict[str, jax.Array]:
    """delta_s(t) = dL/dy f'(net) at the output, + sum over listeners l and delays d of delta_l(t + d) J_c,d(t + d)."""
    made = {m.name: jnp.zeros_like(found[m.name]) for m in network.layers} | {network.output: at_output}
    for layer in network.layers:
        for c in layer.connections:
            if c.source in made:
                for index, d in enumerate(c.delays):
                    share = jnp.einsum("tbln,tblnsm->tbsm", found[layer.name], J[layer.name, c.key][index])
                    made[c.source] = made[c.source] + jnp.pad(share[d:], ((0, d), *[(0, 0)] * 3))
    return made


@pytest.mark.parametrize(
    "name", ["feedforward", "tdnn", "jordan", "recurrent", "narx gaps", "gru", "delays across layers"]
)
def test_deltas_are_sent_back_by_the_jacobians(name: str) -> None:
    """delta^(i-1) = delta^i J^i, in depth and in time: the chapter's recursion, for whole networks."""
    network = zoo.FORWARD[name]
    weights, xs, targets = case(network)
    found, J = tt.deltas(network, weights, xs, targets, ERROR), tt.jacobians(network, weights, xs)
    ys, _ = tt.run(network, weights, xs)
    seed = jnp.nan_to_num(2 * (ys - targets))[:, :, None, :]  # every output layer here is linear: f' = 1
    assert zoo.distance(sent_back(network, found, J, seed), found) < TOLERANCE
    assert zoo.distance(sent_back(network, found, J, jnp.zeros_like(seed)), found) > 1e-3


def test_the_recurrent_jacobian_is_r_transposed_times_f_prime() -> None:
    """J(t) = R^T diag(f'(net(t-1))), the indices those of the source; before the first step there is nothing."""
    network = zoo.NETWORKS["recurrent"]
    weights, xs, _ = case(network)
    a = tt.trace(network, weights, xs)["activities"]["hidden"]
    R = weights["hidden"]["recurrent"][0, :, 0]
    slope = jnp.concatenate([jnp.zeros_like(a[:1]), 1 - a[:-1] ** 2])
    wanted = jnp.einsum("mn,tbm->tbnm", R, slope)
    assert zoo.distance(tt.jacobians(network, weights, xs)["hidden", "recurrent"][0, :, :, 0, :, 0], wanted) < EXACT


def test_weight_gradients_are_deltas_times_activities() -> None:
    """dL/dw_kl = delta_k a_l, summed over time and batch."""
    network = zoo.NETWORKS["recurrent"]
    weights, xs, targets = case(network)
    delta = tt.deltas(network, weights, xs, targets, ERROR)["hidden"][:, :, 0]
    a = tt.trace(network, weights, xs)["activities"]["hidden"]
    got = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR).gradients["hidden"]
    assert zoo.distance(got["input"][0, :, 0], jnp.einsum("tbi,tbn->in", xs, delta)) < TOLERANCE
    assert zoo.distance(got["recurrent"][0, :, 0], jnp.einsum("tbm,tbn->mn", a[:-1], delta[1:])) < TOLERANCE
    assert zoo.distance(got["bias"][0], delta.sum((0, 1))) < TOLERANCE
