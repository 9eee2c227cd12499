"""Pieces of C as text: comments, constants, loops, and the functions of the units."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from throughtime.exchange.time_step import Values

Index = tuple[str, int]  # variable, and how many values it takes


def comment(text: str) -> str:
    """Text that can stand in a comment, whatever a column is called."""
    return "".join(c if c.isprintable() else " " for c in text).replace("*/", "* /").replace("/*", "/ *")


def braces(values: Values) -> list[str]:
    """An initialiser; every number is written so that reading it gives the same number."""
    text = np.array2string(
        values, separator=", ", threshold=values.size + 1, max_line_width=110, formatter={"float_kind": _number}
    )
    return [line.rstrip() for line in text.replace("[", "{").replace("]", "}").splitlines() if line]


def _number(value: Any) -> str:
    return repr(float(value)) if np.isfinite(value) else "-INFINITY" if value < 0 else "INFINITY"


def constant(kind: str, name: str, values: Values) -> list[str]:
    """The definition of an array that never changes."""
    shape = "".join(f"[{size}]" for size in values.shape)
    return defined(f"static const {kind} {name}{shape}", values, ";")


def defined(name: str, values: Values, end: str) -> list[str]:
    """name = values, on one line if it is short."""
    first, *rest = braces(values)
    if not rest and len(name) + len(first) < 110:
        return [f"{name} = {first}{end}"]
    *most, last = [first, *rest]
    return [f"{name} =", *indented(most), *indented([f"{last}{end}"])]


def index(of: Index) -> str:
    """The variable, or 0 if it takes one value only: `loops` then makes no loop of it."""
    variable, count = of
    return variable if count > 1 else "0"


def loops(indices: Iterable[Index], body: Sequence[str]) -> list[str]:
    """The body, at every value of the indices, the last one the innermost."""
    heads, made = [f"for (int {v} = 0; {v} < {count}; {v}++)" for v, count in indices if count > 1], list(body)
    for head in reversed(heads):
        block = head == heads[-1] and len(body) > 1
        made = [f"{head} {{", *indented(made), "}"] if block else [head, *indented(made)]
    return made


def indented(lines: Iterable[str]) -> list[str]:
    """The lines, one step to the right."""
    return [f"    {line}" if line else "" for line in lines]


def function(head: str, body: Iterable[str]) -> list[str]:
    """A function, and an empty line after it."""
    return [head, "{", *indented(body), "}", ""]


TANH = (-1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075, -929569 / 638512875)  # its series


def helpers(prefix: str, units: Iterable[str]) -> list[str]:
    """The functions that the units call, in double or single precision; only what is used, for a compiler warns of the rest.

    tanh is one exponential, a third of the time of the library's; near 0, where that would lose figures, the series.
    """
    real, upper = f"{prefix}_real", prefix.upper()
    one, (first, *others) = f"({real})1", [f"({real}){c!r}" for c in TANH]
    bodies = {
        "logistic": [f"const {real} e = {upper}_EXP(x < 0 ? x : -x);", f"return (x < 0 ? e : {one}) / ({one} + e);"],
        "tanh": [
            f"const {real} e = {upper}_EXP(x < 0 ? x + x : -x - x), far = ({one} - e) / ({one} + e), v = x * x;",
            f"const {real} near = {first}",
            *(f"    + v * ({c}" for c in others),
            f"    {')' * len(others)};",
            f"return v < ({real})0.02 ? x + x * v * near : x < 0 ? -far : far;",
        ],
        "relu": ["return x < 0 ? 0 : x;"],
        "saturate": [f"return x <= 0 ? 0 : x >= 1 ? {one} : x;"],
    }
    plain = {unit.removeprefix("context-") for unit in units}
    callers = {
        "logistic": {"logistic", "lstm", "gru"},
        "tanh": {"tanh", "lstm", "gru"},
        "relu": {"relu"},
        "saturate": {"saturated_linear"},
    }
    called = [name for name in bodies if callers[name] & plain]
    return [
        f"#ifdef {upper}_FLOAT",
        f"#define {upper}_EXP expf",
        "#else",
        f"#define {upper}_EXP exp",
        "#endif",
        "",
        *(line for name in called for line in function(f"static {real} {prefix}_{name}({real} x)", bodies[name])),
    ]
