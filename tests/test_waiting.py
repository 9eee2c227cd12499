"""What one does not wait for: the command line tells of itself, and names are imported, without what they do not need."""

import json
import subprocess
import sys
from unittest.mock import Mock

import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

import throughtime as tt
from throughtime.engine import info
from throughtime.engine.choice import ENGINES

HEAVY = ("jax", "numpy", "scipy", "pandas", "sklearn", "matplotlib", "pyarrow", "optax")
LATE = {"scipy.linalg", "scipy.special", "scipy.stats", "scipy.signal", "pandas", "sklearn", "matplotlib"}
RUNS = f"""
import contextlib, io, json, sys
from throughtime.cli import COMMANDS, program

whole, said, heavy = program(), [], {HEAVY}
names = [command.__name__ for command in COMMANDS]
for words in (["--help"], *([name, "--help"] for name in names), ["fit", "--none"], ["none"], ["--version"], ["show", "lstm"]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        try:
            whole(words, prog_name="throughtime")
            code = 0
        except SystemExit as end:
            code = end.code
    said.append([" ".join(words), code, out.getvalue(), sorted({{name.split(".")[0] for name in sys.modules}} & {{*heavy}})])
print(json.dumps([names, said]))
"""
NAMES = """
import json, sys
import throughtime as tt
found = []
for names in ((), ("lstm", "BPTT", "train", "CTC", "run", "ctc_beam"), ("DynamicModel", "Teaching")):
    for name in names:
        getattr(tt, name)
    found.append(sorted(sys.modules))
print(json.dumps(found))
"""


def asked(code: str) -> list[list[str]]:
    """What a process of its own prints, in which nothing is imported yet."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_the_command_line_tells_of_itself_without_the_library() -> None:
    names, said = asked(RUNS)
    *told, run = said
    for words, code, out, imported in told:
        wrong = "--none" in words or words == "none"
        assert (code, imported) == (2 if wrong else 0, []), words
        assert "error: No such" in out if wrong else "Usage" in out or "engine: " in out
    assert len(told) == len(names) + 4
    assert run[1] == 0
    assert {"jax", "numpy"} <= set(run[3])  # so that the law can be broken


def test_a_name_brings_what_it_needs() -> None:
    nothing, network, system = map(set, asked(NAMES))
    assert not nothing & set(HEAVY)
    assert {"jax", "throughtime.training"} <= network
    assert not network & LATE
    assert "throughtime.dynamics.model" in system
    assert not system & LATE


def test_the_engine_is_told_without_jax_as_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert info.NAMES == ENGINES
    assert info.installed() in (None, tt.engine_info())
    if tt.engine_info().engine != "native" or info.facts()["jaxlib"] != tt.engine_info().running_with:
        return
    assert info.installed() is not None
    for name, value in (
        ("facts", {"jaxlib": "0.8.0"}),
        ("version", "9"),
        ("opened", OSError("it reads other records")),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(info, name, Mock(side_effect=value) if name == "opened" else Mock(return_value=value))
            assert info.installed() is None  # only XLA knows whether it takes a library of another jaxlib
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert info.installed() is None
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
    assert info.installed() is not None
    monkeypatch.setenv("THROUGHTIME_ENGINE", "xla")
    assert str(info.installed()).startswith("xla engine: built with jaxlib ")
    monkeypatch.setenv("THROUGHTIME_ENGINE", "other")
    with pytest.raises(ValueError, match="THROUGHTIME_ENGINE is 'other'"):
        info.installed()


def test_a_model_of_a_system_is_what_scikit_learn_asks_of_an_estimator() -> None:
    """Without being one of its classes, whose import takes longer than JAX's."""
    model = tt.DynamicModel(tt.narx(1, 2, 1, 0, 1), restarts=2)
    twin = clone(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert model.set_params(restarts=3) is model
    assert (model.restarts, twin.restarts) == (3, 2)
    assert "3 restarts" in repr(model)
    assert not is_classifier(model)
    with pytest.raises(
        ValueError, match="DynamicModel has no setting 'nets'; it has dead_time, effort, first, folds, "
    ):
        model.set_params(nets=1)
    with pytest.raises(NotFittedError, match="call fit"):
        model.ensemble()
