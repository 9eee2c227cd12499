"""Model files that lie: each is refused in one line, soon and in little memory; what cannot be read again is not saved."""

import json
import time
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as write_arrays

import fuzz_models
import throughtime as tt
from throughtime.dynamics.intervals import Conformal
from throughtime.engine import first
from throughtime.features import SpeechFeatures
from throughtime.features.pen import PenFeatures
from throughtime.features.sound import mfcc
from throughtime.io.container import FileContentError
from throughtime.models.columns import Column
from throughtime.models.model import Model
from throughtime.models.saving import load, save
from throughtime.recognition import Recogniser

NETWORK = tt.narx(2, 3, 1)
COLUMNS = Column("u", 0.1, 3.0), Column("v")
GOOD = {"inputs": COLUMNS, "outputs": (Column("y", 1.0, 2.0, 0.0, 9.0),)}


def a_model(**rest: Any) -> Model:
    return Model(NETWORK, tt.init(NETWORK, 1), **(GOOD | rest))


def saved(folder: Path, model: Model | None = None) -> Path:
    save(folder / "model.safetensors", model or a_model())
    return folder / "model.safetensors"


def as_before_checksums(path: Path, about: Any = None, network: Any = None, arrays: Any = None) -> None:
    """The file as the library beneath writes it, which is how it was; with other texts and arrays."""
    with safe_open(path, "numpy") as file:
        texts = {name: text for name, text in file.metadata().items() if name != "checksum"}
    for name, change in (("model", about), ("network", network)):
        texts[name] = texts[name] if change is None else json.dumps(json.loads(texts[name]) | change)
    path.write_bytes(write_arrays(read_arrays(path.read_bytes()) | (arrays or {}), texts))


def refusal(path: Path) -> str:
    with pytest.raises(FileContentError) as error:
        load(path)
    said = str(error.value)
    assert "\n" not in said
    assert len(said) <= 1000
    return said


def test_any_bit_that_differs_is_found(tmp_path: Path) -> None:
    data, path = saved(tmp_path).read_bytes(), tmp_path / "flipped.safetensors"
    for place in range(0, 8 * len(data), 37):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        refusal(path)
    path.write_bytes(data)
    load(path)  # the control


def test_files_from_before_there_were_checksums_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path)
    as_before_checksums(path)
    back = load(path)
    assert (back.network, back.inputs, back.outputs) == (NETWORK, COLUMNS, GOOD["outputs"])
    jax.tree.map(np.testing.assert_array_equal, back.weights, a_model().weights)


def test_the_format_is_that_of_the_library_beneath(tmp_path: Path) -> None:
    """So earlier versions of this one, which read with it, read new files."""
    path = saved(tmp_path)
    arrays = read_arrays(path.read_bytes())
    np.testing.assert_array_equal(arrays["hidden/output"], a_model().weights["hidden"]["output"])
    with safe_open(path, "numpy") as file:
        assert set(file.metadata()) >= {"format", "format_version", "library_version", "network", "model"}


def test_the_same_model_makes_the_same_bytes(tmp_path: Path) -> None:
    made = {saved(tmp_path).read_bytes() for _ in range(5)}
    save(tmp_path / "again.safetensors", load(tmp_path / "model.safetensors"))
    assert made == {(tmp_path / "again.safetensors").read_bytes()}


NAN, INFINITE = float("nan"), float("inf")
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "scale 0": ({"inputs": (Column("u", 0.0, 0.0), COLUMNS[1])}, "column 'u': mean and scale must be finite"),
    "scale negative": ({"outputs": (Column("y", 0.0, -1.0),)}, "column 'y': mean and scale .* the scale above 0"),
    "scale infinite": ({"outputs": (Column("y", 0.0, INFINITE),)}, "column 'y': mean and scale"),
    "mean nan": ({"outputs": (Column("y", NAN),)}, "column 'y': mean and scale must be finite"),
    "mean a text": ({"outputs": (Column("y", "1"),)}, "column 'y': mean and scale"),  # type: ignore[arg-type]
    "mean without end": ({"outputs": (Column("y", 10**400),)}, "column 'y': mean and scale"),
    "low above high": ({"outputs": (Column("y", low=2.0, high=1.0),)}, "column 'y': low must be a number below high"),
    "low at high": ({"outputs": (Column("y", low=1.0, high=1.0),)}, "column 'y': low must be"),
    "low nan": ({"outputs": (Column("y", low=NAN),)}, "column 'y': low must be"),
    "high a list": ({"outputs": (Column("y", high=[1]),)}, "column 'y': low|cannot be read"),  # type: ignore[arg-type]
    "name a number": ({"outputs": (Column(3),)}, "name of a column must be text, not 3"),  # type: ignore[arg-type]
    "half a character": ({"outputs": (Column("\ud800"),)}, "name of a column must be text"),
    "a column too few": ({"inputs": COLUMNS[:1]}, "there are 1 columns for the inputs, but the network has 2"),
    "a column too many": ({"outputs": (*COLUMNS,)}, "there are 2 columns for the outputs, but the network has 1"),
    "washout negative": ({"washout": -1}, "washout must be a number of steps, not -1"),
    "washout half": ({"washout": 1.5}, "washout must be a number of steps, not 1.5"),
    "members half": ({"members": 0.5}, "number of members must be a whole number"),
    "members that are not there": ({"members": 3}, "its network wants \\(3, "),
    "classes": ({"classes": ("a", "b")}, "there are 2 classes, but the network has 1 outputs"),
    "a class that is none": ({"classes": ([1],)}, "a class must be a name or a number"),
    "settings a list": ({"settings": [1]}, "settings must be names with what they are, not list"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_could_not_be_used_is_neither_saved_nor_read(tmp_path: Path, name: str) -> None:
    change, words = LIES[name]
    with pytest.raises(FileContentError, match=words) as error:
        save(tmp_path / "lie.safetensors", a_model(**change))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "lie.safetensors").exists()
    path = saved(tmp_path)
    as_before_checksums(path, json.loads(json.dumps(change, default=vars)))
    with pytest.raises(FileContentError, match=words):
        load(path)


@pytest.mark.parametrize("number", [NAN, INFINITE])
def test_weights_that_say_nothing_are_neither_saved_nor_read(tmp_path: Path, number: float) -> None:
    spoiled = jax.tree.map(np.array, a_model().weights)
    spoiled["hidden"]["bias"][0, 1] = number
    with pytest.raises(FileContentError, match="the array 'hidden/bias' has numbers that are not finite"):
        saved(tmp_path, Model(NETWORK, spoiled))
    path = saved(tmp_path)
    as_before_checksums(path, arrays={"hidden/bias": spoiled["hidden"]["bias"]})
    assert "'hidden/bias' has numbers that are not finite" in refusal(path)


def test_weights_are_floating_point_numbers_of_one_type(tmp_path: Path) -> None:
    whole = np.zeros((1, 3), np.int32)
    path = saved(tmp_path)
    as_before_checksums(path, arrays={"hidden/bias": whole})
    assert "the array 'hidden/bias' holds 'I32'; weights are floating-point numbers" in refusal(path)
    with pytest.raises(ValueError, match="'hidden/bias' holds int32"):
        save(path, Model(NETWORK, a_model().weights | {"hidden": {"bias": whole}}))
    as_before_checksums(saved(tmp_path), arrays={"hidden/bias": np.zeros((1, 3), np.float16)})
    assert "of several types of numbers" in refusal(path)


def test_what_is_no_model_is_told_to_save_as_one(tmp_path: Path) -> None:
    path, fitted = tmp_path / "m.safetensors", tt.DynamicModel(NETWORK)
    with pytest.raises(ValueError, match=r"of a fitted DynamicModel write save\(path, fitted.to_model\(\)\)"):
        save(path, fitted)  # type: ignore[arg-type]
    for swapped in (a_model(), fitted):
        with pytest.raises(ValueError, match=r"the path comes first: save\(path, model\)"):
            save(swapped, path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="save writes a Model, not dict"):
        save(path, a_model().weights)  # type: ignore[arg-type]


def test_two_units_of_one_name_are_not_saved(tmp_path: Path) -> None:
    other = tt.Unit("tanh", ("net",), 0, tt.units.tanh.activate, coupled=True)
    layers = [tt.Layer("h", 1, other, ("input",)), tt.Layer("y", 1, tt.units.tanh, ("h",))]
    network = tt.Network(1, layers, "y")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two units of the network have one name"):
        save(tmp_path / "m.safetensors", Model(network, tt.init(network, 0)))


def test_loading_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    first.shapes.cache_clear()
    monkeypatch.setattr(first, "_drawn", None)
    assert load(path).network == NETWORK


HEARD = {"source": "x", "delays": [0], "weight": "identity", "nets": None, "dropout": 0.0, "name": None}
ABOUT = {"inputs": [], "outputs": [], "classes": [], "washout": 0, "settings": {}}


def layer(name: str = "y", *heard: dict[str, Any], **rest: Any) -> dict[str, Any]:
    made = {
        "name": name,
        "size": 1,
        "unit": "linear",
        "connections": [HEARD | c for c in heard or ({},)],
        "bias": False,
    }
    return made | {"backward": False, "start": "zero"} | rest


def claimed(*layers: dict[str, Any], about: str = "") -> bytes:
    """A file without arrays that is whole but for what it says."""
    network = {"inputs": [["x", 1]], "layers": layers, "output": layers[-1]["name"], "lead": 0}
    texts = {"checksum": "0" * 64, "format": "throughtime", "format_version": "1", "library_version": "1"}
    texts |= {"network": json.dumps(network), "model": about or json.dumps(ABOUT)}
    header = json.dumps({"__metadata__": texts}, separators=(",", ":")).encode()
    data = len(header).to_bytes(8, "little") + header
    return data.replace(b"0" * 64, sha256(data).hexdigest().encode(), 1)


HOSTILE = {
    "a wide layer": (lambda: claimed(layer("y", {"weight": "dense"}, size=10**12)), "keeps 1000000000001 numbers"),
    "a long delay": (lambda: claimed(layer("y", {"delays": [10**9]})), "keeps 1000000002 numbers"),
    "a range of delays": (
        lambda: claimed(layer("y", {"weight": {"maximum": 10**12, "minimum": 0, "temperature": 1.0}})),
        "the learned delays 0 to 1000000000000 are not those that are listed",
    ),
    "many delays": (lambda: claimed(layer("y", {"delays": list(range(90_000))}), layer("z")), "no path leads"),
    "a chain of layers": (
        lambda: claimed(*(layer(f"{n}", {"source": str(n - 1) if n else "x"}) for n in range(3000)), layer("z")),
        "no path leads",
    ),
    "many connections": (lambda: claimed(layer("y", *({"name": f"{n}"} for n in range(9000))), layer("z")), "no path"),
    "more parts than a model has": (lambda: claimed(layer(), about="[" + "{}," * 3_000_000 + "0]"), "400000 parts"),
    "nests": (lambda: claimed(layer(), about="[" * 100_000 + "]" * 100_000), "cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_decides_on_no_time_and_no_memory(tmp_path: Path, name: str) -> None:
    make, words = HOSTILE[name]
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(make())
    begin = time.process_time()
    assert words in refusal(path)
    assert time.process_time() - begin < 1
    tracemalloc.start()
    refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


def test_a_large_file_that_is_no_model_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    for begin, words in (
        (b"", "is not a .safetensors file"),
        (b'\x40\0\0\0\0\0\0\0{"layer":', "not a model of throughtime"),
    ):
        with path.open("wb") as file:
            file.write(begin)
            file.truncate(10**10)  # of which the disk holds nothing
        assert words in refusal(path)


SPEECH = SpeechFeatures(1, "mean").settings(coefficients=3, rate=8000)
PEN = PenFeatures(points=5, columns=("x", "y")).settings


@pytest.mark.parametrize(
    ("inputs", "settings", "words"),
    [
        (6, {"features": SPEECH | {"coefficients": 0}}, "coefficients must be a whole number from 1"),
        (6, {"features": SPEECH | {"filters": 10**9}}, "filters must be a whole number from 3"),
        (6, {"features": SPEECH | {"rate": 10**12}}, "the rate must be from"),
        (6, {"features": SPEECH | {"rate": "8000"}}, "the rate must be from"),
        (6, {"features": SPEECH | {"low": "x"}}, "between numbers of hertz"),
        (6, {"features": SPEECH | {"deltas": 10**9}}, "the features are 3000000003 numbers a step"),
        (6, {"features": SPEECH | {"frames": 2.5}}, "deltas must be at least 0 and frames"),
        (6, {"features": SPEECH | {"prior": {"mean": "x", "steps": 1}}}, "a prior without its mean and steps"),
        (2, {"features": PEN | {"points": 10**12}}, "needs at least 2 points, and"),
        (2, {"features": PEN | {"spacing": "x"}}, "spacing and widest must be above 0"),
        (2, {"features": PEN | {"columns": [[], "x"]}}, "columns must be some of"),
        (2, {"features": PEN | {"columns": 3}}, "columns must be a list"),
        (2, {"features": PEN | {"kind": []}}, "the model hears"),
        (2, {"features": PEN, "answer": []}, "the model's answer is"),
        (2, {"features": PEN, "blank": 7}, "the blank must be one of the 3 outputs, not 7"),
        (2, {"features": PEN, "vocabulary": "ab"}, "the vocabulary must be a list of words"),
        (2, {"features": PEN, "decoder": {"sentences": ["a"], "order": 10**9}}, "the order of an n-gram is"),
        (2, {"features": PEN, "decoder": {"sentences": ["a"], "wide": 3}}, "the settings of a decoder are sentences"),
        (2, {"features": PEN, "decoder": {"sentences": 3}}, "a list of texts"),
    ],
)
def test_a_recogniser_is_told_what_makes_no_sense(inputs: int, settings: Any, words: str) -> None:
    network = tt.gru(inputs, 2, 3)
    about = {"answer": "ctc"} | settings
    with pytest.raises(ValueError, match=words):
        Recogniser(Model(network, tt.init(network, 0), classes=("", " ", "a"), settings=about))


def test_the_library_beneath_is_not_told_what_ends_the_program() -> None:
    with pytest.raises(ValueError, match="coefficients must be a whole number from 1 to 26, the filters, not 0"):
        mfcc(np.zeros(800), 8000, coefficients=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"members": [{}, {}]}, "where there are 1 of them"),
        ({"members": 3}, "where there are 1 of them"),
        ({"members": [{"fold": "x"}]}, "folds of members that are no whole numbers"),
        ({"single_output": "yes"}, "single_output='yes'"),
        ({"intervals": 3}, "forecast intervals are levels, and widths"),
        ({"intervals": {"levels": [0.8], "widths": [[[-1.0]]]}}, "for each widths of at least 0"),
        ({"intervals": {"levels": [0.95, 0.8], "widths": [[[1.0]], [[1.0]]]}}, "rising levels between 0 and 1"),
        ({"intervals": {"levels": [0.8], "widths": [[[1.0, 1.0]]]}}, "not for 1 outputs"),
    ],
)
def test_a_model_of_a_system_is_told_what_makes_no_sense(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tt.DynamicModel.from_model(a_model(settings=settings))


def test_intervals_come_back() -> None:
    made = Conformal.fit(np.random.default_rng(0).normal(size=(5, 2, 1)))
    assert Conformal.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert np.isinf(made.widths[1]).all()


def test_a_model_of_several_networks_without_settings_can_be_saved_again(tmp_path: Path) -> None:
    weights = jax.tree.map(lambda a: np.stack([a, a, a]), a_model().weights)
    again = tt.DynamicModel.from_model(Model(NETWORK, weights, members=3, **GOOD)).to_model()
    assert load(saved(tmp_path, again)).members == 3


def test_files_changed_in_every_way_are_refused_or_sound() -> None:
    """A small part of the search: `python tests/fuzz_models.py`."""
    wrong: list[str] = []
    found = fuzz_models.search(0, range(150), lambda number, data, error: wrong.append(f"{number}: {error}"))
    assert wrong == []
    assert found["refused"] > 80
    assert found["sound"] > 10
