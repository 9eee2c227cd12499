"""Trees in files: what was written is read, bit for bit; anything else is refused."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from throughtime.io import container, trees

KINDS = [np.dtype(name) for name in ("f8", "f4", "f2", "i8", "i4", "i1", "u8", "u2", "?")]
ARRAYS = st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0)))
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
TREES = st.recursive(
    NUMBERS | ARRAYS,
    lambda own: (
        st.lists(own, max_size=3)
        | st.lists(own, max_size=3).map(tuple)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), own, max_size=3)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        alike = isinstance(other, np.ndarray) and (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and one.tobytes() == other.tobytes()
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@given(TREES)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    path = tmp_path_factory.mktemp("trees") / "tree"
    trees.write(path, "a tree", tree)
    assert same(trees.read(path, "a tree"), tree)
    assert len(list(path.parent.iterdir())) == 1


def test_places_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "a/b": np.array(1.0),
        "a": {"b": np.array(2.0)},
        "a%2Fb": np.array(3.0),
        "": {"": np.array(4.0), "c": np.array(5.0)},
    }
    tree["c"] = np.array(6.0)
    trees.write(tmp_path / "tree", "a tree", tree)
    assert same(trees.read(tmp_path / "tree", "a tree"), tree)


def test_arrays_of_jax_are_read_as_those_of_numpy(tmp_path: Path) -> None:
    trees.write(tmp_path / "tree", "a tree", [jnp.arange(3, dtype=jnp.bfloat16)])
    (found,) = trees.read(tmp_path / "tree", "a tree")
    assert found.dtype == jnp.bfloat16
    assert found.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "tree", [{1: 2}, [object()], {"a": {3}}, np.array(["text"])], ids=["key", "object", "set", "text"]
)
def test_what_no_file_holds_is_refused_and_nothing_written(tree: Any, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        trees.write(tmp_path / "tree", "a tree", tree)
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tree"
    trees.write(path, "a tree", {"a": np.ones(3)})
    with pytest.raises(ValueError, match="holds a tree where a stand is wanted; give a file that holds it"):
        trees.read(path, "a stand")
    for said in ("{", json.dumps({"array": "b"}), json.dumps({"heap": []}), json.dumps({"dict": [1]}), "[" * 100_000):
        path.write_bytes(container.pack({"about": "a tree", "tree": said}, {"a": np.ones(3)}))
        with pytest.raises(ValueError, match="the file is damaged") as error:
            trees.read(path, "a tree")
        assert "\n" not in str(error.value)
