"""What an estimator has learnt as a `Model`, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from throughtime import answers
from throughtime.estimators.reading import numbered
from throughtime.models.model import Model

ANSWERS = {"last": answers.LAST, "mean": answers.MEAN, "each step": answers.EVERY, "ctc": answers.CTC}


def model_of(fitted: Any, settings: Mapping[str, Any]) -> Model:
    """The network of a fitted estimator, and what it must know to answer alike."""
    classes = tuple(getattr(fitted, "classes_", np.array([])).tolist())
    if settings.get("answer", fitted.answer_) != fitted.answer_ != answers.EVERY:
        raise ValueError(
            f"the network was taught to answer by the {fitted.answer_}, so that is what the model says; leave answer= out"
        )
    between = {}
    if fitted.answer_ == answers.CTC:
        classes = ("", *classes)  # the blank
        between = {"between": "" if fitted.texts_ else " "}
    about = between | {
        "per_step": fitted.per_step_,
        "answer": fitted.answer_,
        "single_output": getattr(fitted, "single_output_", True),
        "named_inputs": hasattr(fitted, "feature_names_in_"),
    }
    parts = fitted.network_, fitted.weights_, fitted.inputs_, fitted.outputs_, classes
    return Model(*parts, settings={**about, **settings})


def refuse_other_answers(model: Model, classifies: bool) -> None:
    """A ValueError for several networks in one model, for one whose answers are strings, and for one of the other kind."""
    answer = answers.of(model.settings)
    if model.members or answer not in (answers.EVERY, answers.LAST, answers.MEAN):
        what = f"{model.members} networks" if model.members else f"answers by {answer!r}"
        raise ValueError(f"the model holds {what}; an estimator is one network that answers with classes or numbers")
    if bool(model.classes) != classifies:
        gives, other = ("classes", "SequenceClassifier") if model.classes else ("numbers", "SequenceRegressor")
        raise ValueError(f"the model gives {gives}: read it with {other}.from_model")


def settle_as(made: Any, model: Model) -> None:
    """Give an estimator all that `fit` leaves, as the model has it."""
    answer = answers.of(model.settings)
    made.network_, made.weights_, made.n_features_in_ = model.network, model.weights, len(model.inputs)
    made.inputs_, made.outputs_ = model.inputs, model.outputs
    made.per_step_, made.answer_ = answer == answers.EVERY, answer
    made.single_output_ = bool(model.settings.get("single_output", len(model.outputs) == 1))
    made.n_outputs_ = len(model.outputs)
    made.seed_, made.history_, made.optimizer_state_ = 0, [], None
    names = [column.name for column in model.inputs]
    if model.settings.get("named_inputs", names != numbered(names)):
        made.feature_names_in_ = np.array(names, dtype=object)
    if model.classes:
        made.classes_ = np.array(model.classes)
