"""The native engine's library: built, loaded, chosen; and what happens where it is missing or does not fit."""

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import pytest

import throughtime as tt
from throughtime.engine.choice import EngineInfo, engine
from throughtime.engine.native import build
from throughtime.engine.native.loading import HANDLERS

NATIVE = tt.engine_info().engine == "native"
with_native = pytest.mark.skipif(not NATIVE, reason="there is no native engine, or it was not chosen")
with_compiler = pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "c++")), reason="there is no C++ compiler")

ASKS = "import throughtime as tt; print(tt.engine_info())"

# Another library and other facts about it, in the folder that is given.
ELSEWHERE = """
import pathlib, sys
from throughtime.engine.native import build, loading
loading.LIBRARY, build.FACTS = (pathlib.Path(sys.argv[1]) / name for name in ("library.so", "facts.json"))
"""

RUNS = """
import warnings
import jax.numpy as jnp
import throughtime as tt
from throughtime.engine.choice import engine

network = tt.elman(1, 2, 1)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for steps in (2, 3):
        ys, _ = tt.run(network, tt.init(network, 0), jnp.ones((steps, 1, 1)))
        print(engine(), ys.shape[0], bool(jnp.all(jnp.isfinite(ys))))
for one in seen:
    print(one.category.__name__, one.message)
print(tt.engine_info())
"""

# What a library would say that was compiled with the headers of a later jaxlib.
LATER = """
#include "xla/ffi/api/c_api.h"
extern "C" XLA_FFI_Error* NAME(XLA_FFI_CallFrame* frame) {
  auto* asked = reinterpret_cast<XLA_FFI_Metadata_Extension*>(frame->extension_start);
  asked->metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  asked->metadata->api_version.minor_version = XLA_FFI_API_MINOR + 1;
  return nullptr;
}
"""


def process(code: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A Python of its own, with nothing chosen but what is given here."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("THROUGHTIME_ENGINE", "THROUGHTIME_ISA")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def refused(done: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("ValueError: ")]
    for part in parts:
        assert part in error


def test_the_environment_can_choose_xla():
    said = process(ASKS, THROUGHTIME_ENGINE="xla").stdout
    assert said.startswith("xla engine: ")
    assert said.endswith("chosen by THROUGHTIME_ENGINE\n")


@with_native
def test_the_environment_can_choose_native_and_a_lower_instruction_set():
    said = process(ASKS, THROUGHTIME_ENGINE="native", THROUGHTIME_ISA="baseline").stdout
    assert said.startswith("native engine: baseline, built with jaxlib ")


def test_what_the_environment_asks_for_and_is_unknown_is_refused():
    refused(process(ASKS, THROUGHTIME_ENGINE="fast"), "THROUGHTIME_ENGINE is 'fast'", "native or xla")
    refused(process(ASKS, THROUGHTIME_ISA="sse"), "THROUGHTIME_ISA is 'sse'", "avx2")


def test_without_a_library_xla_computes_silently_and_says_why(tmp_path: Path):
    (tmp_path / "facts.json").write_text('{"why": "no C++ compiler was found"}')
    done = process(ELSEWHERE + RUNS, tmp_path)
    *runs, said = done.stdout.splitlines()
    assert runs == ["xla 2 True", "xla 3 True"], done.stderr
    assert said.startswith("xla engine: ")
    assert said.endswith("it was not built: no C++ compiler was found")
    refused(process(ELSEWHERE + ASKS, tmp_path, THROUGHTIME_ENGINE="native"), "no C++ compiler was found", "reinstall")


def falls_back(folder: Path, *parts: str) -> None:
    """XLA computes, with one warning in the process, which says all this."""
    done = process(ELSEWHERE + RUNS, folder)
    first, second, warning, said = done.stdout.splitlines()
    assert (first, second) == ("xla 2 True", "xla 3 True"), done.stderr
    assert warning.startswith("RuntimeWarning the native engine is not used")
    for part in ("XLA computes instead", "throughtime.engine.native", *parts):
        assert part in warning
    assert said.startswith("xla engine: ")
    refused(process(ELSEWHERE + ASKS, folder, THROUGHTIME_ENGINE="native"), *parts)


def test_what_is_no_library_is_left_alone_with_one_warning(tmp_path: Path):
    (tmp_path / "library.so").write_text("not a library")
    falls_back(tmp_path, "cannot be loaded")


@with_compiler
def test_a_library_of_a_later_jaxlib_is_left_alone_with_one_warning(tmp_path: Path):
    source, library = tmp_path / "library.cc", tmp_path / "library.so"
    source.write_text("".join(LATER.replace("NAME", name) for name in HANDLERS))
    compiler = os.environ.get("CXX", "c++")
    subprocess.run([compiler, "-shared", "-fPIC", f"-I{jax.ffi.include_dir()}", source, "-o", library], check=True)
    falls_back(tmp_path, "API version", "incompatible")


@with_native
def test_a_library_that_reads_other_records_is_left_alone_with_one_warning(tmp_path: Path):
    """As one does that was built before a field was moved."""
    shutil.copy(build.LIBRARY, tmp_path / "library.so")
    moved = """
from throughtime.engine.native import records
told = records.told
records.told = lambda: told().replace("size, depth", "depth, size")
"""
    done = process(moved + ELSEWHERE + RUNS, tmp_path)
    assert done.stdout.splitlines()[:2] == ["xla 2 True", "xla 3 True"], done.stderr
    assert "it reads other records than this version of throughtime writes" in done.stdout


def test_no_cache_of_jax_is_fooled_by_the_choice():
    traced = []

    @jax.jit
    def inner(x: jax.Array) -> jax.Array:
        traced.append(engine())
        return x + len(engine())

    outer = jax.jit(lambda x: jax.lax.map(inner, x))
    for _ in range(2):
        for name in ("native", "xla") if NATIVE else ("xla",):
            with tt.using_engine(name):
                assert outer(jnp.zeros(2)).tolist() == [len(name)] * 2
                assert tt.engine_info().engine == name
        assert outer(jnp.zeros(2)).tolist() == [len(engine())] * 2
    assert traced.count("xla") == 1
    assert traced.count("native") == NATIVE


def test_what_cannot_be_used_is_refused_by_name():
    with pytest.raises(ValueError, match="given 'fast': the engines are native and xla"), tt.using_engine("fast"):
        pass


@with_native
def test_the_engine_is_described_in_one_line():
    info = tt.engine_info()
    assert info == EngineInfo(
        "native", info.why, info.instruction_set, info.file, info.built_with, info.running_with, info.sanitizers
    )
    assert info.instruction_set in build.SETS
    assert info.file == build.LIBRARY.name


# Building, on small sources of its own.


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A copy of the build module with sources that compile at once."""
    monkeypatch.delenv("THROUGHTIME_SANITIZE", raising=False)
    shutil.copy(build.__file__, tmp_path / "build.py")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/kernels.cc").write_text("namespace TT_ISA { int bytes() { return TT_BYTES; } }\n")
    (tmp_path / "sources/library.cc").write_text(
        'extern "C" __attribute__((visibility("default"))) int one() { return 1; }\n'
    )
    spec = spec_from_file_location("workshop", tmp_path / "build.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@with_compiler
def test_it_is_built_once_and_again_when_something_changed(workshop: ModuleType, monkeypatch: pytest.MonkeyPatch):
    assert workshop.build()
    assert not workshop.build()
    first = workshop.facts()
    assert first["jaxlib"] == tt.engine_info().running_with
    (workshop.SOURCES / "kernels.h").write_text("// new\n")
    assert workshop.build()
    monkeypatch.setenv("THROUGHTIME_SANITIZE", "undefined")
    assert workshop.build()
    assert workshop.facts()["sanitizers"] == "undefined"
    assert workshop.LIBRARY.exists()


@with_compiler
def test_what_does_not_compile_is_not_left_half_built(workshop: ModuleType):
    assert workshop.build()
    (workshop.SOURCES / "kernels.cc").write_text("int f() { return nonsense; }\n")
    with pytest.raises(workshop.NotBuilt, match=r"compiler failed: .*nonsense"):
        workshop.build()
    assert not workshop.LIBRARY.exists()
    assert "nonsense" in workshop.facts()["why"]


def test_without_a_compiler_it_says_so(workshop: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXX", "nothing-of-that-name -O1")
    with pytest.raises(workshop.NotBuilt, match="CXX names nothing-of-that-name, which is not there"):
        workshop.build()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(workshop.NotBuilt, match=r"no C\+\+ compiler was found"):
        workshop.build()
    assert workshop.facts() == {"why": "no C++ compiler was found"}
