"""Learning to learn: the functions are what they are said to be, the rivals do what their names say, the table is whole."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
from throughtime.experiments import learning_families, learning_pictures, learning_rivals
from throughtime.experiments import learning_to_learn as l2l

QUADRATIC, BOOLEAN = l2l.FAMILIES.values()


def drawn(family: l2l.Family, count: int, seed: int = 0, new: bool = True) -> l2l.Functions:
    return family.draw(np.random.default_rng(seed), count, new)


def test_quadratic_functions_are_six_coefficients_in_units_of_their_spread() -> None:
    functions = drawn(QUADRATIC, 400)
    for x, y, asked, answers in zip(*functions, strict=True):
        a, b = x[:, 0].astype(float), x[:, 1].astype(float)
        terms = np.stack([a**2, b**2, a * b, a, b, np.ones(len(a))], axis=1)
        found, *_ = np.linalg.lstsq(terms, y[:, 0], rcond=None)
        assert np.abs(found).max() * learning_families.SPREAD <= 1 + 1e-4
        p, q = asked[:, 0], asked[:, 1]
        again = found[0] * p * p + found[1] * q * q + found[2] * p * q + found[3] * p + found[4] * q + found[5]
        np.testing.assert_allclose(answers[:, 0], again, atol=1e-4)
    assert functions.answers.std() == pytest.approx(1, abs=0.05)


def test_new_boolean_functions_are_never_taught() -> None:
    taught, new = ({tuple(t) for t in drawn(BOOLEAN, 500, new=n).answers[..., 0]} for n in (False, True))
    assert (len(taught), len(new), len(taught & new)) == (128, 128, 0)
    functions = drawn(BOOLEAN, 20)
    for x, y, table in zip(functions.x, functions.y[..., 0], functions.answers[..., 0], strict=True):
        corner = ((x + 1) / 2) @ [1, 2, 4]
        np.testing.assert_array_equal(y, table[corner.astype(int)])


def test_the_network_hears_the_target_of_the_step_before() -> None:
    functions = drawn(QUADRATIC, 2)
    heard = l2l.shown(functions.x[0], functions.y[0])
    np.testing.assert_array_equal(heard["previous target"][:, 0], [0, *functions.y[0, :-1, 0]])
    np.testing.assert_array_equal(heard["x"], functions.x[0])


def test_a_question_is_a_next_step_that_leaves_no_trace() -> None:
    functions = drawn(QUADRATIC, 3)
    weights = tt.init(QUADRATIC.network, 0)
    said = l2l.answers_after(QUADRATIC.network, weights, functions, 10)
    x = functions.x.copy()
    x[:, 10] = functions.asked[:, 7]
    ys, _ = tt.run(
        QUADRATIC.network, weights, {n: part.swapaxes(0, 1) for n, part in l2l.shown(x, functions.y).items()}
    )
    np.testing.assert_allclose(said[:, 7], ys[10], atol=1e-12)


def test_backpropagation_is_an_update_after_every_example() -> None:
    functions, rate = drawn(QUADRATIC, 2), 0.05
    network = tt.feedforward(2, 3, 1)
    weights = learning_rivals.several(network, 2, seed=4)
    errors = learning_rivals.backpropagation(network, rate, weights, functions)
    wanted = np.zeros(learning_families.STEPS)
    for number in range(2):
        own = tt.init(network, 4 * 2 + number)
        w, b = np.array(own["hidden"]["input"])[0, :, 0], np.array(own["hidden"]["bias"])[0]
        v, c = np.array(own["output"]["hidden"])[0, :, 0, 0], float(own["output"]["bias"][0, 0])
        for step in range(learning_families.STEPS):
            said = np.tanh(functions.asked[number] @ w + b) @ v + c
            wanted[step] += np.mean((said - functions.answers[number, :, 0]) ** 2) / 2
            x, y = functions.x[number, step], functions.y[number, step, 0]
            a = np.tanh(x @ w + b)
            delta = 2 * (a @ v + c - y)
            back = delta * v * (1 - a**2)
            v, c, w, b = v - rate * delta * a, c - rate * delta, w - rate * np.outer(x, back), b - rate * back
    np.testing.assert_allclose(errors, wanted, rtol=1e-9)


def test_a_rate_that_diverges_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {0.1: np.nan, 0.2: 0.5, 0.3: 0.4}
    monkeypatch.setattr(learning_rivals, "RATES", tuple(errors))
    monkeypatch.setattr(
        learning_rivals, "backpropagation", lambda n, rate, w, f: jnp.full(learning_families.STEPS, errors[rate])
    )
    assert learning_rivals.best_rate(tt.feedforward(2, 3, 1), drawn(QUADRATIC, 2)) == 0.3


def test_what_knows_the_family_needs_six_examples_or_every_corner() -> None:
    functions = drawn(QUADRATIC, 5)
    known = [l2l.query_error(l2l.least_squares_answers(QUADRATIC, functions, n), functions) for n in (5, 8)]
    assert known[0] > 1e-3 > 1e-6 > known[1]
    tables = drawn(BOOLEAN, 5)
    said = l2l.least_squares_answers(BOOLEAN, tables, 6)
    for x, guess, answers in zip(tables.x, said, tables.answers, strict=True):
        seen = (learning_families.CORNERS[:, None] == x[:6]).all(-1).any(-1)
        np.testing.assert_allclose(guess, np.where(seen[:, None], answers, 0), atol=1e-9)


def test_a_lesson_leaves_a_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {name: family._replace(rounds=1) for name, family in l2l.FAMILIES.items()}
    few = {"FAMILIES": small, "UNITS": 3, "LESSONS": 64, "NEW": 4, "RATES": (0.01,), "POINTS": l2l.ASKED}
    for room in (l2l, learning_families, learning_rivals, learning_pictures):
        for name in few.keys() & vars(room).keys():
            monkeypatch.setattr(room, name, few[name])
    monkeypatch.setattr(learning_rivals, "SIZES", {"3 units": [3]})
    parts: list[float] = []
    said = l2l.run(False, 2, tmp_path, lambda done, remark: parts.append(done)).to_dict()
    assert json.loads(json.dumps(said)) == said
    assert {p.name for p in tmp_path.iterdir()} == {"learning-to-learn.csv", "learning-to-learn.png", "training"}
    assert parts == sorted(parts)
    assert 0 < parts[0] < parts[-1] <= 1
    (frozen,) = (e["values"] for e in said["results"] if e["split"] == "quadratic, 35 examples")
    assert len(frozen) == 2
    rivals = [np.mean(e["values"]) for e in said["baselines"] if e["split"] == "quadratic, 35 examples"]
    assert said["bars"][0]["at_most"] == pytest.approx(rivals[0] / 10)
