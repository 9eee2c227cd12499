"""Eager torch: the loop over time in Python, for the networks that torch has no layer for.

What does not depend on the loop is one product before it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.plain import window
from benchmarks.timing import Contestant
from benchmarks.torch_peer import learning, torch
from benchmarks.works import FEEDBACK, TAPS, Work

Loop = Callable[[dict[str, Any], Any], Any]


def torch_loop(work: Work) -> Contestant:
    """An Elman, a Jordan or a NARX network."""
    heard = np.array(window(work.xs, TAPS)) if work.kind.startswith("narx") else work.xs
    x, targets = torch().tensor(heard), torch().tensor(work.targets)
    weights = {name: torch().tensor(array, requires_grad=True) for name, array in work.shared.items()}
    loop = {"elman": _elman, "jordan": _jordan}.get(work.kind, _narx)
    return learning(
        "torch, eager loop",
        weights.values(),
        lambda: loop(weights, x @ weights["hidden input"] + weights["hidden bias"]),
        targets,
        lambda: {name: array.grad.numpy() for name, array in weights.items()},
    )


def _elman(w: dict[str, Any], nets: Any) -> Any:
    del w  # the loop has weights of one
    a, found = torch().zeros_like(nets[0]), []
    for net in nets:
        a = torch().tanh(net + a)
        found.append(a)
    return torch().stack(found)


def _jordan(w: dict[str, Any], nets: Any) -> Any:
    return _fed_back(w, nets, 1)


def _narx(w: dict[str, Any], nets: Any) -> Any:
    return _fed_back(w, nets, FEEDBACK)


def _fed_back(w: dict[str, Any], nets: Any, delays: int) -> Any:
    """The last outputs, the newest first, are heard again."""
    back, out, bias = w["hidden output"], w["output hidden"], w["output bias"]
    found, past = [], [nets.new_zeros(nets.shape[1], len(bias))] * delays
    for net in nets:
        heard = past[0] if delays == 1 else torch().cat(past, 1)
        y = torch().addmm(bias, torch().tanh(torch().addmm(net, heard, back)), out)
        past = [y, *past[:-1]]
        found.append(y)
    return torch().stack(found)
