"""One time step as a plain C99 file: weights, a struct that holds the state, and functions that start, step and feed it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.exchange.c_layers import fields_of, layer_functions, member_of
from throughtime.exchange.c_text import comment, constant, defined, function, helpers, indented, index, loops
from throughtime.exchange.time_step import TimeStep, time_step_of
from throughtime.io import files
from throughtime.models.columns import Column, limits
from throughtime.models.hearing import fed_row
from throughtime.models.model import Model
from throughtime.models.saving import library_version


def write(model: Model, path: str | os.PathLike[str], name: str | None = None) -> None:
    """Write one time step of a trained network as a C99 file that needs nothing but math.h; the scaling is inside.

        void NAME_start(NAME_state *state);                                     before the first step: a(0)
        void NAME_step(NAME_state *state, const NAME_real *u, NAME_real *y);    one time step
        void NAME_feed(NAME_state *state, const NAME_real *u, NAME_real *y, const NAME_real *measured);

    `NAME_real` is double, or float if compiled with -DNAME_FLOAT (there NAME is in capitals). u and y are in the units of
    the data, y within the limits of the columns (what is fed back is not cut off). `NAME_feed` is a step in which the
    measured output takes the place of the network's own in what is fed back (NAN: not measured): feed a known record,
    then step on for a forecast. It is there if the network hears its own output; compilers that are told that there is no
    NAN (-ffast-math) are refused then. The file's first comment names the columns in their order. Nothing is allocated;
    several states can be used at once.

    Include the file where it is used; or compile it on its own, and include it with NAME_DECLARATIONS defined elsewhere.

    model  a `Model`, also an ensemble (`members`: y is the mean of their outputs); its columns give the scaling
    path   of the file; it appears only when it is complete
    name   what all names in it begin with; None: the name of the file

    raises  ValueError for a network with backward layers, units of one's own, weights or a scaling that are not finite, or
            a name that C cannot have; OSError if the file cannot be written
    cost    of a step: one multiplication per weight; past activities are shifted, which costs less than hearing them

    >>> import pathlib, tempfile, throughtime as tt
    >>> network = tt.narx(1, 3, 1, input_delays=(0, 1), output_delays=(1, 2))
    >>> model = tt.Model(network, tt.init(network, 0), (tt.Column("voltage", 2.0, 0.5),), (tt.Column("level", 5.0, 2.0),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tt.export_c(model, f"{folder}/tank.c")
    ...     text = pathlib.Path(f"{folder}/tank.c").read_text()
    >>> [line for line in text.splitlines() if line.startswith("void")][-1]
    'void tank_feed(tank_state *state, const tank_real *u, tank_real *y, const tank_real *measured)'
    """
    step, prefix = time_step_of(model), _prefix(path, name)
    lines = [*_about(step, prefix), *_declarations(step, prefix), *_definitions(step, prefix)]
    files.write(path, "\n".join(lines) + "\n")


def _prefix(path: Any, name: str | None) -> str:
    if name is None:
        stem = re.sub(r"\W", "_", Path(path).stem, flags=re.ASCII)
        return stem if re.match(r"[A-Za-z]", stem) else f"net_{stem}"
    if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise ValueError(f"names in C cannot begin with name={name!r}; use letters, digits and _, a letter first")
    return name


def _about(step: TimeStep, prefix: str) -> list[str]:
    """The comment at the top."""
    lead = [f"y stands for the time {step.network.lead} step(s) after that of u."] if step.network.lead else []
    mean = [f"y is the mean of {step.members} networks."] if step.members else []
    lines = [
        f"{prefix}: one time step of a trained network. C99; made by throughtime {library_version()}.",
        "",
        f"    {prefix}_state state;",
        f"    {prefix}_start(&state);",
        f"    {prefix}_step(&state, u, y);    at every time step",
        "",
        "In and out, in the units of the data (the network sees (value - mean) / scale):",
        "",
        *(_columns("u", step.u) or ["    u     none: pass 0"]),
        *_columns("y", step.y),
        "",
        *lead,
        *mean,
        *_about_feed(step, prefix),
        f"Numbers are double, or float if compiled with -D{prefix.upper()}_FLOAT.",
        f"Include this file where it is used; or compile it alone, and define {prefix.upper()}_DECLARATIONS before you",
        "include it elsewhere.",
    ]
    return ["/*", *(f" * {comment(line)}".rstrip() for line in lines), " */", ""]


def _columns(letter: str, columns: Sequence[Column]) -> list[str]:
    def limited(c: Column) -> str:
        edges = [f", {word} {float(e)!r}" for word, e in (("at least", c.low), ("at most", c.high)) if e is not None]
        return "".join(edges) if letter == "y" else ""

    width = max((len(c.name) for c in columns), default=0)
    return [
        f"    {letter}[{i}]  {c.name:<{width}}  mean {float(c.mean)!r}, scale {float(c.scale)!r}{limited(c)}"
        for i, c in enumerate(columns)
    ]


def _about_feed(step: TimeStep, prefix: str) -> list[str]:
    if fed_row(step.network) is None:
        return ["The network does not hear its outputs: there is nothing to feed measured ones into."]
    return [
        f"{prefix}_feed(&state, u, y, measured) is a step in which the outputs measured at the time of u take the place",
        "of the network's own in what is fed back (NAN: not measured). Feed a known record, then step on for a forecast.",
    ]


def _declarations(step: TimeStep, prefix: str) -> list[str]:
    upper = prefix.upper()
    return [
        f"#ifndef {upper}_INCLUDED",
        f"#define {upper}_INCLUDED",
        "",
        f"#ifdef {upper}_FLOAT",
        f"typedef float {prefix}_real;",
        "#else",
        f"typedef double {prefix}_real;",
        "#endif",
        "",
        "/* Activities as the network sees them, row 0 those of now, row d those d steps before; and memories. */",
        "typedef struct {",
        *_fields(step, prefix),
        f"}} {prefix}_state;",
        "",
        *(f"{line};" for line in _heads(step, prefix)),
        "",
        f"#endif /* {upper}_INCLUDED */",
        "",
    ]


def _fields(step: TimeStep, prefix: str) -> list[str]:
    count = f"[{step.members}]" if step.members else ""
    made = []
    for source, field in fields_of(step).items():
        members = count if member_of(step, source) else ""
        shape = f"{members}[{step.depth(source) + 1}][{step.network.size_of(source)}]"
        made.append(f"    {prefix}_real {field}{shape};")
    memories = [part for part in step.parts if part.kind == "memory"]
    return made + [f"    {prefix}_real {part.name}{count}[{part.start.shape[-1]}];" for part in memories]


def _heads(step: TimeStep, prefix: str) -> list[str]:
    ends = f"{prefix}_state *state, const {prefix}_real *u, {prefix}_real *y"
    made = [f"void {prefix}_start({prefix}_state *state)", f"void {prefix}_step({ends})"]
    fed = [f"void {prefix}_feed({ends}, const {prefix}_real *measured)"]
    return made if fed_row(step.network) is None else made + fed


def _definitions(step: TimeStep, prefix: str) -> list[str]:
    start, advance, *feed = _heads(step, prefix)
    layers, calls = layer_functions(step, prefix)
    return [
        f"#ifndef {prefix.upper()}_DECLARATIONS",
        "",
        *_whole_mathematics(step, prefix),
        "#include <math.h>",
        "",
        *helpers(prefix, {layer.unit.name for layer in step.layers}),
        *_scaling(step, prefix),
        *layers,
        *_start(step, prefix, start),
        *_shown(step, prefix),
        *function(advance, [*_shift(step), *_hear(step, prefix), *_each_member(step, calls), *_answer(step, prefix)]),
        *(_feed(step, prefix, feed[0]) if feed else []),
        f"#endif /* {prefix.upper()}_DECLARATIONS */",
    ]


def _whole_mathematics(step: TimeStep, prefix: str) -> list[str]:
    """Where NAN or INFINITY is in the file, a compiler that takes every number for finite would see neither."""
    low, high = limits(step.y)
    used = ["NAN, which stands for not measured"] if fed_row(step.network) is not None else []
    used += ["INFINITY, where a column has no limit"] if _limited(step) and np.isinf([low, high]).any() else []
    if not used:
        return []
    remedy = f"compile {prefix} without -ffast-math, -Ofast, -ffinite-math-only: they do not see {' and '.join(used)}"
    return [
        "#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || defined(_M_FP_FAST)",
        f'#error "{remedy}"',
        "#endif",
        "",
    ]


def _limited(step: TimeStep) -> bool:
    return bool(np.isfinite(limits(step.y)).any())


def _scaling(step: TimeStep, prefix: str) -> list[str]:
    numbers = {}
    for letter, columns in (("u", step.u), ("y", step.y)):
        numbers[f"mean_{letter}"] = np.array([c.mean for c in columns], float)
        numbers[f"scale_{letter}"] = np.array([c.scale for c in columns], float)
    if _limited(step):
        numbers["low_y"], numbers["high_y"] = limits(step.y)
    kind, filled = f"{prefix}_real", {name: values for name, values in numbers.items() if values.size}
    return [line for name, values in filled.items() for line in constant(kind, f"{prefix}_{name}", values)] + [""]


def _start(step: TimeStep, prefix: str, head: str) -> list[str]:
    """The first state; what is not named is 0."""
    fields, named = fields_of(step), list[str]()
    for part in step.parts:
        if part.start.any():
            past = part.kind == "a"
            first = np.flip(part.start, -2) if past else part.start  # in the state the newest row comes first
            named += indented(defined(f".{fields[part.source] if past else part.name}", first, ","))
    return [
        f"static const {prefix}_state {prefix}_first = {{",
        *(named or ["    0"]),
        "};",
        "",
        *function(head, [f"*state = {prefix}_first;"]),
    ]


def _shown(step: TimeStep, prefix: str) -> list[str]:
    """A function for one output, as it is shown."""
    real, k = f"{prefix}_real", ", int k" if step.members else ""
    output = step.network.output
    own = f"state->{fields_of(step)[output]}{member_of(step, output)}[0][n]"
    value = f"{own} * {prefix}_scale_y[n] + {prefix}_mean_y[n]"
    body = [f"return {value};"]
    if _limited(step):
        edges = f"{prefix}_low_y[n]", f"{prefix}_high_y[n]"
        body = [f"const {real} value = {value};"]
        body += [f"return value < {edges[0]} ? {edges[0]} : value > {edges[1]} ? {edges[1]} : value;"]
    return function(f"static {real} {prefix}_shown(const {prefix}_state *state{k}, int n)", body)


def _each_member(step: TimeStep, body: Sequence[str]) -> list[str]:
    count = step.members
    return [f"for (int k = 0; k < {count}; k++) {{", *indented(body), "}"] if count else list(body)


def _shift(step: TimeStep) -> list[str]:
    """All rows move on by one step."""
    made = []
    for source, field in fields_of(step).items():
        depth, unit = step.depth(source), ("n", step.network.size_of(source))
        if depth:
            member, n = member_of(step, source), index(unit)
            row = f"state->{field}{member}"
            lines = [f"for (int d = {depth}; d > 0; d--)"]
            lines += [f"    {line}" for line in loops([unit], [f"{row}[d][{n}] = {row}[d - 1][{n}];"])]
            made += _each_member(step, lines) if member else lines
    return made


def _hear(step: TimeStep, prefix: str) -> list[str]:
    """The inputs, as the network sees them."""
    made, first, fields = [] if step.inputs else ["(void)u;"], 0, fields_of(step)
    for name, size in step.inputs:
        unit = ("n", size)
        n = index(unit)
        at = str(first + int(n)) if n == "0" else f"{first} + {n}" if first else n
        value = f"(u[{at}] - {prefix}_mean_u[{at}]) / {prefix}_scale_u[{at}]"
        made += loops([unit], [f"state->{fields[name]}[0][{n}] = {value};"])
        first += size
    return made


def _answer(step: TimeStep, prefix: str) -> list[str]:
    unit = ("n", len(step.y))
    n = index(unit)
    if not step.members:
        return loops([unit], [f"y[{n}] = {prefix}_shown(state, {n});"])
    total = _each_member(step, [f"y[{n}] += {prefix}_shown(state, k, {n});"])
    return loops([unit], [f"y[{n}] = 0;", *total, f"y[{n}] /= {step.members};"])


def _feed(step: TimeStep, prefix: str, head: str) -> list[str]:
    """A step, and the measured outputs in the row that stands for now: with a lead, before the step that hears them."""
    output, row, unit = step.network.output, fed_row(step.network), ("n", len(step.y))
    n, place = index(unit), f"state->{fields_of(step)[output]}{member_of(step, output)}[{row}]"
    value = f"(measured[{n}] - {prefix}_mean_y[{n}]) / {prefix}_scale_y[{n}]"
    put_in = loops([unit], [f"if (!isnan(measured[{n}])) {place}[{n}] = {value};"])
    advance, heard = [f"{prefix}_step(state, u, y);"], _each_member(step, put_in)
    return function(head, heard + advance if step.network.lead else advance + heard)
