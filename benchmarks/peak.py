"""What the machine can do: its fastest matrix product, on as many threads as everybody else."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import gate
from benchmarks.timing import Contestant, Times, interleave
from benchmarks.torch_peer import torch

SIZES, LIBRARIES, FASTEST = (512, 768, 1024), ("torch", "numpy", "XLA"), "fastest product"


@cache
def products() -> tuple[Contestant, ...]:
    """float32 products of two square matrices: torch's, numpy's and XLA's, each at its best size; seconds per operation."""
    found = [made for size in SIZES for made in _products(size)]
    times = interleave(found, rounds=5, turn=0.05)
    return tuple(
        min((one for one in found if one.name.startswith(library)), key=lambda one: min(times[one.name]))
        for library in LIBRARIES
    )


def with_fastest(times: Times) -> Times:
    """The times, and in every round the fastest of the products."""
    rounds = zip(*(times[one.name] for one in products()), strict=True)
    return times | {FASTEST: [min(each) for each in rounds]}


def _products(size: int) -> list[Contestant]:
    a, b = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
    right = a.astype(float) @ b
    t, mine = torch(), jax.device_put((a, b))
    ta, tb, product, out = t.tensor(a), t.tensor(b), jax.jit(jnp.matmul), np.empty_like(a)
    ways = (lambda: ta @ tb, lambda: np.matmul(a, b, out=out), lambda: product(*mine).block_until_ready())
    named = zip(LIBRARIES, ways, strict=True)
    made = [Contestant(f"{library}, {size} rows", way, _read, 2 * size**3) for library, way in named]
    for one in made:
        gate.same(f"matrix product, {one.name}", one.found(), {"product": right}, 1e-5)
    return made


def _read(found: Any) -> dict[str, Any]:
    return {"product": np.asarray(found)}
