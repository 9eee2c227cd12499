"""Counting: the strings, what may come next, and how far a network is right, against readable references."""

import itertools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
from throughtime import Connection, Layer, Network, units
from throughtime.engine import Weights
from throughtime.experiments import counting, counting_data


def text(letters: int, n: int) -> str:
    return "S" + "".join(letter * n for letter in "abc"[:letters])


def continuations(letters: int, prefix: str) -> set[str]:
    """What may follow, found by looking at all strings of the language that are long enough."""
    whole = [text(letters, n) + "T" for n in range(1, len(prefix) + 2)]
    return {one[len(prefix)] for one in whole if one.startswith(prefix)}


@pytest.mark.parametrize(("letters", "n"), list(itertools.product((2, 3), (1, 2, 5))))
def test_what_may_come_next_is_what_some_string_goes_on_with(letters: int, n: int) -> None:
    heard, possible = counting_data.symbols_at(letters, np.full(letters * n + 1, n), np.arange(letters * n + 1))
    said = "".join("Sabc"[row.argmax()] for row in heard)
    assert said == text(letters, n)
    assert (heard.sum(1) == 1).all()
    names = "abc"[:letters] + "T"
    for step, row in enumerate(possible):
        assert {name for name, may in zip(names, row, strict=True) if may} == continuations(letters, said[: step + 1])


def test_lessons_are_the_ten_strings() -> None:
    lessons = counting.counting_strings(3)
    assert [len(x) for x, _ in lessons] == [3 * n + 1 for n in range(1, 11)]
    assert {float(v) for _, y in lessons for v in np.unique(y)} == {-1.0, 1.0}


def counter(leak: float) -> tuple[Network, Weights]:
    """A network built to count: one linear unit adds a and subtracts b, and forgets a share `leak` each step."""
    network = Network(
        3,
        (
            Layer("count", 1, units.linear, ("input", Connection("count", 1, name="kept")), bias=False),
            Layer("output", 3, units.linear, ("input", "count")),
        ),
        "output",
    )
    heard = [[10.0, -10.0, -10.0], [1.0, 1.0, -10.0], [-10.0, -0.5, 0.5]]  # S: a; a: a or b; b: by the count
    weights = {
        "count": {
            "input": jnp.array([[0.0], [1.0], [-1.0]])[None, :, None],
            "kept": jnp.full((1, 1, 1, 1), 1 - leak),
        },
        "output": {
            "input": jnp.array(heard)[None, :, None],
            "count": jnp.array([0.0, 1.0, -1.0])[None, None, None],
            "bias": jnp.zeros((1, 3)),
        },
    }
    return network, weights


def test_a_counter_counts_to_the_end_and_a_leaking_one_does_not() -> None:
    made = [counter(leak) for leak in (0.0, 0.05)]
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(weights for _, weights in made))
    found = counting.longest_right(made[0][0], 2, both)
    assert found[0] == counting.ASKED[-1][1]
    assert found[1] == naive_reach(*made[1])
    assert 2 < found[1] < 50


def naive_reach(network: Network, weights: Weights) -> int:
    """One string after the other, until one is wrong."""
    for n in itertools.count(1):
        heard, possible = counting_data.symbols_at(2, np.full(2 * n + 1, n), np.arange(2 * n + 1))
        ys, _ = tt.run(network, weights, heard[:, None].astype(float))
        if not ((np.asarray(ys[:, 0]) > 0) == possible).all():
            return n - 1


def test_gates_begin_open() -> None:
    kinds = [(name, units.lstm, 1) for name in ("LSTM", "LSTM, Kalman filter", "NTM")]
    for name, unit, row in (*kinds, ("GRU", units.gru, 2)):
        pupil = counting.pupils(2)[name]
        usual, own = tt.init(pupil.network, 0), counting.first_weights(pupil, 0)
        assert pupil.gate is not None
        assert unit.nets_of(1)[row] == pupil.gate
        first = pupil.network.layers[0].name
        changed = np.asarray(own[first]["bias"] != usual[first]["bias"])
        assert changed[row].all()
        assert not np.delete(changed, row, axis=0).any()
        np.testing.assert_array_equal(own[first]["bias"][row], pupil.bias)


def test_the_window_and_the_tdnn_see_the_longest_training_string() -> None:
    pupil = counting.pupils(3)["window"]
    (connection,) = pupil.network.by_name["hidden"].connections
    longest = len(counting.counting_strings(3)[-1][0])
    assert connection.delays == tuple(range(longest))
    delays = [layer.connections[0].delays for layer in counting.pupils(3)["TDNN"].network.layers]
    assert sum(max(d) for d in delays) + 1 == longest


def test_every_network_and_seed_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EPOCHS", 2)
    monkeypatch.setattr(counting_data, "ASKED", ((1, 3), (4, 6)))
    few = {name: pupil for name, pupil in counting.pupils(2).items() if name in ("Jordan", "window")}
    monkeypatch.setattr(counting, "pupils", lambda letters: few)
    monkeypatch.setattr(counting, "LANGUAGES", {"a^n b^n": 2})
    parts: list[float] = []
    said = counting.run(False, 3, tmp_path, lambda done, remark: parts.append(done)).to_dict()
    assert json.loads(json.dumps(said)) == said
    assert [(e["network"], len(e["values"])) for e in said["results"]] == [(name, 3) for name in few]
    assert {p.name for p in tmp_path.iterdir()} == {"counting.csv", "counting.png", "training"}
    assert parts == sorted(parts)


def unkept(train: Any, *_: Any) -> Any:
    """Looks that no ledger keeps."""
    return train()


def test_an_lstm_counts_beyond_its_lessons() -> None:
    """Three seeds, a tenth of the experiment's training: all strings of training, and some that are longer."""
    pupil = counting.pupils(2)["LSTM"]
    weights, _ = counting.trained_seeds(pupil, 2, 3, 600, unkept)
    found = counting.longest_right(pupil.network, 2, weights)
    assert min(found) >= 10
    assert max(found) > 12


def test_the_kalman_filter_needs_few_strings() -> None:
    """Eight epochs, eighty strings: a fifth of the error that Adam has after as many, on the same network."""
    pupil = counting.pupils(2)["LSTM, Kalman filter"]
    assert pupil.filter is not None
    _, learned = counting.trained_seeds(pupil, 2, 1, 8, unkept)
    _, usual = counting.trained_seeds(pupil._replace(filter=None), 2, 1, 8, unkept)
    assert learned[0] < usual[0] / 5
