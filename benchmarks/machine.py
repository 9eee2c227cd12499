"""So many cores, so many threads, no cached compilations: the ground that every figure stands on."""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def settle(cores: int = 1) -> None:
    """Set what JAX, torch and numpy read when they are imported; call this before they are."""
    early = sorted({"jax", "numpy", "torch"} & set(sys.modules))
    if early:
        raise RuntimeError(f"{', '.join(early)} imported before settle(): their number of threads would not be ours")
    os.environ.update(dict.fromkeys(_THREADS, str(cores)))
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "0"
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    os.environ["THROUGHTIME_CACHE"] = "off"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if cores > 1 else 'false'}"
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)


def pin(cores: int = 1) -> list[int]:
    """Stay on so many cores, and so will all processes started from here; none where the system cannot."""
    there = at_hand()
    if not hasattr(os, "sched_setaffinity"):
        return []
    if len(there) < cores:
        raise SystemExit(f"{cores} cores are asked for, but this process may use {len(there)}: see --cores")
    os.sched_setaffinity(0, set(there[-cores:]))
    return there[-cores:]


def at_hand() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def threads() -> int:
    """As many threads as `settle` was told."""
    return int(os.environ[_THREADS[0]])


def in_words() -> str:
    """ "one core", "2 cores"."""
    return "one core" if threads() == 1 else f"{threads()} cores"


def resident(what: str = "VmRSS") -> float:
    """The memory this process occupies now, in MB; "VmHWM": the most it ever did."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {what}: resident memory can be read on Linux only")


def fresh(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of this package in a new process; it prints one JSON object."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def facts(cores: list[int]) -> dict[str, Any]:
    """Where and with what the figures were taken."""
    versions = {}
    for name in ("throughtime", "jax", "jaxlib", "numpy", "torch", "flax", "tsfast"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "engine": _engine(),
        "processor": _processor(),
        "cores": cores,
        "python": platform.python_version(),
        "versions": versions,
    }


def _engine() -> str:
    """What throughtime computes with."""
    import throughtime as tt

    return str(tt.engine_info()) if hasattr(tt, "engine_info") else "XLA"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
