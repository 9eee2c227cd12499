"""The public names: explicit, sorted, documented, with examples that run."""

import ast
import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import throughtime as tt
import throughtime.engine

PROMISED = [
    "BPTT",
    "CTC",
    "RTRL",
    "Backprop",
    "BinaryCrossEntropy",
    "Column",
    "Connection",
    "CrossEntropy",
    "Diverged",
    "DynamicModel",
    "Focused",
    "Integrated",
    "Judgement",
    "KalmanFilter",
    "LabelLanguage",
    "Layer",
    "LearnedDelays",
    "Learner",
    "Lesson",
    "LevenbergMarquardt",
    "Lexicon",
    "Model",
    "NGram",
    "Network",
    "Report",
    "RunFolder",
    "SequenceClassifier",
    "SequenceRegressor",
    "SquaredError",
    "Stream",
    "Study",
    "Teaching",
    "Unit",
    "WeightNoise",
    "WordLanguage",
    "anneal",
    "ctc_beam",
    "ctc_greedy",
    "deltas",
    "draw",
    "elman",
    "engine_info",
    "evaluate",
    "export_c",
    "export_onnx",
    "features",
    "feedforward",
    "focused",
    "from_json",
    "fully_recurrent",
    "gradient_descent",
    "gru",
    "hand_over",
    "harden",
    "init",
    "jacobians",
    "jordan",
    "label_error_rate",
    "load",
    "load_progress",
    "lstm",
    "mfcc",
    "narx",
    "ntm",
    "plot_deltas",
    "plot_prediction",
    "plot_training",
    "prepare",
    "read",
    "read_audio",
    "read_strokes",
    "read_transcripts",
    "recognise",
    "represent",
    "run",
    "save",
    "save_progress",
    "selected_delays",
    "sharpen",
    "show",
    "start",
    "step",
    "tdnn",
    "trace",
    "train",
    "turing",
    "units",
    "using_engine",
    "waibel",
    "window",
    "word_error_rate",
]

PACKAGE = Path(tt.__file__).parent
MODULES = [m.name for m in pkgutil.walk_packages(tt.__path__, "throughtime.") if "__main__" not in m.name]


def test_the_public_names_are_the_promised_ones():
    assert tt.__all__ == PROMISED
    assert tt.__all__ == sorted(tt.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    for name in tt.__all__:
        assert getattr(tt, name) is not None


@pytest.mark.parametrize("package", [tt, tt.engine], ids=lambda package: package.__name__)
def test_what_is_imported_later_is_what_type_checkers_read(package: ModuleType):
    """A name is a module of the package or called as none, else the module would take its place."""
    checked = next(node for node in ast.parse(inspect.getsource(package)).body if isinstance(node, ast.If))
    read = {
        (node.module or "").removeprefix(package.__name__).lstrip("."): {ast.unparse(name) for name in node.names}
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
    }
    assert read == {module: set(names) for module, names in package._PLACES.items()}
    names = {name.rpartition(" ")[2] for own in read.values() for name in own}
    assert names == set(package.__all__)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert names & modules == read.get("", set())
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'none'"):
        package.none  # noqa: B018


@pytest.mark.parametrize("name", [n for n in tt.__all__ if n != "units"])
def test_every_public_name_says_what_it_means(name: str):
    assert inspect.getdoc(getattr(tt, name)), f"{name} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module: str):
    failed, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0


# Functions that are called alike, since they are alike: by these names somebody else calls them.
CONTRACTS = {"run", "read", "write"}  # of an experiment; of a format of files, or of a ledger's
ROOMS = (
    "architectures",
    "datasets",
    "decoding",
    "drawing",
    "estimators",
    "experiments",
    "features",
    "network",
    "training",
)


def defined(kind: type, folder: Path) -> dict[str, list[str]]:
    """{name: the modules below the folder that define such a thing}; commands are called as they are typed."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, kind) and not (kind is ast.FunctionDef and path.parent.name == "cli"):
                found.setdefault(node.name, []).append(str(path.relative_to(folder)))
    return found


def test_a_class_is_the_only_one_of_its_name() -> None:
    """But for records of the border to C++: they are called as the structs there."""
    border = "engine/native/records.py"
    found = {name: [m for m in where if m != border] for name, where in defined(ast.ClassDef, PACKAGE).items()}
    assert {"Layer", "Study", "Report", "_Rounds"} <= found.keys()
    assert {name: where for name, where in found.items() if len(where) > 1} == {}


def test_a_function_of_these_rooms_is_the_only_one_of_its_name() -> None:
    found = {name: where for name, where in defined(ast.FunctionDef, PACKAGE).items() if name[0] != "_"}
    here = {name: where for name, where in found.items() if any(m.split("/")[0] in ROOMS for m in where)}
    assert {"train", "narx", "weight_count", *CONTRACTS} <= here.keys()
    assert {name: where for name, where in here.items() if len(where) > 1 and name not in CONTRACTS} == {}


def test_two_of_one_name_are_found(tmp_path: Path) -> None:
    for module in ("one", "other"):
        (tmp_path / f"{module}.py").write_text("class Form: ...\n\ndef judged(): ...\n")
    assert defined(ast.ClassDef, tmp_path) == {"Form": ["one.py", "other.py"]}
    assert defined(ast.FunctionDef, tmp_path) == {"judged": ["one.py", "other.py"]}
