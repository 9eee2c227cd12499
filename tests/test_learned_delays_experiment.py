"""The experiment on learned delays: its systems by their equation, and what counts as found."""

import jax.numpy as jnp
import numpy as np
import pytest

from drawn import inside
from throughtime.experiments import Result, delay_data, learned_delays
from throughtime.experiments import learned_delays_positions as positions
from throughtime.experiments.delay_data import LONGEST, DelayTask, Taps


@pytest.mark.parametrize("task", [DelayTask(), DelayTask(smooth=0.9), DelayTask(taps=2), DelayTask(feedback=True)])
def test_the_outputs_are_those_of_the_equation(task: DelayTask) -> None:
    given = delay_data.data(task, seed=3, steps=5)
    x, y = given.test
    for t in (LONGEST, LONGEST + 7, len(y) - 1):
        for n in range(delay_data.OUTPUTS):
            net = 0.0
            for source, taps in given.known.items():
                past = x if source == "input" else y
                for k, s in np.ndindex(*taps.delays.shape[:2]):
                    net += taps.weights[k, s, n] * past[t - taps.delays[k, s, n], s]
            assert y[t, n] == pytest.approx(np.tanh(net), abs=1e-12)
    noise = given.training[1][LONGEST:]
    assert noise.std() > y[LONGEST:].std() / 2


def test_smooth_inputs_resemble_their_last_value() -> None:
    x, _ = delay_data.data(DelayTask(smooth=0.9), seed=0, steps=10).test
    assert np.corrcoef(x[1:].ravel(), x[:-1].ravel())[0, 1] == pytest.approx(0.9, abs=0.03)
    assert x.std() == pytest.approx(1, abs=0.1)


def test_a_delay_counts_once_however_often_it_is_found() -> None:
    known = {"input": Taps(np.array([[[3, 5]], [[7, 9]]]), np.ones((2, 1, 2)))}
    assert delay_data.found(known, {"input": np.array([[[7, 5]], [[3, 9]]])}) == 1.0
    assert delay_data.found(known, {"input": np.array([[[7, 1]], [[7, 2]]])}) == 0.25


@pytest.mark.parametrize("kind", ["Gaussian", "triangle"])
def test_a_narrow_hill_at_a_delay_is_that_delay(kind: str) -> None:
    position, weight = jnp.array([[[4.0, 9.0]]]), jnp.array([[[2.0, -3.0]]])
    made = positions.interpolated(kind, jnp.asarray(positions.LAST_WIDTH[kind]), position, weight)[:, 0, 0]
    assert int(jnp.abs(made[:, 0]).argmax()) + 1 == 4
    assert int(jnp.abs(made[:, 1]).argmax()) + 1 == 9
    np.testing.assert_allclose(made.sum(0), [2.0, -3.0], rtol=1e-6)


def test_the_title_of_a_quick_run_is_not_cut_off() -> None:
    splits = ("one task, error", "one task, found")
    results = [Result("learned", split, "error", [0.1, 0.2]) for split in splits]
    inside(learned_delays._picture(results))
