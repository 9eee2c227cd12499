"""The networks that recognise whole recordings, and how each is trained."""

from typing import Any, NamedTuple

from throughtime import architectures
from throughtime.experiments.courses import Contestant
from throughtime.experiments.words_data import WordQuestion

BEST = "bidirectional LSTM"


class Setting(NamedTuple):
    """Of a data set: epochs, by the kind of network, recordings in a batch, units of a layer, and their dropout."""

    epochs: dict[str, int]
    batch: int
    units: int = 64
    dropout: float = 0.3


SETTINGS = {
    "fsdd": Setting({"TDNN": 14, "LSTM": 10, BEST: 10}, 64, 128, 0.5),
    "japanese_vowels": Setting({"TDNN": 40, "LSTM": 40, BEST: 40}, 32),
    "an4 letters": Setting({"TDNN": 20, "LSTM": 16, BEST: 16}, 64),
    "an4 digits": Setting({"TDNN": 20, "LSTM": 16, BEST: 16}, 64),
}


class SeedAnswers(NamedTuple):
    """What the networks of all seeds say about a test.

    said     of each seed the outputs
    targets  the labels
    checked  the validation error of the one that was trained without the speakers of validation
    """

    said: list[list[Any]]
    targets: list[int]
    checked: float


def word_contestants(task: WordQuestion, quick: bool) -> dict[str, Contestant]:
    """The networks to compare; `quick`: the best one, small."""
    inputs, outputs, setting = task.inputs, len(task.corpus.names), SETTINGS[task.data]
    if quick:
        return {
            BEST: Contestant(architectures.lstm(inputs, 24, outputs, bidirectional=True), setting.epochs[BEST], 0.01)
        }
    units = setting.units
    windows: list[Any] = [range(3), range(5), 0]
    made = {
        "TDNN": architectures.tdnn(inputs, [units, units], outputs, windows),
        "LSTM": architectures.lstm(inputs, units, outputs),
        BEST: architectures.lstm(inputs, units, outputs, bidirectional=True),
    }
    return {
        label: Contestant(network.with_dropout(setting.dropout), setting.epochs[label], 0.005)
        for label, network in made.items()
    }
