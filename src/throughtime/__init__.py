"""throughtime: recurrent networks as wiring, and every classical way of teaching them."""

from throughtime import units
from throughtime.architectures import (
    elman,
    feedforward,
    focused,
    fully_recurrent,
    gru,
    jordan,
    lstm,
    narx,
    tdnn,
    window,
)
from throughtime.engine import deltas, init, jacobians, run, start, step, trace
from throughtime.learners import BPTT, RTRL, Backprop, Focused, Lesson
from throughtime.losses import CTC, BinaryCrossEntropy, CrossEntropy, SquaredError
from throughtime.network import Connection, Layer, LearnedDelays, Network, from_json
from throughtime.units import Unit

__all__ = [
    "BPTT",
    "CTC",
    "RTRL",
    "Backprop",
    "BinaryCrossEntropy",
    "Connection",
    "CrossEntropy",
    "Focused",
    "Layer",
    "LearnedDelays",
    "Lesson",
    "Network",
    "SquaredError",
    "Unit",
    "deltas",
    "elman",
    "feedforward",
    "focused",
    "from_json",
    "fully_recurrent",
    "gru",
    "init",
    "jacobians",
    "jordan",
    "lstm",
    "narx",
    "run",
    "start",
    "step",
    "tdnn",
    "trace",
    "units",
    "window",
]
