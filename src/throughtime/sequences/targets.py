"""What is asked of a sequence: its target, as the loss takes it."""

from typing import Any

import numpy as np

from throughtime import answers, losses
from throughtime.network import Network
from throughtime.sequences.numbers import TOO_LARGE, Values, numbers_of, refuse_first, too_large


def target_of(network: Network, target: Any, steps: int, loss: Any, number: int = 0) -> Values:
    """The target of sequence `number`: (steps, outputs), (steps,) or, for CTC, (labels,), checked."""
    where, outputs, traits = f"target of sequence {number}", network.size_of(network.output), losses.traits_of(loss)
    if traits.targets == "numbers":
        rows = _number_target(where, target, outputs, steps)
        if rows.ndim == 2 and len(rows) < steps:
            return _asked_once(network, where, rows, steps, traits.everywhere)
        return rows
    labels = _labels(where, target, outputs)
    if traits.targets == "strings":
        losses.refuse_blank(loss, outputs)
        return _string(where, labels, steps, losses.named(loss), traits.blank)
    if labels.ndim == 0:
        return _asked_once(network, where, labels[None], steps, traits.everywhere)
    if labels.shape != (steps,):
        one_hot = labels.shape[-1] == outputs and ((labels == 0) | (labels == 1)).all() and (labels.sum(-1) == 1).all()
        remedy = "; of one-hot rows give the labels, target.argmax(axis=-1)" if one_hot else ""
        raise ValueError(f"{where} has shape {labels.shape}; wanted one label, or {steps}, one per step{remedy}")
    return labels


def _asked_once(network: Network, where: str, target: Values, steps: int, everywhere: bool) -> Values:
    """The one target (1, ...) of a sequence: asked at the last step, or of an integral at all its steps."""
    answer = answers.MEAN if everywhere else answers.LAST
    if answer == answers.LAST and steps > 1 and network.backward:
        raise ValueError(
            f"{where}: one target is asked at the last step, where the backward layers have heard that step only; take the "
            "loss Integrated(...), which asks for the mean over time, or give targets for every step"
        )
    return answers.question(target, steps, answer)


def _number_target(where: str, target: Any, outputs: int, steps: int) -> Values:
    """(steps, outputs), (members, steps, outputs), or for the sequence (1, outputs)."""
    values = numbers_of(where, target)
    if values.ndim == 3:
        return np.stack([_number_target(f"{where}, member {k}", part, outputs, steps) for k, part in enumerate(values)])
    if values.shape not in ((steps, outputs), (outputs,)) and (values.ndim or outputs > 1):
        whole = values.shape in ((), (steps,)) and np.asarray(target).dtype.kind in "biu"
        remedy = "; labels are for a loss that takes them and says so, targets = 'labels'" if whole else ""
        raise ValueError(
            f"{where} has shape {values.shape}; wanted {(steps, outputs)}, a row per step, or {(outputs,)}, at the end{remedy}"
        )
    rows = values.reshape(-1, outputs)
    refuse_first(where, rows, np.isinf(rows), "give a number, or NaN where nothing is asked")
    refuse_first(where, rows, too_large(rows), TOO_LARGE)
    return rows


def _labels(where: str, target: Any, outputs: int) -> Values:
    values = numbers_of(where, target)
    if values.size and not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(f"{where}: labels must be whole numbers, -1 where nothing is asked")
    if values.size and not (values.min() >= -1 and values.max() < outputs):
        raise ValueError(
            f"{where} has labels {values.min():g} to {values.max():g}; {outputs} outputs allow -1 to {outputs - 1}"
        )
    return values.astype(np.int32)


def _string(where: str, labels: Values, steps: int, loss: str, blank: int | None) -> Values:
    if labels.ndim != 1 or (labels < 0).any() or (labels == blank).any():
        but = "" if blank is None else f" and without the blank {blank}"
        raise ValueError(f"{where}: {loss} wants a list of labels without -1{but}")
    if blank is None:
        return labels
    needed = len(labels) + int((labels[1:] == labels[:-1]).sum())
    if needed > steps:
        raise ValueError(f"{where}: {len(labels)} labels need at least {needed} steps, but the sequence has {steps}")
    return labels
