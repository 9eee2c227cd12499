"""Builds the native engine: one shared library, from `sources/` to `built/`.

    python -m throughtime.engine.native

Installing does the same (`hatch_build.py`), before anything can be imported: hence the standard library only.
What was built, or why nothing was, is noted in `built/facts.json`.
"""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"
BUILT = HERE / "built"
LIBRARY = BUILT / ("libthroughtime.dylib" if sys.platform == "darwin" else "libthroughtime.so")
FACTS = BUILT / "facts.json"

COMMON = ["-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-ffp-contract=fast", "-Wno-psabi"]
SETS = {  # instruction set: bytes of a vector, flags
    "baseline": (16, ""),
    "avx2": (32, "-mavx2 -mfma"),
    "avx512": (64, "-mavx2 -mfma -mavx512f -mavx512vl -mavx512dq -mavx512bw -mprefer-vector-width=512"),
}


class NotBuilt(Exception):
    """Why there is no native engine, in one line."""


def build() -> bool:
    """Build the library unless it is up to date; whether anything was compiled. Raises NotBuilt with the reason."""
    try:
        compiler, jaxlib = _compiler(), _jaxlib()
        wanted = _digest(compiler, jaxlib)
        if LIBRARY.exists() and facts().get("digest") == wanted:
            return False
        with tempfile.TemporaryDirectory() as scratch:
            _compile(compiler, jaxlib / "include", Path(scratch))
    except NotBuilt as reason:
        LIBRARY.unlink(missing_ok=True)
        _note({"why": str(reason)})
        raise
    _note({"compiler": _named(compiler), "jaxlib": _version(jaxlib), "sanitizers": _sanitizers(), "digest": wanted})
    return True


def facts() -> dict[str, str]:
    """What was noted when it was built: compiler, jaxlib, sanitizers, digest; or why nothing was built. Empty: never tried."""
    return json.loads(FACTS.read_text()) if FACTS.exists() else {}


def _note(found: dict[str, str]) -> None:
    BUILT.mkdir(exist_ok=True)
    FACTS.write_text(json.dumps(found, indent=1) + "\n")


def _compiler() -> list[str]:
    """The command that compiles C++: $CXX, or the first of the usual names that is there."""
    if sys.platform == "win32":
        raise NotBuilt("it is not built on Windows")
    wanted = shlex.split(os.environ.get("CXX", ""))
    for command in [wanted] if wanted else [["c++"], ["g++"], ["clang++"]]:
        if shutil.which(command[0]):
            return command
    raise NotBuilt(f"CXX names {wanted[0]}, which is not there" if wanted else "no C++ compiler was found")


def _named(compiler: list[str]) -> str:
    done = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["unknown"])[0]


def _jaxlib() -> Path:
    """jaxlib's folder, which has the FFI headers: that of this Python's environment, if it has one.

    XLA takes what was compiled for an older version, not for a newer one. pip hides the environment it installs into
    and brings the newest jaxlib instead, but its folder can be asked for.
    """
    places = [sysconfig.get_path("platlib"), *sys.path]
    found = PathFinder.find_spec("jaxlib", places)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / "include/xla/ffi/api/ffi.h").exists():
            return Path(folder)
    raise NotBuilt("jaxlib, which has the FFI headers, is not there")


def _version(jaxlib: Path) -> str:
    return next((found.version for found in distributions(name="jaxlib", path=[str(jaxlib.parent)])), "unknown")


def _sanitizers() -> str:
    return os.environ.get("THROUGHTIME_SANITIZE", "")


def _flags() -> list[str]:
    extra = ["-O1", f"-fsanitize={_sanitizers()}", "-fno-omit-frame-pointer", "-g"] if _sanitizers() else []
    hurried = ["-O1"] if _hurried() else []
    poison = ["-DTT_POISON"] if _hurried() or _sanitizers() else []  # results are NaN before a kernel writes them
    return [*shlex.split(os.environ.get("CXXFLAGS", "")), *COMMON, *hurried, *extra, *poison]


def _hurried() -> bool:
    """Where THROUGHTIME_BUILD=baseline asks for a library that is soon there, not a fast one: seeded faults do."""
    return os.environ.get("THROUGHTIME_BUILD") == "baseline"


def _units() -> list[tuple[str, str, list[str]]]:
    """(object, source, flags) of each translation unit, in the order they are linked.

    Of a function that several units define alike, such as a template of the standard library, the linker keeps the
    first: so the units that every processor can run come first.
    """
    sets = {"baseline": SETS["baseline"]} if _only_baseline() else SETS
    kernels = [
        (f"kernels_{name}.o", "kernels.cc", [f"-DTT_ISA={name}", f"-DTT_BYTES={width}", *flags.split()])
        for name, (width, flags) in sets.items()
    ]
    others = sorted(path for path in SOURCES.glob("*.cc") if path.name != "kernels.cc")
    which = ["-DTT_ONLY_BASELINE"] if _only_baseline() else []
    return [*[(f"{path.stem}.o", path.name, which) for path in others], *kernels]


def _only_baseline() -> bool:
    """Where there is nothing else, or in a hurry."""
    return _hurried() or platform.machine().lower() not in ("x86_64", "amd64")


def _digest(compiler: list[str], jaxlib: Path) -> str:
    """Changes when anything does that the library is made from."""
    made = hashlib.sha256(repr((_named(compiler), compiler, _flags(), _units(), _version(jaxlib))).encode())
    for path in [*sorted(SOURCES.iterdir()), *sorted(jaxlib.glob("include/xla/ffi/api/*.h"))]:
        made.update(path.name.encode() + path.read_bytes())
    return made.hexdigest()


def _compile(compiler: list[str], headers: Path, scratch: Path) -> None:
    commands = [
        [*compiler, *_flags(), *flags, f"-isystem{headers}", "-c", str(SOURCES / source), "-o", str(scratch / made)]
        for made, source, flags in _units()
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_call, commands))
    linked = scratch / LIBRARY.name
    _call([*compiler, *_flags(), "-shared", *[str(scratch / made) for made, *_ in _units()], "-o", str(linked)])
    BUILT.mkdir(exist_ok=True)
    shutil.copy(linked, f"{LIBRARY}.new")
    os.replace(f"{LIBRARY}.new", LIBRARY)  # never written over: a running process may have it mapped


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode:
        error = re.search(r"^.*\berror: .*$", done.stderr, re.MULTILINE)
        raise NotBuilt(f"the C++ compiler failed: {error.group() if error else shlex.join(command)}")


def main() -> None:
    """Build, and say what was done."""
    try:
        print("compiled" if build() else "up to date:", LIBRARY.name)
    except NotBuilt as reason:
        sys.exit(f"not built: {reason}")


if __name__ == "__main__":
    main()
