"""Optimizers of optax as data: a name and numbers, equal when they are the same, so that files hold them and programs are kept."""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import optax

from throughtime.checks import is_number, quoted

OPTAX: dict[str, Any] = {
    name: getattr(optax, name)
    for name in ("adabelief", "adagrad", "adam", "adamw", "lion", "nadam", "radam", "rmsprop", "sgd", "yogi")
}


@dataclass(frozen=True, init=False)
class Recipe:
    """An optimizer of optax, made of a step size as `Teaching` has it: the optimizer `name` with these numbers.

    name     one of `OPTAX`
    numbers  of its arguments, by their names; those that are not given are as optax has them

    raises   ValueError for another name, an argument that it has not, or one that is neither a number nor True or False

    >>> Recipe("sgd", momentum=0.9) == Recipe("sgd", momentum=0.9), str(Recipe("sgd", momentum=0.9))
    (True, 'sgd(momentum=0.9)')
    """

    name: str
    numbers: tuple[tuple[str, float], ...]

    def __init__(self, name: str, **numbers: float) -> None:
        if not isinstance(name, str) or name not in OPTAX:
            raise ValueError(f"{quoted(name)} is no optimizer with a recipe; choose {', '.join(OPTAX)}")
        known = [key for key in signature(OPTAX[name]).parameters if key != "learning_rate"]
        for key, value in numbers.items():
            if key not in known:
                raise ValueError(f"{name} has no {quoted(key)}; it has {', '.join(known)}")
            if not isinstance(value, bool) and not is_number(value):
                raise ValueError(f"{name}: {key} must be a number, or True or False, not {quoted(value)}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "numbers", tuple(sorted(numbers.items())))

    def __call__(self, rate: Any) -> Any:
        """The optimizer, of a step size or a schedule of it."""
        return OPTAX[self.name](rate, **dict(self.numbers))

    def __str__(self) -> str:
        told = ", ".join(f"{key}={value}" for key, value in self.numbers)
        return f"{self.name}({told})" if told else self.name

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"name": self.name} | dict(self.numbers)
