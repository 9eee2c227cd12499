"""What every peer in torch shares: one training step under autograd, and torch itself."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.machine import threads
from benchmarks.timing import Contestant
from benchmarks.works import Arrays


def torch() -> Any:
    """torch, on as many threads as everybody else."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise SystemExit("this table needs torch as its peer: pip install '.[peers]'") from error
    torch.set_num_threads(threads())
    return torch


def learning(
    name: str, parameters: Iterable[Any], outputs: Callable[[], Any], targets: Any, read: Callable[[], Arrays]
) -> Contestant:
    """The summed squared error and its gradients; `read` finds the gradients, in the shared layout."""
    trained = list(parameters)

    def call() -> Any:
        for parameter in trained:
            parameter.grad = None
        value = ((outputs() - targets) ** 2).sum()
        value.backward()
        return value

    return Contestant(name, call, lambda value: {"loss": value.detach().numpy(), **read()})


def kernel(array: np.ndarray, taps: int) -> np.ndarray:
    """From (taps S, N) to the (N, S, taps) of a convolution, whose last tap is the delay 0 (or the shortest there is)."""
    return array.reshape(taps, -1, array.shape[-1])[::-1].transpose(2, 1, 0).copy()


def from_kernel(array: Any) -> np.ndarray:
    """Back from (N, S, taps) to (taps S, N)."""
    return np.asarray(array).transpose(2, 1, 0)[::-1].reshape(-1, array.shape[0])
