"""One core, one thread, no cached compilations: the ground that every figure stands on."""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def settle() -> None:
    """Set what JAX, torch and numpy read when they are imported; call this before they are."""
    early = sorted({"jax", "numpy", "torch"} & set(sys.modules))
    if early:
        raise RuntimeError(f"{', '.join(early)} imported before settle(): the figures would not be those of one thread")
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "0"
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)


def pin() -> int | None:
    """Stay on one core, and so will all processes started from here; None where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


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


def facts(core: int | None) -> dict[str, Any]:
    """Where and with what the figures were taken."""
    versions = {}
    for name in ("throughtime", "jax", "jaxlib", "numpy", "torch"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"processor": _processor(), "core": core, "python": platform.python_version(), "versions": versions}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
