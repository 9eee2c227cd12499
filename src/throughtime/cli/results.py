"""What `fit` prints of a model: a table of errors, sentences, and the words that name options."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from throughtime.cli import output
from throughtime.drawing import weight_count
from throughtime.dynamics.fitted import FREE
from throughtime.dynamics.wirings import LINEAR
from throughtime.reports.judgement import Judgement
from throughtime.reports.outcome import Outcome
from throughtime.texts import printable


def remedy(settings: Mapping[str, Any]) -> str:
    """What to do where the linear model is better, but for what was done by these settings; nothing for the linear model."""
    if settings.get("network") == LINEAR:
        return ""
    folds = [] if settings.get("folds") else ["--folds 4"]
    others = [*folds, *([] if settings.get("network") == "gru" else ["--network gru"])]
    said = ["other delays (throughtime delays)", "other sizes (throughtime choose)", " or ".join(others)]
    return f"try {', '.join(filter(None, said))}"


REMEDY = remedy({})


def headline(outcome: Outcome) -> str:
    """What was trained, in one line."""
    settings, members = outcome.settings, outcome.model.members_
    networks = "1 network" if len(members) == 1 else f"mean of {len(members)} networks"
    return (
        f"{settings['network']}, {networks} of {weight_count(outcome.model.network_)} weights, {settings['optimizer']}, "
        f"{settings['loop']} loop: {outcome.epochs} epochs, {outcome.seconds:.1f} s"
    )


def verdicts(judgement: Judgement, advice: str) -> list[str]:
    """A sentence on every output, with what to do on the command line."""
    return [verdict.sentence(advice) for verdict in judgement.verdicts]


def show(judgement: Judgement, title: str) -> None:
    """Print the scores: rivals beside each other, part by part."""
    modes = list(judgement.network)
    heads = ["RMSE, fit", "output", "", *chain(*((mode, "") for mode in modes))]
    output.table(title, heads, list(_rows(judgement, modes)), texts=3)


def _rows(judgement: Judgement, modes: list[str]) -> Iterable[list[str]]:
    judged = {"network": judgement.network, **judgement.baselines}
    for part, outputs in judgement.network[FREE].items():
        for name in outputs:
            for who, own in judged.items():
                found = (_figures(own.get(mode, {}).get(part, {}).get(name)) for mode in modes)
                yield [*((part, printable(name)) if who == "network" else ("", "")), who, *chain(*found)]


def _figures(score: Mapping[str, Any] | None) -> tuple[str, str]:
    if score is None or not score["rows"]:
        return "-", ""
    if score["rmse"] is None:
        return "exploded", ""
    fit = score["fit_percent"]  # a constant output has none
    return f"{score['rmse']:.4g}", "" if fit is None else f"{fit:z.1f} %"
