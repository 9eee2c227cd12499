"""Model files: what is written comes back, nothing half-written stays, and bad files are named in one line."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as write_arrays

import throughtime as tt
from throughtime.io import files
from throughtime.io.container import FileContentError
from throughtime.models.columns import Column
from throughtime.models.model import Model
from throughtime.models.saving import load, save

NETWORK = tt.narx({"u/1": 1, "v": 2}, 3, 1).open_loop()
COLUMNS = tuple(Column(name, 0.1, 3.0) for name in ("u", "v1", "v2", "y"))


def a_model(network: tt.Network = NETWORK, **rest: Any) -> Model:
    return Model(network, tt.init(network, 1), **rest)


def saved(folder: Path, model: Model) -> Path:
    save(folder / "model.safetensors", model)
    return folder / "model.safetensors"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was(tmp_path: Path, dtype: Any) -> None:
    network = tt.lstm({"a/b": 1, "100%": 2}, [2, 2], 2, start="learned", bidirectional=True)
    about = {"learner": "BPTT()", "epochs": np.int64(3), "rate": 0.1, "lags": [1, 2]}
    settings: dict[str, Any] = {"inputs": COLUMNS[:3], "outputs": COLUMNS[:2], "classes": ("a", "b"), "washout": 2}
    model = Model(network, tt.init(network, 1, dtype), **settings, settings=about)
    back = load(saved(tmp_path, model))
    assert back.network == network
    jax.tree.map(np.testing.assert_array_equal, back.weights, model.weights)
    assert {leaf.dtype for leaf in jax.tree.leaves(back.weights)} == {jnp.dtype(dtype)}
    assert (back.inputs, back.outputs, back.classes, back.washout) == (COLUMNS[:3], COLUMNS[:2], ("a", "b"), 2)
    assert back.settings == about


def test_units_of_ones_own_are_found_by_name(tmp_path: Path) -> None:
    sine = tt.Unit("sine", ("net",), 0, _sine)
    path = saved(tmp_path, a_model(tt.elman(1, 2, 1, f=sine)))
    assert load(path, units=[sine]).network.by_name["hidden"].unit is sine
    with pytest.raises(
        FileContentError, match=r"model.safetensors: unknown unit 'sine'; .* .pass your own with units="
    ):
        load(path)


def _sine(net: jax.Array, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jnp.sin(net[..., 0, :]), memory


def test_every_cut_of_a_file_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path, a_model())
    data = path.read_bytes()
    for end in (0, 4, 8, 20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(FileContentError, match=r"is not a .safetensors file|cut short|header promises") as error:
            load(path)
        assert "\n" not in str(error.value)


def changed(path: Path, metadata: dict[str, str | None], arrays: dict[str, Any] | None = None) -> None:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"] | metadata
    header.pop("checksum")  # as files had it before there was one
    tensors = read_arrays(data) | (arrays or {})
    header = {k: v for k, v in header.items() if v is not None}
    path.write_bytes(write_arrays({k: v for k, v in tensors.items() if v is not None}, header))


@pytest.mark.parametrize(
    ("metadata", "arrays", "words"),
    [
        ({"format": "pt"}, {}, "not a model of throughtime"),
        (
            {"format_version": "2", "library_version": "9.1"},
            {},
            "format version 2, written by throughtime 9.1; .* install",
        ),
        ({"network": None}, {}, "its description cannot be read .* damaged"),
        ({"model": "{"}, {}, "its description cannot be read"),
        ({}, {"hidden/v": None}, "the array 'hidden/v' is missing"),
        ({}, {"hidden/w": np.zeros(2)}, "the array 'hidden/w' belongs to no part of the network"),
        (
            {},
            {"hidden/v": np.zeros((1, 2))},
            r"the array 'hidden/v' has shape \(1, 2\), its network wants \(3, 2, 1, 3\)",
        ),
    ],
)
def test_bad_files_are_named(tmp_path: Path, metadata: Any, arrays: Any, words: str) -> None:
    path = saved(tmp_path, a_model())
    changed(path, metadata, arrays)
    with pytest.raises(FileContentError, match=words) as error:
        load(path)
    assert "model.safetensors" in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_and_no_files(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("time,y\n" + "0,1\n" * 20)
    with pytest.raises(FileContentError, match=r"table.csv is not a .safetensors file"):
        load(tmp_path / "table.csv")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "nothing.safetensors")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("nowhere/m.safetensors", "file/m.safetensors"):
        with pytest.raises(OSError, match=r"cannot write .*m.safetensors: .*; choose a folder that can be written"):
            save(tmp_path / place, a_model())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, a_model())
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save(path, a_model(tt.elman(1, 2, 1)))
    with pytest.raises(ValueError, match="settings must be what JSON can hold"):
        save(path, a_model(settings={"f": _sine}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
