"""The engine: one forward pass that leaves a tape, one backward sweep over it, for every wiring."""

from throughtime.engine.choice import engine_info, using_engine
from throughtime.engine.delays import anneal, harden, selected_delays
from throughtime.engine.effective import Weights, effective
from throughtime.engine.first import init
from throughtime.engine.forward import start
from throughtime.engine.handing import hand_over
from throughtime.engine.looking import deltas, jacobians, trace
from throughtime.engine.running import run, step
from throughtime.engine.tape import History

__all__ = [
    "History",
    "Weights",
    "anneal",
    "deltas",
    "effective",
    "engine_info",
    "hand_over",
    "harden",
    "init",
    "jacobians",
    "run",
    "selected_delays",
    "start",
    "step",
    "trace",
    "using_engine",
]
