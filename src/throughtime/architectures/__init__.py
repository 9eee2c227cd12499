"""The zoo: the networks of the field, each a short piece of wiring.

All take `inputs` (a number, or {name: size}), `hidden` (a number, or a list of numbers for a stack) and `outputs`
(a number), the activation functions `f` of the hidden and `g` of the output layer, and `start="learned"` for a
learned a(0). What they return is an ordinary `Network`.

Where delays are asked for, they are a number, several, `LearnedDelays` (one delay per pair of units, selected by learning),
a list of them (several per pair, each with a weight of its own), or {source: any of these}.
"""

from collections.abc import Callable

from throughtime.architectures.building import built
from throughtime.architectures.delayed import feedforward, jordan, narx, tdnn, waibel, window
from throughtime.architectures.recurrent import elman, focused, fully_recurrent, gru, lstm
from throughtime.external_memory import ntm
from throughtime.network import Network

# By their names, for all that offer a choice: estimators, command line, docs. Waibel's is a tdnn with numbers of its own.
ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "feedforward": feedforward,
    "window": window,
    "tdnn": tdnn,
    "jordan": jordan,
    "elman": elman,
    "fully_recurrent": fully_recurrent,
    "narx": narx,
    "focused": focused,
    "lstm": lstm,
    "gru": gru,
    "ntm": ntm,
}

__all__ = [
    "ARCHITECTURES",
    "built",
    "elman",
    "feedforward",
    "focused",
    "fully_recurrent",
    "gru",
    "jordan",
    "lstm",
    "narx",
    "ntm",
    "tdnn",
    "waibel",
    "window",
]
