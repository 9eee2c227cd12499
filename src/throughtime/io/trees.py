"""Trees in files: dicts, lists, numbers, texts and arrays in one file, written whole or not at all, which cannot run code.

header  "about": what the file is called; "tree": the tree as JSON, in which an array stands by its name
arrays  as they are, of every kind; each named by its place in the tree

    {"error": array, "epoch": 3}    ->    {"dict": {"error": {"array": "error"}, "epoch": 3}}
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import one_line, quoted
from throughtime.io import container, files
from throughtime.io.container import FileContentError

Arrays = dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], about: str, tree: Any) -> None:
    """Write a tree of dicts, lists, tuples, None, True, False, numbers, texts and arrays; numbers stay what they are, bit by bit.

    about  what it is, which `read` must ask for

    raises  OSError if the folder cannot be written, TypeError for anything else in the tree

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/stand.safetensors", "a stand", {"error": np.array([0.1, np.nan]), "epoch": (3, None)})
    ...     read(f"{folder}/stand.safetensors", "a stand")
    {'error': array([0.1, nan]), 'epoch': (3, None)}
    """
    arrays: Arrays = {}
    said = json.dumps(_taken(tree, None, arrays))
    files.write(path, container.pack({"about": about, "tree": said}, arrays, container.KINDS))


def read(path: str | os.PathLike[str], about: str) -> Any:
    """What `write` wrote, arrays as numpy's.

    raises  FileContentError, a ValueError in one line, for a file that is something else or damaged
    """
    with container.opened(path) as file:
        found = container.read(file, path, container.KINDS)
    told = found.texts.get("about")
    if told != about:
        holds = "something else" if told is None else one_line(told, 100)
        raise FileContentError(f"{path} holds {holds} where {about} is wanted; give a file that holds it")
    try:
        return _given(json.loads(found.texts["tree"]), found.arrays)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise FileContentError(f"{path}: the tree in its header is not readable; the file is damaged") from None


def _taken(tree: Any, place: str | None, arrays: Arrays) -> Any:
    """The tree as JSON; its arrays go to `arrays`."""
    if tree is None or type(tree) in (bool, int, float, str):
        return tree
    if hasattr(tree, "dtype"):
        arrays[place or ""] = np.asarray(jax.device_get(tree))
        return {"array": place or ""}
    if isinstance(tree, Mapping) and all(type(key) is str for key in tree):
        return {"dict": {key: _taken(own, _within(place, key), arrays) for key, own in tree.items()}}
    if isinstance(tree, (list, tuple)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [_taken(own, _within(place, str(n)), arrays) for n, own in enumerate(tree)]}
    raise TypeError(
        f"a tree in a file is of dicts, lists, numbers, texts and arrays; {place or 'it'} is {quoted(tree)}"
    )


def _within(place: str | None, key: str) -> str:
    own = quote(key, safe=" ")
    return own if place is None else f"{place}/{own}"


def _given(said: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(said, dict):
        return said
    ((kind, value),) = said.items()
    if kind == "array":
        return arrays[value].copy()
    if kind == "dict":
        return {key: _given(own, arrays) for key, own in value.items()}
    made = [_given(own, arrays) for own in value]
    return {"list": list, "tuple": tuple}[kind](made)
