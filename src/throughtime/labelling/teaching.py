"""Several networks taught to label recordings, whose mean answers; each keeps the average of its weights over its last updates."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime import answers
from throughtime.architectures import ARCHITECTURES
from throughtime.checks import is_whole, quoted
from throughtime.decoding import mixed
from throughtime.dynamics.wrong import Wrong
from throughtime.estimators import SequenceClassifier
from throughtime.labelling.copies import varied
from throughtime.labelling.labelled import Labelled
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import stack_members
from throughtime.models.model import Model
from throughtime.training.averaging import AverageState, averaged_adam
from throughtime.work.looks import Look

CLIP, WARM_UP, LAST = 1.0, 0.05, 0.1  # of the gradient; share of the updates; share of the updates that is averaged
BOTH = ("lstm", "gru")  # that run backward, too
KNOWN = (
    "gru",
    "lstm",
    "elman",
    "fully_recurrent",
    "jordan",
    "focused",
    "feedforward",
)  # that want no more than `hidden`


@dataclass(frozen=True)
class LabelTeaching:
    """How a labeller is taught.

    network, hidden  an architecture, run in both directions where it can be, and its units
    members          networks, each from other first weights
    epochs           visits of every recording, its copies counted as one
    copies           of each recording, the first as it is, the others varied
    batch            recordings in an update
    """

    network: str = "gru"
    hidden: int = 48
    members: int = 5
    epochs: int = 120
    copies: int = 6
    learning_rate: float = 0.005
    batch: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in KNOWN:
            raise Wrong(f"{{network}} must be one of {', '.join(KNOWN)}, not {quoted(self.network)}")
        for name in ("hidden", "members", "epochs", "copies", "batch"):
            if not is_whole(getattr(self, name), 1):
                raise Wrong(f"{{{name}}} must be a whole number from 1 on, not {quoted(getattr(self, name))}")


@dataclass(frozen=True, eq=False)
class LabelLook(Look):
    """A look at a labeller that is taught: the networks that are done, and the losses of each, epoch by epoch."""

    networks: Sequence[SequenceClassifier] = ()
    losses: Sequence[Sequence[float]] = field(default=())


@dataclass(frozen=True)
class _Planned:
    """An optimizer that knows how many updates there will be, as estimators take it."""

    updates: int

    def __call__(self, rate: float) -> Any:
        return _optimizer(rate, self.updates)


@lru_cache(maxsize=32)
def _optimizer(rate: float, updates: int) -> Any:
    return averaged_adam(rate, CLIP, WARM_UP, max(10, round(LAST * updates)), updates)


def teach(labelled: Labelled, teaching: LabelTeaching) -> Generator[LabelLook, None, None]:
    """Teach the networks one after the other; a look for each, the last of which has them all, or those before an interrupt."""
    random = np.random.default_rng(teaching.seed)
    more = [varied(np.asarray(x), random) for _ in range(teaching.copies - 1) for x in labelled.xs]
    xs, labels = [*labelled.xs, *more], [*labelled.labels] * teaching.copies
    passes = max(1, round(teaching.epochs / teaching.copies))
    made: list[SequenceClassifier] = []
    for number in range(teaching.members):
        try:
            yield LabelLook(
                number / teaching.members, f"network {number + 1} of {teaching.members}", networks=tuple(made)
            )
            made.append(_taught(xs, labels, teaching, passes, number))
        except KeyboardInterrupt:
            if not made:
                raise
            break
    yield LabelLook(1.0, "taught", networks=tuple(made), losses=tuple(one.history_ for one in made))


def _taught(
    xs: Sequence[Any], labels: Sequence[str], teaching: LabelTeaching, passes: int, number: int
) -> SequenceClassifier:
    network: Any = teaching.network
    if network in BOTH:
        network = partial(ARCHITECTURES[network], bidirectional=True)
    made = SequenceClassifier(
        network,
        teaching.hidden,
        optimizer=_Planned(passes * -(-len(xs) // teaching.batch)),
        learning_rate=teaching.learning_rate,
        epochs=passes,
        batch_size=teaching.batch,
        clip=None,
        random_state=1000 * teaching.seed + number,
        answer="mean",
    ).fit(xs, list(labels))
    states = jax.tree.leaves(made.optimizer_state_, is_leaf=lambda part: isinstance(part, AverageState))
    average = next(part for part in states if isinstance(part, AverageState))
    made.weights_ = jax.tree.map(np.asarray, average.weights)
    return made


def model_together(networks: Sequence[SequenceClassifier], features: Mapping[str, Any]) -> Model:
    """The networks side by side as one model, which says what it hears and how it answers."""
    alone = networks[0].to_model(features=dict(features))
    if len(networks) == 1:
        return alone
    weights = stack_members([one.weights_ for one in networks])
    return Model(
        alone.network,
        weights,
        alone.inputs,
        alone.outputs,
        alone.classes,
        settings=alone.settings,
        members=len(networks),
    )


def chances(model: Model, xs: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """The probability of each class (N, classes) for recordings as the network hears them: the mean over the networks."""
    answer = answers.of(model.settings)
    said = Ensemble.of(model).sequences(list(xs))
    return np.exp(np.stack([mixed([answers.read(np.asarray(y, float), answer)[0] for y in ys]) for ys in said]))
