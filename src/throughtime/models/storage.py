"""Model files: one .safetensors file, arrays and JSON, which cannot run code.

header    format "throughtime", its version, the library's version, the model without its weights as JSON, a checksum
arrays    the weights, each named by its path: "layer/connection", with "/" and "%" in names written as %2F and %25

The same model makes the same bytes. What was read is checked by one function, `check`, which `save` asks too.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_number, is_text, is_whole
from throughtime.engine import Weights
from throughtime.engine.door import native, precision
from throughtime.engine.first import shapes
from throughtime.engine.schedule import depths
from throughtime.io import container, files
from throughtime.io.container import ModelFileError
from throughtime.network import Network, from_json, whole
from throughtime.rounding import unvarying
from throughtime.units import Unit

FORMAT = "throughtime"
VERSION = 1
TEXTS = {"format", "format_version", "library_version", "network", "model"}
MOST_PARTS = 100_000  # of a wiring's text, since a layer in memory is many times as long
MOST_HELD = 20_000_000  # numbers that networks keep from step to step

Values = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One input or output in the units of the data: value = mean + scale * what the network sees.

    low, high  limits that its sensor can show; None: none. Outputs are shown within them; what a network feeds back of
               its own outputs is not cut off
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Model:
    """A trained network, with all that is needed to use it on data.

    inputs    a column for each number the network takes, in the order of its inputs
    outputs   a column for each output
    classes   what the outputs stand for, if they are net inputs of a softmax
    washout   steps at the start in which the outputs mean nothing yet
    settings  how it was made; anything JSON can hold
    members   number of networks of this wiring whose mean is the answer: every weight has a leading axis of that length;
              0: one network, no such axis
    """

    network: Network
    weights: Weights
    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    classes: tuple[Any, ...] = ()
    washout: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: int = 0


def columns_of(rows: Values, names: Iterable[Any], scale: bool = True) -> tuple[Column, ...]:
    """A column for each column of `rows` (rows, columns), with its mean and deviation if `scale`; NaN is left out."""
    if not scale:
        return tuple(Column(str(name)) for name in names)
    low = np.nanmin(np.asarray(rows, float), axis=0)
    above = rows - low  # whose sums round little, however far from 0 the values are; those of a constant not at all
    deviation = np.where(unvarying(rows), 1.0, np.nanstd(above, axis=0))  # a constant column only loses its mean
    numbers = zip(names, low + np.nanmean(above, axis=0), deviation, strict=True)
    made = tuple(Column(str(name), float(m), float(d)) for name, m, d in numbers)
    for column, values in zip(made, rows.T, strict=True):
        _refuse_scale(column, values)
    return made


def _refuse_scale(column: Column, values: Values) -> None:
    """Raise an error if numbers this large or small become infinite, or 0, in the precision that networks compute in."""
    kind, spread = precision(), np.nanmax(values) - np.nanmin(values) if len(values) else 0.0
    with np.errstate(over="ignore", under="ignore"):
        mean, scale = kind.type(column.mean), kind.type(column.scale)
        square_lost = spread > 0 == spread * spread
    if square_lost or not 0 < scale < np.inf or np.isinf(mean):
        raise ValueError(
            f"column {column.name!r} varies by {spread:.3g} about {column.mean:.3g}, beyond what {kind} holds: give it in "
            "another unit"
        )


def standardise(values: Values, columns: Sequence[Column]) -> Values:
    """What the network sees of `values` (..., columns).

    raises  ValueError if a value is so far from its column's mean that the network would see infinity
    """
    made = np.asarray((values - np.array([c.mean for c in columns])) / np.array([c.scale for c in columns]))
    far = np.abs(made) > np.finfo(precision()).max
    if far.any():
        place = tuple(np.argwhere(far)[0])
        column, value = columns[place[-1]], np.asarray(values)[place]
        raise ValueError(
            f"column {column.name!r} holds {value:g}, which is too far from its mean {column.mean:g} (deviation "
            f"{column.scale:g}) to compute with: check the value, and its unit"
        )
    return made


def restore(values: Values, columns: Sequence[Column]) -> Values:
    """The inverse of `standardise`, within the limits of the columns."""
    restored = np.asarray(values * np.array([c.scale for c in columns]) + np.array([c.mean for c in columns]))
    if all(c.low is None and c.high is None for c in columns):
        return restored
    low, high = limits(columns)
    return np.clip(restored, low, high)


def limits(columns: Sequence[Column]) -> tuple[Values, Values]:
    """The limits of the columns in the units of the data; infinite where there is none."""
    low = np.array([-np.inf if c.low is None else c.low for c in columns])
    return low, np.array([np.inf if c.high is None else c.high for c in columns])


def refuse_limits(names: Sequence[str], low: Values, high: Values, called: tuple[str, str] = ("low", "high")) -> None:
    """Raise an error for limits of sensors (NaN: none) that are infinite, or of which the low one is not below the high one."""
    for name, *edges in zip(names, low, high, strict=True):
        for option, edge in zip(called, edges, strict=True):
            if np.isinf(edge):
                raise ValueError(f"column {name!r}: {option} {edge:g} is no limit; give a number, or none")
        if edges[0] >= edges[1]:
            raise ValueError(f"column {name!r}: {called[0]} {edges[0]:g} is not below {called[1]} {edges[1]:g}")


def save(path: str | os.PathLike[str], model: Model) -> None:
    """Write the model to a file; it appears under its name only when it is complete.

    Raises `OSError` if the folder cannot be written, `ValueError` if `settings` or `classes` are not JSON, or the model is one
    that `load` would refuse: weights that are not finite, columns that are not those of the network.

    >>> import tempfile, throughtime as tt
    >>> network = tt.elman(1, 2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tt.save(f"{folder}/echo.safetensors", tt.Model(network, tt.init(network, 0)))
    ...     tt.load(f"{folder}/echo.safetensors").network == network
    True
    """
    _refuse_others(path, model)
    data = container.pack(_texts(path, model), {name: np.asarray(a) for name, a in _named(native(model.weights))})
    again = _read(BytesIO(data), path, {layer.unit for layer in model.network.layers})
    if again.network != model.network:
        raise ValueError(f"{path}: two units of the network have one name, by which they could not be told apart")
    files.write(path, data)


def _refuse_others(path: Any, model: Any) -> None:
    """Refuse what is no model, with what to write instead."""
    if isinstance(path, Model) or hasattr(path, "to_model"):
        raise ValueError("the path comes first: save(path, model)")
    if hasattr(model, "to_model"):
        raise ValueError(f"save writes a Model; of a fitted {type(model).__name__} write save(path, fitted.to_model())")
    if not isinstance(model, Model):
        raise ValueError(f"save writes a Model, not {type(model).__name__}: save(path, tt.Model(network, weights))")


def _texts(path: Any, model: Model) -> dict[str, str]:
    about = {f: getattr(model, f) for f in ("classes", "washout", "settings", "members")}
    about |= {f: [asdict(c) for c in getattr(model, f)] for f in ("inputs", "outputs")}
    try:
        text = json.dumps(about, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: classes and settings must be what JSON can hold: {error}") from None
    own = {"format": FORMAT, "format_version": str(VERSION), "library_version": library_version()}
    return own | {"network": model.network.to_json(), "model": text}


def load(path: str | os.PathLike[str], units: Iterable[Unit] = ()) -> Model:
    """The model in a file written by `save`; `units` are your own units, found by their names.

    Raises `ModelFileError`, which says in one line what is wrong with the file, and `OSError` if it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a model file; name the .safetensors file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give the .safetensors file that was saved")
    with path.open("rb") as file:
        model = _read(file, path, units)
    return replace(model, weights=jax.device_put(model.weights))  # where jnp.asarray would compile for every shape


def _read(file: BinaryIO, name: Any, units: Iterable[Unit]) -> Model:
    """The model in a file that is called `name`, checked; its weights are views of what was read."""
    held = container.read(file, name)
    _check_version(held.texts, name)
    try:
        model = _described(held.texts, tuple(units))
        check(model, held.arrays)
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{name}: its description cannot be read ({error!r}); the file is damaged") from None
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"{name}: {error}") from None
    return replace(model, weights=_weights(shapes(model.network), held.arrays))


def _check_version(texts: Mapping[str, str], name: Any) -> None:
    if texts.get("format") != FORMAT:
        raise ModelFileError(f"{name} is a .safetensors file, but not a model of throughtime")
    if texts.get("format_version") != str(VERSION):
        raise ModelFileError(
            f"{name} has format version {texts.get('format_version')}, written by throughtime "
            f"{texts.get('library_version')}; this library reads version {VERSION}: install a newer throughtime"
        )
    for text in sorted(TEXTS ^ texts.keys()):
        what = "is missing" if text in TEXTS else "is not one of a model"
        raise ModelFileError(f"{name}: its description cannot be read ({text!r} {what}); the file is damaged")


def _described(texts: Mapping[str, str], units: tuple[Unit, ...]) -> Model:
    """The model without its weights, as it is described."""
    if texts["network"].count(",") > MOST_PARTS:
        raise ValueError(f"its wiring has more than {MOST_PARTS} parts, which no network has")
    network, about = from_json(texts["network"], units), json.loads(texts["model"])
    inputs, outputs = (tuple(Column(**c) for c in about[side]) for side in ("inputs", "outputs"))
    if not isinstance(about["classes"], list):
        raise TypeError("classes must be a list")
    classes, members = tuple(about["classes"]), about.get("members", 0)
    return Model(network, {}, inputs, outputs, classes, about["washout"], about["settings"], members)


def check(model: Model, arrays: Mapping[str, Values]) -> None:
    """Refuse, with a ValueError in one line, a model that could not be used.

    model   what a file says of it, its weights aside
    arrays  the weights by their names in a file
    """
    network = model.network
    whole(model.members, "the number of members", 0)
    if not is_whole(model.washout, 0):
        raise ValueError(f"the washout must be a number of steps, not {model.washout!r}")
    if not isinstance(model.settings, Mapping):
        raise ValueError(f"the settings must be names with what they are, not {type(model.settings).__name__}")
    _check_held(network, model.members)
    _check_arrays(network, model.members, arrays)
    taken, given = sum(size for _, size in network.inputs), network.size_of(network.output)
    _check_columns(model.inputs, "inputs", {0, taken, taken - given if network.is_open else taken})
    _check_columns(model.outputs, "outputs", {0, given})
    if len(model.classes) not in (0, given):
        raise ValueError(f"there are {len(model.classes)} classes, but the network has {given} outputs")
    for name in model.classes:
        if not isinstance(name, str | int | float):
            raise ValueError(f"a class must be a name or a number, not {name!r}")


def _check_held(network: Network, members: int) -> None:
    """Refuse what no machine could run, before anything is made of that size."""
    heard = {source: max(depths(network)[source], depths(network, True)[source]) for source in network.sizes}
    held = sum(size * (1 + heard[source] + network.lead) for source, size in network.sizes.items())
    held += sum(layer.size * layer.memory for layer in network.layers)
    if held * max(members, 1) > MOST_HELD:
        raise ValueError(
            f"the network keeps {held} numbers from step to step, times {members or 1} members, more than {MOST_HELD}; "
            "take shorter delays or fewer units"
        )


def _check_arrays(network: Network, members: int, arrays: Mapping[str, Values]) -> None:
    wanted = {name: (members, *shape) if members else shape for name, shape in _named(shapes(network))}
    for name in sorted(wanted.keys() ^ arrays.keys()):
        what = "is missing" if name in wanted else "belongs to no part of the network"
        raise ValueError(f"the array {name!r} {what}; the file does not fit its own network")
    for name, array in arrays.items():
        if array.shape != wanted[name]:
            raise ValueError(f"the array {name!r} has shape {array.shape}, its network wants {wanted[name]}")
    if len({array.dtype for array in arrays.values()}) > 1:
        raise ValueError("the arrays are of several types of numbers, where a network computes in one")
    for name, array in arrays.items():
        with np.errstate(over="ignore"):
            acting = array.astype(jnp.result_type(array.dtype), copy=False)  # as JAX will hold it
        if not np.isfinite(acting).all():
            raise ValueError(
                f"the array {name!r} has numbers that are not finite: the network says nothing; train it again"
            )


def _check_columns(columns: tuple[Column, ...], what: str, possible: set[int]) -> None:
    if len(columns) not in possible:
        raise ValueError(
            f"there are {len(columns)} columns for the {what}, but the network has {max(possible)} of them"
        )
    for column in columns:
        if not is_text(column.name):
            raise ValueError(f"the name of a column must be text, not {column.name!r}")
        if not is_number(column.mean) or not is_number(column.scale) or not column.scale > 0:
            numbers = f"{column.mean!r} and {column.scale!r}"
            raise ValueError(f"column {column.name!r}: mean and scale must be finite, the scale above 0, not {numbers}")
        low, high = (-inf if column.low is None else column.low), (inf if column.high is None else column.high)
        if not (low == -inf or is_number(low)) or not (high == inf or is_number(high)) or not low < high:
            raise ValueError(f"column {column.name!r}: low must be a number below high, not {low!r} and {high!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is of type {type(value).__name__}")


def library_version() -> str:
    """The version of this library, as it is installed."""
    try:
        return version(FORMAT)
    except PackageNotFoundError:  # run from a source folder
        return "unknown"


def _named(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, part in tree.items():
        name = path + quote(str(key), safe=" ")
        yield from _named(part, f"{name}/") if isinstance(part, Mapping) else [(name, part)]


def _weights(tree: Mapping[str, Any], arrays: Mapping[str, Values], path: str = "") -> Any:
    """The arrays as a tree like that of shapes."""
    names = {key: path + quote(key, safe=" ") for key in tree}
    return {
        key: _weights(part, arrays, f"{names[key]}/") if isinstance(part, Mapping) else arrays[names[key]]
        for key, part in tree.items()
    }
