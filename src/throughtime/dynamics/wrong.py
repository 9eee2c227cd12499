"""What is wrong with a study, in words that name its fields, so that every face can say its own names for them."""

import re
from collections.abc import Callable

from throughtime import memory

FIELD = re.compile(r"\{(\w+)\}")


class Wrong(ValueError):
    """Something wrong with a study; the text names fields in braces: "{rate} must be above 0, not -1".

    >>> found = Wrong("{rate} must be above 0, not -1")
    >>> str(found), found.told(lambda name: f"--learning-{name}")
    ('rate must be above 0, not -1', '--learning-rate must be above 0, not -1')
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)

    def __str__(self) -> str:
        return self.told(lambda name: name)

    def told(self, named: Callable[[str], str]) -> str:
        """The text, with the names that a face has for the fields."""
        return FIELD.sub(lambda found: named(found[1]), self.args[0])


def refuse_size(needed: float, what: str, remedy: str) -> None:
    """`memory.refuse_size`, whose texts may name fields."""
    try:
        memory.refuse_size(needed, what, remedy)
    except ValueError as large:
        raise Wrong(str(large)) from None
