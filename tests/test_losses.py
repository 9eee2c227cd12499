"""Losses: their values, their masks, and the gradients behind the masks."""

import itertools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
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


def naive_ctc(ys: np.ndarray, labels: list[int], blank: int) -> float:
    """-log of the sum over all paths (T labels) that become this string: equal neighbours once, then no blanks."""
    with np.errstate(divide="ignore"):
        logs = ys.astype(np.longdouble) - ys.max(axis=1, keepdims=True)
        p = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
        paths = (
            path
            for path in itertools.product(range(ys.shape[1]), repeat=len(ys))
            if [k for k, _ in itertools.groupby(path) if k != blank] == labels
        )
        return float(-np.log(sum((np.prod(p[np.arange(len(ys)), path]) for path in paths), np.longdouble(0))))


@partial(jax.jit, static_argnums=0)
def ctc(blank: int, ys: jax.Array, labels: jax.Array, frames: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The losses, and the gradient of their sum; nothing is known before."""
    losses, back = jax.vjp(lambda y: CTC(blank)(y, (labels, frames)), ys)
    return losses, back(jnp.ones_like(losses))[0]


STRINGS = {0: [[], [1], [1, 1], [2, 1], [1, 2, 1], [1, 1, 1]], 2: [[], [0], [0, 0], [1, 0], [0, 1, 0], [0, 0, 0]]}


@pytest.mark.parametrize("blank", STRINGS)
@pytest.mark.parametrize("scale", [1.0, 17.0, 60.0])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_ctc_is_the_sum_over_all_paths(dtype: Any, scale: float, blank: int) -> None:
    """Of strings of all lengths in one batch; the last, with its blanks, is too long for the frames."""
    strings = STRINGS[blank]
    ys = scale * np.random.default_rng(blank).normal(size=(6, len(strings), 3)).astype(dtype)
    frames = np.array([6, 6, 4, 5, 6, 4])
    labels = np.array([s + [-1] * (4 - len(s)) for s in strings])
    wanted = [naive_ctc(ys[:n, b], strings[b], blank) for b, n in enumerate(frames)]
    made, gradient = ctc(blank, jnp.asarray(ys), jnp.asarray(labels), jnp.asarray(frames))
    assert made.dtype == dtype
    assert made[-1] == np.inf == wanted[-1]
    np.testing.assert_allclose(made, wanted, rtol=1e-5 if dtype == jnp.float32 else 1e-12, atol=1e-6)
    assert jnp.isfinite(gradient).all()
    assert not gradient[:, -1].any()
    assert gradient[:, :-1].any()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_ctc_of_confident_outputs_is_never_below_zero(dtype: Any) -> None:
    sure, ys = np.linspace(0, 100, 41), np.zeros((9, 41, 2), dtype)
    ys[:4, :, 0] = ys[4:, :, 1] = sure
    made, _ = ctc(0, jnp.asarray(ys), jnp.tile(jnp.array([1, -1]), (41, 1)), jnp.full(41, 9))
    assert (made >= 0).all()
    wanted = [naive_ctc(ys[:, b], [1], 0) for b in range(41)]
    np.testing.assert_allclose(made, wanted, atol=2e-6 if dtype == jnp.float32 else 1e-14)


def test_ctc_of_an_impossible_output_is_infinite_without_a_gradient() -> None:
    ys = jnp.zeros((3, 2, 3)).at[:, 0, 1].set(-jnp.inf).at[0, 1, 1].set(-jnp.inf)
    targets = (jnp.array([[1], [1]]), jnp.array([3, 3]))
    losses, gradient = ctc(0, ys, *targets)
    assert losses[0] == jnp.inf
    assert losses[1] == pytest.approx(naive_ctc(np.asarray(ys)[:, 1], [1], 0))
    assert jnp.isfinite(gradient).all()
    assert not gradient[:, 0].any()


@pytest.mark.parametrize("width", [0, 3])
@pytest.mark.parametrize("steps", [0, 4])
def test_ctc_of_empty_strings_is_the_blank_at_every_step(width: int, steps: int) -> None:
    ys = jax.random.normal(KEY, (steps, 2, 3))
    losses = CTC(1)(ys, (jnp.full((2, width), -1), jnp.array([steps, 0])))
    assert losses.tolist() == pytest.approx([-float(jax.nn.log_softmax(ys)[:, 0, 1].sum()), 0])
    assert CTC()(ys[:, :0], (jnp.zeros((0, width), int), jnp.zeros(0, int))).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, 9], r"labels of sequence 1 are \[1, 9\]; 3 outputs allow 0 to 2 without the blank 0, and -1 behind"),
        ([-2, -1], r"sequence 1 are \[-2, -1\]"),
        ([-1, 1], r"sequence 1 are \[-1, 1\]"),
        ([1, 0], r"sequence 1 are \[1, 0\]"),
    ],
)
def test_labels_that_ctc_cannot_have_are_named(labels: list[int], words: str) -> None:
    ys, targets = jnp.zeros((4, 2, 3)), (jnp.array([[1, -1], labels]), jnp.array([4, 4]))
    for call in (CTC(), lambda *args: jax.grad(lambda y: CTC()(y, args[1])[0])(args[0])):
        with pytest.raises(ValueError, match=words) as error:
            call(ys, targets)
        assert "\n" not in str(error.value)
    traced = jax.jit(CTC())(ys, targets)  # labels are not known while it traces
    assert jnp.isnan(traced).tolist() == [False, True]


def test_a_blank_that_is_no_output_is_refused() -> None:
    for blank in (-1, 1.0, True, None):
        with pytest.raises(ValueError, match="the blank must be the number of an output, from 0, not"):
            CTC(blank)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the blank 7 is none of the 2 outputs, which are 0 to 1"):
        CTC(7)(jnp.zeros((2, 1, 2)), (jnp.array([[1]]), jnp.array([2])))


def trained(loss: Any, targets: list[list[int]]) -> list[float]:
    network = tt.elman(1, 2, 3)
    pairs = [(np.ones((4, 1)), target) for target in targets]
    reports = tt.train(network, tt.init(network, 0), tt.BPTT(), loss, optax.sgd(0.1), pairs, epochs=3)
    return [report.loss for report in reports]


def test_training_says_what_ctc_cannot_learn_and_learns_empty_strings() -> None:
    with pytest.raises(ValueError, match="the blank 7 is none of the 3 outputs"):
        trained(CTC(7), [[1]])
    with pytest.raises(ValueError, match="target of sequence 1 has labels -2 to 1; 3 outputs allow"):
        trained(CTC(), [[1], [1, -2]])
    with pytest.raises(
        ValueError, match="target of sequence 1: 3 labels need at least 5 steps, but the sequence has 4"
    ):
        trained(CTC(), [[1], [1, 1, 1]])
    for targets in ([[]], [[], [1]]):
        losses = trained(CTC(), targets)
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]


def test_cross_entropy_of_a_label_that_is_no_output_is_refused() -> None:
    with pytest.raises(ValueError, match="CrossEntropy: label 9 is none of the 2 outputs, which are 0 to 1"):
        CrossEntropy()(jnp.zeros((2, 1, 2)), jnp.array([[1], [9]]))
    traced = jax.jit(CrossEntropy())(jnp.zeros((2, 1, 2)), jnp.array([[1], [9]]))
    assert jnp.isnan(traced).tolist() == [[False], [True]]


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
