"""Model files: one .safetensors file, arrays and JSON, which cannot run code.

header    format "throughtime", its version, the library's version, and the model without its weights as JSON
arrays    the weights, each named by its path: "layer/connection", with "/" and "%" in names written as %2F and %25
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as write_arrays

from throughtime.engine import Weights, init
from throughtime.io import files
from throughtime.network import Network, from_json
from throughtime.units import Unit

FORMAT = "throughtime"
VERSION = 1
HEADER_LIMIT = 100_000_000  # bytes, as the safetensors format has it

Values = NDArray[Any]


class ModelFileError(ValueError):
    """A file that is not a model this library can read."""


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
    mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    flat = deviation <= 1e-12 * np.abs(mean)  # a constant column only loses its mean
    numbers = zip(names, mean, np.where(flat, 1.0, deviation), strict=True)
    return tuple(Column(str(name), float(m), float(d)) for name, m, d in numbers)


def standardise(values: Values, columns: Sequence[Column]) -> Values:
    """What the network sees of `values` (..., columns)."""
    return np.asarray((values - np.array([c.mean for c in columns])) / np.array([c.scale for c in columns]))


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


def save(path: str | os.PathLike[str], model: Model) -> None:
    """Write the model to a file; it appears under its name only when it is complete.

    Raises `OSError` if the folder cannot be written, `ValueError` if `settings` or `classes` are not JSON.

    >>> import tempfile, throughtime as tt
    >>> network = tt.elman(1, 2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tt.save(f"{folder}/echo.safetensors", tt.Model(network, tt.init(network, 0)))
    ...     tt.load(f"{folder}/echo.safetensors").network == network
    True
    """
    about = {f: getattr(model, f) for f in ("classes", "washout", "settings", "members")}
    about |= {f: [asdict(c) for c in getattr(model, f)] for f in ("inputs", "outputs")}
    try:
        text = json.dumps(about, default=_plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: classes and settings must be what JSON can hold: {error}") from None
    metadata = {"format": FORMAT, "format_version": str(VERSION), "library_version": library_version()}
    metadata |= {"network": model.network.to_json(), "model": text}
    arrays = {name: np.ascontiguousarray(a) for name, a in _named(model.weights)}
    files.write(path, write_arrays(arrays, metadata))


def load(path: str | os.PathLike[str], units: Iterable[Unit] = ()) -> Model:
    """The model in a file written by `save`; `units` are your own units, found by their names.

    Raises `ModelFileError`, which says what is wrong with the file, and `OSError` if it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a model file; name the .safetensors file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give the .safetensors file that was saved")
    data = path.read_bytes()
    metadata = _metadata(path, data)
    try:
        network = from_json(metadata["network"], tuple(units))
        about = json.loads(metadata["model"])
        inputs, outputs = (tuple(Column(**c) for c in about[side]) for side in ("inputs", "outputs"))
        rest = tuple(about["classes"]), int(about["washout"]), dict(about["settings"]), int(about.get("members", 0))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{path}: its description cannot be read ({error!r}); the file is damaged") from None
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from None
    return Model(network, _weights(path, network, read_arrays(data), rest[-1]), inputs, outputs, *rest)


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


def _named(tree: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield "/".join(quote(str(step.key), safe=" ") for step in path), leaf


def _metadata(path: Path, data: bytes) -> dict[str, str]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > HEADER_LIMIT or data[8:9] not in (b"{", b""):
        raise ModelFileError(f"{path} is not a .safetensors file; give a file written by throughtime")
    if len(data) < 8 + size:
        raise ModelFileError(f"{path} is cut short within its header, at {len(data)} bytes; copy it again")
    try:
        header = json.loads(data[8 : 8 + size])
        metadata = header.pop("__metadata__", {})
        end = 8 + size + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise ModelFileError(f"{path} is not a .safetensors file: its header is not readable") from None
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{path} is a .safetensors file, but not a model of throughtime")
    if metadata.get("format_version") != str(VERSION):
        raise ModelFileError(
            f"{path} has format version {metadata.get('format_version')}, written by throughtime "
            f"{metadata.get('library_version')}; this library reads version {VERSION}: install a newer throughtime"
        )
    if len(data) != end:
        raise ModelFileError(f"{path} has {len(data)} bytes where its header promises {end}; copy it again")
    return dict(metadata)


def _weights(path: Path, network: Network, arrays: dict[str, Values], members: int) -> Weights:
    """The arrays as the weights of that network, or of so many of its wiring, checked."""
    wanted = init(network, 0)
    shapes = {name: (members, *leaf.shape) if members else leaf.shape for name, leaf in _named(wanted)}
    for name in sorted(shapes.keys() ^ arrays.keys()):
        what = "is missing" if name in shapes else "belongs to no part of the network"
        raise ModelFileError(f"{path}: the array {name!r} {what}; the file does not fit its own network")
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ModelFileError(
                f"{path}: the array {name!r} has shape {arrays[name].shape}, its network wants {shape}"
            )
    leaves = [jnp.asarray(arrays[name]) for name in shapes]
    made: Weights = jax.tree.unflatten(jax.tree.structure(wanted), leaves)
    return made
