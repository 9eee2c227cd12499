"""The engine: one forward pass that leaves a tape, one backward sweep over it, for every wiring."""

from typing import TYPE_CHECKING

from throughtime.later import getattr_of

if TYPE_CHECKING:
    from throughtime.engine.choice import engine_info, using_engine
    from throughtime.engine.delays import anneal, harden, selected_delays
    from throughtime.engine.effective import Weights
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

# {module: its names above}: who asks only what was built, as `throughtime --version` does, waits for no JAX.
_PLACES = {
    "choice": ("engine_info", "using_engine"),
    "delays": ("anneal", "harden", "selected_delays"),
    "effective": ("Weights",),
    "first": ("init",),
    "forward": ("start",),
    "handing": ("hand_over",),
    "looking": ("deltas", "jacobians", "trace"),
    "running": ("run", "step"),
    "tape": ("History",),
}

if not TYPE_CHECKING:
    __getattr__ = getattr_of(__name__, _PLACES)
