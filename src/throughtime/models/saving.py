"""Model files: one .safetensors file, arrays and JSON, which cannot run code.

header    format "throughtime", its version, the library's version, the model without its weights as JSON, a checksum
arrays    the weights, each named by its path, as `named` has it

The same model makes the same bytes. What was read is checked by one function, `check`, which `save` asks too.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import quote

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import one_line
from throughtime.engine.door import own_order
from throughtime.io import container, files
from throughtime.io.container import FileContentError
from throughtime.models.columns import Column
from throughtime.models.model import Model, check, named
from throughtime.network import from_json
from throughtime.network.shapes import shapes
from throughtime.units import Unit

FORMAT = "throughtime"
VERSION = 1
TEXTS = {"format", "format_version", "library_version", "network", "model"}
MOST_PARTS = 100_000  # of a wiring's text, since a layer in memory is many times as long

Values = NDArray[Any]


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
    data = container.pack(_texts(path, model), {name: np.asarray(a) for name, a in named(own_order(model.weights))})
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

    Raises `FileContentError`, which says in one line what is wrong with the file, and `OSError` if it cannot be read.
    """
    with container.opened(path) as file:
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
        raise FileContentError(f"{name}: its description cannot be read ({error!r}); the file is damaged") from None
    except (ValueError, OverflowError) as error:
        raise FileContentError(f"{name}: {error}") from None
    return replace(model, weights=_weights(shapes(model.network), held.arrays))


def _check_version(texts: Mapping[str, str], name: Any) -> None:
    if "about" in texts:
        raise FileContentError(
            f"{name} holds {one_line(texts['about'], 100)}, no model; give a model's file: of a fit it is model.safetensors"
        )
    if texts.get("format") != FORMAT:
        raise FileContentError(f"{name} is a .safetensors file, but not a model of throughtime")
    if texts.get("format_version") != str(VERSION):
        raise FileContentError(
            f"{name} has format version {texts.get('format_version')}, written by throughtime "
            f"{texts.get('library_version')}; this library reads version {VERSION}: install a newer throughtime"
        )
    for text in sorted(TEXTS ^ texts.keys()):
        what = "is missing" if text in TEXTS else "is not one of a model"
        raise FileContentError(f"{name}: its description cannot be read ({text!r} {what}); the file is damaged")


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


def _weights(tree: Mapping[str, Any], arrays: Mapping[str, Values], path: str = "") -> Any:
    """The arrays as a tree like that of shapes."""
    names = {key: path + quote(key, safe=" ") for key in tree}
    return {
        key: _weights(part, arrays, f"{names[key]}/") if isinstance(part, Mapping) else arrays[names[key]]
        for key, part in tree.items()
    }
