"""What a loss says of itself, and what is made of it: by buckets, by training, by the door, by estimators."""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
import zoo
from throughtime import losses, sequences
from throughtime.losses import Traits, judged, traits_of

NETWORK = tt.fully_recurrent(2, 3, 4)
WEIGHTS = tt.init(NETWORK, 0)
X = np.random.default_rng(0).normal(size=(3, 5, 2))
TARGETS: dict[str, list[Any]] = {
    "numbers": list(np.random.default_rng(1).uniform(0.1, 0.9, (3, 5, 4))),
    "labels": [[0, 1, -1, 2, 3], [3, 3, 2, 1, 0], 2],
    "strings": [[1, 2], [3], []],
}


def pairs_for(loss: Any) -> list[Any]:
    return list(zip(X, TARGETS[traits_of(loss).targets], strict=True))


def trained(loss: Any, **changes: Any) -> Any:
    given = {"network": NETWORK, "weights": WEIGHTS, "sequences": pairs_for(loss), "epochs": 2} | changes
    *_, last = tt.train(learner=tt.BPTT(), loss=loss, optimizer=optax.sgd(0.1), **given)
    return last


def keeps_its_word(loss: Any) -> bool:
    """True if a bucket holds the targets that the loss says, and the loss takes them and gives what it says."""
    said = traits_of(loss)
    (bucket,) = sequences.buckets(sequences.examples_of(NETWORK, pairs_for(loss), loss), loss, jnp.float64)
    ys = jax.random.normal(jax.random.key(0), (5, 4, 4))
    kinds = {"numbers": [("f", 3)], "labels": [("i", 2)], "strings": [("i", 2), ("i", 1)]}[said.targets]
    held = [(leaf.dtype.kind, leaf.ndim) for leaf in jax.tree.leaves(bucket.targets)]
    try:
        return held == kinds and loss(ys, bucket.targets).shape == {"step": (5, 4), "sequence": (4,)}[said.per]
    except (ValueError, TypeError):
        return False


@pytest.mark.parametrize("loss", zoo.LOSSES.values(), ids=zoo.LOSSES.keys())
def test_every_loss_takes_and_gives_what_it_says(loss: Any) -> None:
    assert keeps_its_word(loss)
    assert np.isfinite(tt.evaluate(NETWORK, WEIGHTS, loss, pairs_for(loss)))


def test_every_loss_of_the_library_is_tried() -> None:
    tried = {type(loss).__name__ for loss in zoo.LOSSES.values()} - {"function"}
    assert tried == set(losses.__all__) & set(tt.__all__)


@pytest.mark.parametrize(
    "lie", [{"targets": "numbers"}, {"targets": "labels", "per": "step"}, {"targets": "strings", "per": "sequence"}]
)
@pytest.mark.parametrize("loss", [tt.SquaredError, tt.CrossEntropy, tt.CTC])
def test_a_loss_that_says_something_else_does_not_keep_its_word(loss: Any, lie: dict[str, str]) -> None:
    liar = type("Liar", (loss,), lie)()
    assert keeps_its_word(liar) == (traits_of(liar).targets == traits_of(loss()).targets)


@pytest.mark.parametrize("how", ["mean", "sum", "squares"])
@pytest.mark.parametrize("loss", [tt.SquaredError(), tt.CrossEntropy(), tt.BinaryCrossEntropy(), zoo.cubic])
def test_an_integral_says_what_the_loss_within_says(loss: Any, how: Any) -> None:
    within, whole = traits_of(loss), traits_of(tt.Integrated(loss, how))
    assert (whole.targets, whole.per, whole.unit) == (within.targets, within.per, within.unit)
    assert whole.everywhere
    assert not within.everywhere


def test_what_is_no_loss_per_step_is_not_integrated() -> None:
    for loss in (zoo.last, tt.CTC(), tt.Integrated(zoo.cubic)):
        with pytest.raises(ValueError, match="needs a loss per step"):
            tt.Integrated(loss)


class Own(tt.CrossEntropy):
    """Only another name."""


class OwnCTC(tt.CTC):
    """The same."""


class OwnBinary(tt.BinaryCrossEntropy):
    """The same."""


class OwnIntegral(tt.Integrated):
    """The same."""


@pytest.mark.parametrize(
    ("own", "parent"),
    [
        (Own(), tt.CrossEntropy()),
        (OwnCTC(), tt.CTC()),
        (OwnBinary(), tt.BinaryCrossEntropy()),
        (OwnIntegral(Own()), tt.Integrated(tt.CrossEntropy())),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_a_subclass_behaves_as_its_parent(own: Any, parent: Any) -> None:
    assert traits_of(own) == traits_of(parent)
    assert trained(own).loss == trained(parent).loss
    measured = [tt.evaluate(NETWORK, WEIGHTS, loss, pairs_for(parent)) for loss in (own, parent)]
    assert measured[0] == measured[1]
    unit = traits_of(parent).unit
    network = tt.fully_recurrent(2, 3, 4, g=unit)
    for call in (trained, lambda loss, network: tt.evaluate(network, WEIGHTS, loss, pairs_for(loss))):
        with pytest.raises(
            ValueError, match=f"{type(own).__name__} takes net inputs and puts the {unit.name} function"
        ):
            call(own, network=network)


def test_a_subclass_behaves_as_its_parent_in_an_estimator() -> None:
    class Mine(tt.SequenceClassifier):
        _loss = Own()

    settings: dict[str, Any] = {"hidden": 3, "epochs": 2, "random_state": 0}
    both = tt.elman, functools.partial(tt.elman, bidirectional=True)
    for network in both:
        mine, theirs = (make(network, **settings).fit(list(X), list("abc")) for make in (Mine, tt.SequenceClassifier))
        np.testing.assert_array_equal(mine.predict_proba(list(X)), theirs.predict_proba(list(X)))


@dataclass(frozen=True)
class Margin:
    """Labels per step: max(0, 1 + the highest of the others - the output of the label)."""

    targets: ClassVar[str] = "labels"

    def __call__(self, ys: jax.Array, targets: jax.Array) -> jax.Array:
        own = jax.nn.one_hot(targets, ys.shape[-1], dtype=bool)
        others, chosen = jnp.where(own, -jnp.inf, ys).max(-1), jnp.where(own, ys, 0).sum(-1)
        return jnp.where(targets >= 0, jnp.maximum(0, 1 + others - chosen), 0)


@dataclass(frozen=True)
class HowMany:
    """Strings: (the sum of output 0 over the sequence - the number of labels)^2."""

    targets: ClassVar[str] = "strings"
    per: ClassVar[str] = "sequence"

    def __call__(self, ys: jax.Array, targets: Any) -> jax.Array:
        labels, frames = targets
        counts = jnp.arange(len(ys))[:, None] < frames
        return jnp.where(frames > 0, (jnp.where(counts, ys[..., 0], 0).sum(0) - (labels >= 0).sum(1)) ** 2, 0)


@pytest.mark.parametrize("loss", [Margin(), HowMany()], ids=repr)
def test_a_loss_of_ones_own_is_trained_and_measured(loss: Any) -> None:
    assert keeps_its_word(loss)
    ys = [np.asarray(tt.run(NETWORK, WEIGHTS, x[:, None])[0][:, 0]) for x in X]
    if isinstance(loss, HowMany):
        each = [(y[:, 0].sum() - len(string)) ** 2 for y, string in zip(ys, TARGETS["strings"], strict=True)]
    else:
        labels = np.array([*TARGETS["labels"][:2], [-1, -1, -1, -1, 2]])
        pairs = [(y, k) for y, k in zip(np.concatenate(ys), labels.ravel(), strict=True) if k >= 0]
        each = [max(0, 1 + np.delete(y, k).max() - y[k]) for y, k in pairs]
    assert tt.evaluate(NETWORK, WEIGHTS, loss, pairs_for(loss)) == pytest.approx(np.mean(each))
    first, *_, last = tt.train(NETWORK, WEIGHTS, tt.BPTT(), loss, optax.sgd(0.005), pairs_for(loss), epochs=20)
    assert last.loss < first.loss


def test_a_string_may_hold_every_output_where_there_is_no_blank() -> None:
    assert sequences.target_of(NETWORK, [0, 0, 0, 3, 3, 3], 4, HowMany()).tolist() == [0, 0, 0, 3, 3, 3]
    with pytest.raises(ValueError, match=r"target of sequence 0: HowMany wants a list of labels without -1$"):
        sequences.target_of(NETWORK, [0, -1], 4, HowMany())


def test_a_sequence_with_one_loss_is_one_stretch() -> None:
    for loss in (HowMany(), tt.CTC(), zoo.last):
        with pytest.raises(ValueError, match="has one loss per sequence, so a sequence must be one stretch"):
            trained(loss, every=2)


def scalar(ys: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean((ys - targets) ** 2)


def per_output(ys: jax.Array, targets: jax.Array) -> jax.Array:
    return (ys - targets) ** 2


def per_sequence(ys: jax.Array, targets: jax.Array) -> jax.Array:
    return ((ys - targets) ** 2).sum((0, 2))


def per_step(ys: jax.Array, targets: jax.Array) -> jax.Array:
    return ((ys - targets) ** 2).sum(-1)


def of_sequences(ys: jax.Array, targets: jax.Array) -> jax.Array:
    return per_step(ys, targets)


of_sequences.per = "sequence"


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            scalar,
            "the loss scalar gives one number for outputs (5, 3, 4); wanted (5, 3): give a loss for every step, not",
        ),
        (per_output, "gives (5, 3, 4) for outputs (5, 3, 4); wanted (5, 3): sum over the outputs, axis=-1"),
        (per_sequence, "say that it gives a loss per sequence: per = 'sequence'"),
        (of_sequences, "wanted (3,): sum over time, or say that it gives a loss per step: per = 'step'"),
    ],
)
def test_a_loss_of_another_shape_is_refused_with_the_remedy(loss: Any, words: str) -> None:
    xs, ys = jnp.zeros((5, 3, 2)), jnp.zeros((5, 3, 4))
    learners = [tt.BPTT(), tt.BPTT(2), tt.RTRL(), tt.RTRL(2), tt.Backprop()]
    carried = [(learner, learner.init(NETWORK, WEIGHTS, 3)) for learner in learners]
    taught = [
        lambda learner=learner, carry=carry: learner.learn(NETWORK, WEIGHTS, carry, xs, ys, loss)
        for learner, carry in carried
    ]
    pairs = list(zip(X, TARGETS["numbers"], strict=True))
    for call in (
        *taught,
        lambda: trained(loss, sequences=pairs),
        lambda: tt.evaluate(NETWORK, WEIGHTS, loss, pairs),
        lambda: judged(loss, ys, ys),
    ):
        with pytest.raises(ValueError, match="the loss ") as error:
            call()
        assert "\n" not in str(error.value)
        assert words in str(error.value)


def test_labels_for_a_plain_function_are_refused_with_the_remedy() -> None:
    for target in (1, [0, 1, 2, 3, 3]):
        with pytest.raises(ValueError, match=r"labels are for a loss that takes them and says so, targets = 'labels'$"):
            sequences.target_of(NETWORK, target, 5, per_step)
    assert np.isfinite(trained(per_step, sequences=[(x, np.ones((5, 4))) for x in X]).loss)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"targets": "label"}, "says targets = 'label'; known are 'numbers', 'labels', 'strings'"),
        ({"per": "time"}, "says per = 'time'; known are 'step', 'sequence'"),
        ({"everywhere": "yes"}, "says everywhere = 'yes'; known are True, False"),
        ({"targets": "strings"}, "say per = 'sequence', too"),
        ({"unit": "softmax"}, "it must be a Unit such as units.softmax, or None"),
        ({"blank": -1}, "it must be the number of an output, from 0, or None"),
    ],
)
def test_a_loss_that_says_what_none_can_is_told(said: dict[str, Any], words: str) -> None:
    loss = type("Odd", (), said | {"__call__": lambda self, ys, targets: per_step(ys, targets)})()
    for call in (lambda: traits_of(loss), lambda: tt.evaluate(NETWORK, WEIGHTS, loss, pairs_for(per_step))):
        with pytest.raises(ValueError, match="the loss Odd says") as error:
            call()
        assert words in str(error.value)
    assert traits_of(per_step) == Traits()
