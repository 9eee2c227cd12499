"""Text that comes from files, such as the names of columns: made harmless where it is shown. It is never markup.

A terminal obeys control characters, matplotlib reads formulas; a table, a file or JSON holds the text as it is.
"""

from collections.abc import Iterable, Sequence
from textwrap import wrap


def printable(text: object) -> str:
    r"""The text in one line, as a terminal or a page may show it: whatever is no letter, sign or space is written out.

    >>> printable("level [m]"), printable("a\x1b[31m\n\u202eb")
    ('level [m]', 'a\\x1b[31m\\n\\u202eb')
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))


def literal(text: object, letters: int = 100) -> str:
    r"""The text as matplotlib shows it letter by letter: a dollar sign opens no formula, a first _ hides no legend entry.

    letters  so many in a line, and three lines at most, so that it is not cut off where the picture ends

    >>> literal("cost [$]"), literal("_first"), literal("found from its data", 12)
    ('cost [\\$]', ' _first', 'found from\nits data')
    """
    lines = (
        wrap(printable(text), letters, max_lines=3, placeholder=" …") if len(str(text)) > letters else [printable(text)]
    )
    shown = "\n".join(lines).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def unused(name: str, taken: Iterable[str]) -> str:
    """The name if it is free, else the first of "NAME 2", "NAME 3" ... that is.

    >>> unused("y low", ["y", "y low", "y low 2"])
    'y low 3'
    """
    known, number, made = set(taken), 1, name
    while made in known:
        number += 1
        made = f"{name} {number}"
    return made


def quantity(number: int, what: str, several: str = "") -> str:
    """So many of something; `several`: the word for more than one, where an s is not enough.

    >>> quantity(1, "weight"), quantity(3, "weight"), quantity(2, "class", "classes")
    ('1 weight', '3 weights', '2 classes')
    """
    return f"{number} {what}" if number == 1 else f"{number} {several or f'{what}s'}"


def first_few(names: Sequence[str], few: int = 4) -> str:
    """The names in one line, the first of them where they are many.

    >>> first_few(["u"]), first_few(["a", "b", "c"], 2)
    ('u', 'a, b and 1 more')
    """
    more = len(names) - few
    return printable(", ".join(names[:few])) + (f" and {more} more" if more > 0 else "")
