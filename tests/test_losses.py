"""Losses: their values, their masks, and the gradients behind the masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from throughtime.losses import CTC, BinaryCrossEntropy, CrossEntropy, Integrated, SquaredError, asked

NAN = np.nan
KEY = jax.random.key(0)


def test_squared_error_is_not_halved_and_skips_nan() -> None:
    ys = jnp.array([[[1.0, 2.0]], [[3.0, 4.0]]])
    targets = jnp.array([[[0.0, NAN]], [[NAN, NAN]]])
    assert SquaredError()(ys, targets).tolist() == [[1.0], [0.0]]
    assert asked(targets).tolist() == [[True], [False]]


def test_cross_entropy_is_minus_log_softmax() -> None:
    ys = jax.random.normal(KEY, (3, 2, 4))
    labels = jnp.array([[0, 3], [-1, 1], [2, -1]])
    wanted = [
        [-jax.nn.log_softmax(ys[t, b])[k] if k >= 0 else 0.0 for b, k in enumerate(row)] for t, row in enumerate(labels)
    ]
    np.testing.assert_allclose(CrossEntropy()(ys, labels), np.array(wanted), rtol=1e-12)
    assert asked(labels).sum() == 4


def test_binary_cross_entropy_is_the_textbook_formula() -> None:
    ys = jax.random.normal(KEY, (2, 1, 3))
    truth = jnp.array([[[0.0, 1.0, NAN]], [[0.3, NAN, 1.0]]])
    p = jax.nn.sigmoid(ys)
    terms = jnp.nan_to_num(-truth * jnp.log(p) - (1 - truth) * jnp.log(1 - p))
    np.testing.assert_allclose(BinaryCrossEntropy()(ys, truth), terms.sum(-1), rtol=1e-12)


def test_ctc_sums_over_all_alignments() -> None:
    """Two frames, one label: the alignments are "aa", "-a" and "a-"."""
    ys = jax.random.normal(KEY, (4, 2, 3))
    p = jax.nn.softmax(ys, axis=-1)[:, 0]
    wanted = p[0, 1] * p[1, 1] + p[0, 0] * p[1, 1] + p[0, 1] * p[1, 0]
    labels, frames = jnp.array([[1, -1], [2, 2]]), jnp.array([2, 0])
    losses = jax.jit(CTC())(ys, (labels, frames))
    np.testing.assert_allclose(losses, [-jnp.log(wanted), 0.0], rtol=1e-4)
    assert asked((labels, frames)).tolist() == [True, False]


CASES = [
    (SquaredError(), jnp.array([[[0.5, 1.0]], [[NAN, NAN]]])),
    (CrossEntropy(), jnp.array([[1], [-1]])),
    (BinaryCrossEntropy(), jnp.array([[[0.0, 1.0]], [[NAN, NAN]]])),
    (CTC(), (jnp.array([[1]]), jnp.array([1]))),
    (Integrated(CrossEntropy()), jnp.array([[1], [-1]])),
    (Integrated(SquaredError(), "squares"), jnp.array([[[0.5, 1.0]], [[NAN, NAN]]])),
]


@pytest.mark.parametrize(("loss", "targets"), CASES, ids=lambda v: repr(v) if callable(v) else "")
def test_nothing_asked_means_no_gradient_even_where_the_output_is_nan(loss, targets) -> None:
    ys = jnp.array([[[0.3, -0.2]], [[NAN, jnp.inf]]])
    gradient = jax.grad(lambda y: loss(y, targets).sum())(ys)
    assert jnp.all(gradient[1] == 0)
    assert jnp.all(jnp.isfinite(gradient[0]))
    assert jnp.any(gradient[0] != 0)


@pytest.mark.parametrize(
    ("loss", "targets", "words"),
    [
        (SquaredError(), jnp.zeros((2, 1, 3)), r"SquaredError: targets \(2, 1, 3\) do not fit outputs \(2, 1, 2\)"),
        (SquaredError(), jnp.zeros((2, 1, 2), int), "floating-point numbers, not int"),
        (CrossEntropy(), jnp.zeros((1, 2), int), r"CrossEntropy: targets \(1, 2\) do not fit outputs \(2, 1, 2\)"),
        (CrossEntropy(), jnp.zeros((2, 1)), "labels must be whole numbers, not float"),
        (BinaryCrossEntropy(), jnp.zeros((2, 1)), r"targets \(2, 1\) do not fit outputs \(2, 1, 2\)"),
        (CTC(), (jnp.zeros((2, 1), int), jnp.zeros(1, int)), r"labels \(2, 1\) and frames \(1,\)"),
        (CTC(), jnp.zeros((2, 1), int), "pair"),
    ],
)
def test_wrong_shapes_are_named(loss, targets, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        loss(jnp.zeros((2, 1, 2)), targets)
    assert "\n" not in str(error.value)


def test_losses_are_values() -> None:
    assert len({SquaredError(), SquaredError(), CTC(), CTC(0), CTC(1)}) == 3


def test_what_cannot_be_integrated_is_refused() -> None:
    with pytest.raises(ValueError, match="how must be 'mean', 'sum' or 'squares', not 'last'"):
        Integrated(CrossEntropy(), "last")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a loss per step"):
        Integrated(CTC())  # type: ignore[arg-type]
