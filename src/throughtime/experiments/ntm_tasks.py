"""The tasks of the neural Turing machine: small programs, each told by examples of any size.

An example is (x, target): x (steps, inputs), with bits as -1 and 1 and silence as 0; target (steps, outputs), NaN where
nothing is asked. After A. Graves, G. Wayne, I. Danihelka, arXiv:1410.5401.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, ...]
Example = tuple[NDArray[Any], NDArray[Any]]
ROUND = 320  # sequences of a round


def _asked(shown: list[NDArray[Any]], answer: NDArray[Any]) -> Example:
    """Silence while the answer is asked, and nothing asked before."""
    x = np.concatenate([*shown, np.zeros((len(answer), shown[0].shape[1]))])
    y = np.concatenate([np.full((len(x) - len(answer), answer.shape[1]), np.nan), answer])
    return x.astype(np.float32), y.astype(np.float32)


def _shown(bits: NDArray[Any], channels: int) -> NDArray[Any]:
    """Bits as -1 and 1, beside silent channels."""
    return np.pad(2.0 * bits - 1, ((0, 0), (0, channels)))


def _mark(width: int, *last: float) -> NDArray[Any]:
    """One step in which only the last channels speak."""
    return np.array([[0.0] * (width - len(last)) + list(last)])


def copy(size: Size, random: np.random.Generator) -> Example:
    """8 bits and a mark; (vectors,)."""
    bits = random.integers(0, 2, (size[0], 8))
    return _asked([_shown(bits, 1), _mark(9, 1)], bits)


def repeat_copy(size: Size, random: np.random.Generator) -> Example:
    """8 bits, a mark, and beside it how often (1 to 10 as mean 0, deviation 1); (vectors, times)."""
    bits = random.integers(0, 2, (size[0], 8))
    answer = np.pad(np.tile(bits, (size[1], 1)), ((0, 1), (0, 1)))
    answer[-1, -1] = 1
    return _asked([_shown(bits, 2), _mark(10, 1, (size[1] - 5.5) / 2.87)], answer)


def recall(size: Size, random: np.random.Generator) -> Example:
    """6 bits, a mark before each item, and one before and after the item that is asked for; (items,)."""
    items = random.integers(0, 2, (size[0], 3, 6))
    chosen = random.integers(0, size[0] - 1)
    listed = [part for item in items for part in (_mark(8, 1, 0), _shown(item, 2))]
    ask = _mark(8, 0, 1)
    return _asked([*listed, ask, _shown(items[chosen], 2), ask], items[chosen + 1])


def _pairs(most: int) -> tuple[Size, ...]:
    return tuple((n, times) for n in range(1, most + 1) for times in range(1, most + 1))


def _up_to(most: int, least: int = 1) -> tuple[Size, ...]:
    return tuple((n,) for n in range(least, most + 1))


@dataclass(frozen=True)
class ProgramTask:
    """A program to learn.

    stages  (sizes, rounds): what is drawn from for so many rounds
    sizes   asked after training
    shown   of which size the picture is
    bars    {size: (wrong bits at most, on which seeds)}, what was meant to be reached
    batch, rate, padding  sequences of an update, its learning rate; share of steps added to compile for fewer lengths
    slots   rows of the memory
    """

    name: str
    example: Callable[[Size, np.random.Generator], Example]
    inputs: int
    outputs: int
    stages: tuple[tuple[tuple[Size, ...], int], ...]
    sizes: tuple[Size, ...]
    shown: Size
    bars: dict[Size, tuple[float, str]] = field(default_factory=dict)
    batch: int = 16
    rate: float = 2e-3
    padding: float = 0.25
    slots: int = 128

    @property
    def rounds(self) -> int:
        """How many rounds in all."""
        return sum(rounds for _, rounds in self.stages)

    def lesson(self, seed: int, number: int) -> list[Example]:
        """The sequences of a round: every size equally often, so that the shapes stay the same."""
        plan = [sizes for sizes, rounds in self.stages for _ in range(rounds)]
        random = np.random.default_rng((seed, number))
        return [self.example(plan[number][i % len(plan[number])], random) for i in range(ROUND)]


COPY = ProgramTask(
    "copy",
    copy,
    9,
    8,
    ((_up_to(5), 40), (_up_to(10), 30), (_up_to(20), 100)),
    tuple((n,) for n in (5, 10, 20, 30, 40, 60, 80, 100, 120)),
    (20,),
    {(20,): (0.0, "every seed"), (60,): (0.0, "most seeds")},
)
REPEAT = ProgramTask(
    "repeat copy",
    repeat_copy,
    10,
    9,
    ((_pairs(3), 80), (_pairs(6), 80), (_pairs(10), 160)),
    ((5, 5), (10, 10), (20, 10), (10, 20)),
    (7, 5),
    batch=4,
    rate=3e-3,
    padding=1.0,
    slots=32,
)
RECALL = ProgramTask(
    "associative recall",
    recall,
    8,
    6,
    ((_up_to(3, 2), 20), (_up_to(6, 2), 200)),
    tuple((n,) for n in (2, 4, 6, 8, 10, 12, 15, 20)),
    (6,),
    padding=1.0,
    slots=64,
)
QUICK = replace(
    COPY,
    stages=((_up_to(3), 60),),
    sizes=((3,), (5,), (10,)),
    shown=(5,),
    bars={(3,): (1.0, "guessing: 12"), (5,): (5.0, "guessing: 20")},
    batch=8,
    rate=5e-3,
    padding=9.0,
)
