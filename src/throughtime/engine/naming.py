"""A value in words that no other value has, in this process or another: what a kept program is named by.

Known are numbers, texts, tuples and mappings of what is known, and what the packages here define: dataclasses, classes, and
functions with all that they close over. Their code is known by its place, since the versions of the packages are in the name,
too. Of anything else, such as a function of one's own, nobody can tell whether it is the one of yesterday.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

PACKAGES = ("throughtime", "jax", "jaxlib", "optax", "numpy", "functools", "operator", "builtins", "math")
WRAPPERS = (
    "PjitFunction",
    "_lru_cache_wrapper",
)  # which change nothing of the function; others, such as `custom_jvp`, do


class Unnamed(Exception):
    """Something that has no such words."""


def named(value: Any) -> str:
    """The words.

    raises  Unnamed where there are none

    >>> import throughtime as tt
    >>> named((tt.elman(1, 2, 1), tt.BPTT(3))) == named((tt.elman(1, 2, 1), tt.BPTT(3)))
    True
    """
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return repr(value)
    if kind is float:  # a schedule of optax makes floats of its whole numbers when it is first called
        return repr(int(value)) if value.is_integer() and repr(value) != "-0.0" else repr(value)
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return f"{np.shape(value)} {value.dtype} {np.asarray(value).tobytes().hex()}"
    if isinstance(value, np.dtype):
        return f"type {value.str}"
    if isinstance(value, type):
        return _place(value)
    if isinstance(value, FunctionType):
        return _function(value)
    if isinstance(value, BuiltinFunctionType) and isinstance(
        value.__self__, ModuleType | None
    ):  # else a method of a value
        return _place(value)
    if isinstance(value, Mapping):
        return f"{_place(kind)}{_all(f'{key!r}: {named(own)}' for key, own in value.items())}"
    if isinstance(value, partial):
        return f"{_place(kind)}{named((value.func, value.args, value.keywords))}"
    if isinstance(value, tuple | list):
        return f"{_place(kind)}{_all(map(named, value))}"
    if is_dataclass(value):
        return f"{_place(kind)}{_all(f'{f.name}: {named(getattr(value, f.name))}' for f in fields(value) if f.compare)}"
    if kind.__name__ in WRAPPERS:
        return f"{_place(kind)}{_all([named(value.__wrapped__)])}"
    raise Unnamed(f"a {kind.__name__} has no words")


def _all(words: Any) -> str:
    return f"({', '.join(words)})"


def _place(value: Any) -> str:
    module = value.__module__ or "builtins"
    _refuse_foreign(module, value)
    return f"{module}:{value.__qualname__}"


def _refuse_foreign(module: str, value: Any) -> None:
    if module.partition(".")[0] not in PACKAGES:
        raise Unnamed(f"{value.__qualname__} is of {module}, which may change")


def _function(function: FunctionType) -> str:
    """Its place, what it closes over, and its defaults; one that was given the place of another is where its code is."""
    _refuse_foreign(function.__globals__.get("__name__", ""), function)
    cells = [_held(cell) for cell in function.__closure__ or () if _held(cell) is not function]
    code = function.__code__
    held = (code.co_qualname, code.co_firstlineno, cells, function.__defaults__, function.__kwdefaults__)
    return f"{_place(function)}{named(held)}"


def _held(cell: Any) -> Any:
    """What a function closes over; the type of cells where there is nothing, as in a schedule of optax without an end."""
    try:
        return cell.cell_contents
    except ValueError:
        return CellType
