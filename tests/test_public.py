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
    "read_audio",
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


def test_a_public_class_is_the_only_one_of_its_name():
    """The border to C++ has its own: its records are called as the structs there."""
    found: dict[str, list[str]] = {}
    for path in Path(tt.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in tt.__all__ and path.parent.name != "native":
                found.setdefault(node.name, []).append(str(path))
    assert {"Layer", "Study", "Report"} <= found.keys()
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
