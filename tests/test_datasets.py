"""Data sets: sunspots come with the package, the others from a folder, or with directions where to get them."""

import os
from pathlib import Path

import numpy as np
import pytest

from throughtime import datasets


def test_sunspots_are_the_known_series() -> None:
    years, numbers = datasets.sunspots()
    assert (years[0], years[-1], len(years)) == (1700, 2008, 309)
    assert years[numbers.argmax()] == 1957


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_a_missing_data_set_says_where_it_comes_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    known = datasets.DATASETS[name]
    with pytest.raises(datasets.DatasetMissing, match="set THROUGHTIME_DATA to a folder") as error:
        datasets.load_dataset(name)
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    with pytest.raises(datasets.DatasetMissing) as other:
        datasets.load_dataset(name)
    for message in (str(error.value), str(other.value)):
        assert known.source in message
        assert known.licence in message
        assert known.files[0] in message
        assert "\n" not in message
    assert str(tmp_path / name) in str(other.value)


def test_tables_and_arrays_are_read_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    for name in ("pendigits", "cascaded_tanks"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "pendigits" / "pendigits.npz", train_x=np.arange(4))
    (tmp_path / "cascaded_tanks" / "dataBenchmark.csv").write_text('"u","Ts",\n1.5,4,\n2.5,,\n\n')
    assert datasets.load_dataset("pendigits")["train_x"].tolist() == [0, 1, 2, 3]
    table = datasets.load_dataset("cascaded_tanks")
    assert table["u"].tolist() == [1.5, 2.5]
    assert np.isnan(table["Ts"][1])
    with pytest.raises(ValueError, match="data set 'pendigits' has no file 'x'; it has"):
        datasets.load_dataset("pendigits", "x")
    with pytest.raises(ValueError, match="unknown data set 'mnist'; known: an4"):
        datasets.dataset_folder("mnist")


@pytest.mark.data
@pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set")
@pytest.mark.parametrize("name", datasets.DATASETS)
def test_the_real_files_can_be_read(name: str) -> None:
    for file in datasets.DATASETS[name].files:
        assert all(len(values) for values in datasets.load_dataset(name, file).values() if values.ndim)
